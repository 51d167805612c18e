package main

import (
	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
)

// hostileRows returns the rows below the header, in order.
func hostileRows() []hostileRow {
	var people peopleMaker
	var list []hostileRow
	add := func(fault string, p person, cells map[int]cellValue) {
		list = append(list, hostileRow{fault, p, cells})
	}
	anyone := func() person { return people.make("800101", true, 0, 6, nil) }
	addOne := func(fault string, column int, v cellValue) { add(fault, anyone(), map[int]cellValue{column: v}) }
	addAnswered := func(fault string, fits func(sim.Person, sim.Place) bool) {
		add(fault, people.make("700615", false, 0, 5, fits), nil)
	}
	is := func(s records.VerdictStatus) func(sim.Person, sim.Place) bool {
		return func(p sim.Person, _ sim.Place) bool { return p.Status == s }
	}

	first := anyone()
	add("nothing", first, nil)
	add("", person{}, nil)
	add("only spaces everywhere", person{}, blankCells())

	// ID numbers that can be read in spite of their form.
	spaced, numeric := anyone(), anyone()
	add("spaces and dashes in the ID number", spaced,
		map[int]cellValue{colID: textCell(" " + spaced.id[:6] + "\u00a0" + spaced.id[6:10] + " \u2013 " +
			spaced.id[10:])})
	add("ID number is a number", numeric, map[int]cellValue{colID: numberCell(numeric.id)})
	twelve := people.make("050607", false, 0, 5, nil)
	add("a spreadsheet ate the zero before the ID number", twelve, map[int]cellValue{colID: numberCell(twelve.id[1:])})
	eleven := people.make("001015", true, 0, 5, nil)
	add("a spreadsheet ate two zeros before the ID number", eleven, map[int]cellValue{colID: numberCell(eleven.id[2:])})
	computed := anyone()
	add("ID number is the result of a formula", computed, map[int]cellValue{colID: formulaCell(computed.id)})

	// ID numbers that cannot.
	addOne("ID number is missing", colID, textCell(""))
	addOne("ID number is a dash", colID, textCell(" - "))
	addOne("ID number has a letter", colID, textCell("80010150O9087"))
	addOne("ID number has 12 digits, as text", colID, textCell("101015009087"))
	addOne("ID number has 14 digits", colID, textCell("80010150090870"))
	addOne("ID number is a number of 10 digits", colID, numberCell("1015009087"))
	addOne("ID number is a number with a fraction", colID, numberCell("8001015009087.5"))
	addOne("ID number has a wrong check digit", colID, textCell("8001015009086"))
	addOne("ID number of the 31st of a 13th month", colID, textCell("9913315000088"))
	addOne("ID number of a 30 February", colID, textCell("9902305000083"))
	addOne("ID number of the day 0", colID, textCell("0000000000018"))
	addOne("ID number is a formula's text", colID, textCell("=8001015009087"))

	// Duplicates of the first row.
	add("the first row again, every cell the same but this", first, nil)
	add("the first row's ID number, another name", anyone(),
		map[int]cellValue{colID: textCell(first.id[:6] + "-" + first.id[6:])})

	// What the digits of an ID number say.
	add("permanent resident by the ID number", people.make("850615", true, 1, 5, nil), nil)
	add("refugee by the ID number", people.make("850615", false, 2, 5, nil), nil)
	add("citizenship digit that is not in use", people.make("850615", true, 3, 5, nil), nil)
	add("a child", people.make("200229", false, 0, 5, nil), nil)
	addOne("gender contradicts the ID number", colGender, textCell("Vroulik"))
	addOne("age contradicts the ID number", colAge, numberCell("17"))
	addOne("age is no number", colAge, textCell("old"))
	addOne("an age that the database refuses", colAge, textCell("175"))

	// Words that are in no vocabulary.
	add("words that nobody knows", anyone(), map[int]cellValue{
		colGender: textCell("Mail"), colRace: textCell("Human"), colCitizenship: textCell("Wakandan"),
		colLanguage:   textCell("Klingon"),
		colOccupation: textCell("Beekeeper"), colQualification: textCell("School of life"),
	})
	add("words in other spellings", anyone(), map[int]cellValue{
		colGender: textCell(" m "), colRace: textCell("BLACK/african"), colCitizenship: textCell("s.a. citizen"),
		colLanguage:   textCell("Northern  Sotho"),
		colOccupation: textCell("retired"), colQualification: textCell("grade 12"),
	})

	// Contact data.
	addOne("e-mail address without a host", colEmail, textCell("someone@"))
	addOne("e-mail address is a sentence", colEmail, textCell("has no e-mail"))
	addOne("cell number is too short", colMobile, textCell("082 123"))
	addOne("cell number is a landline", colMobile, textCell("011 123 4567"))
	addOne("cell number lost its zero", colMobile, numberCell("821234567"))
	addOne("cell number of another country", colMobile, textCell("+44 7700 900123"))
	addOne("landline number has letters", colLandline, textCell("011 CALL ME"))

	// Dates.
	addOne("30 February", colJoined, textCell("30/02/2024"))
	addOne("no day at all", colJoined, textCell("last winter"))
	addOne("month first", colJoined, textCell("02/28/2024"))
	addOne("day as a real date", colJoined, cellValue{'d', "2023-12-31"})
	addOne("day as a serial number", colJoined, numberCell("45292"))
	addOne("expiry follows from the payment", colPaid, textCell("29/02/2024"))
	addOne("expiry is given", colExpiry, textCell("1 Maart 2027"))
	addOne("expiry cannot be read", colExpiry, textCell("soon"))

	// Money.
	addOne("amount in words", colAmount, textCell("ten rand"))
	addOne("amount below zero", colAmount, textCell("-R10"))
	addOne("amount with three decimals", colAmount, textCell("R10.005"))
	addOne("amount as a number", colAmount, numberCell("10"))
	addOne("amount with groups and a comma", colAmount, textCell("R 1 234,50"))

	// Codes.
	addOne("ward has words", colWard, textCell("Ward 12"))
	addOne("ward is a number", colWard, numberCell("79800001"))
	addOne("ward and VD have a decimal point", colVD, numberCell("32840011.0"))
	addOne("VD has 7 digits", colVD, textCell("3284001"))

	// Answers of the IEC.
	addAnswered("not registered", is(records.NotRegistered))
	addAnswered("deceased", is(records.Deceased))
	addAnswered("registered abroad", is(records.International))
	addAnswered("registered in another ward",
		func(p sim.Person, home sim.Place) bool { return p.Place != nil && p.Place.Ward != home.Ward })
	addAnswered("registered without a voting district",
		func(p sim.Person, _ sim.Place) bool { return p.Place != nil && p.Place.VD == "" })
	add("the file names no ward", anyone(), map[int]cellValue{colWard: {}, colVD: {}})

	// Texts that a spreadsheet would execute as formulas.
	for _, text := range []string{"=1+1", "+1+1", "-1+1", "@SUM(A1:A2)", "\t=1+1", "\r=1+1",
		`=HYPERLINK("http://example.org","click")`} {
		add("formula in the surname", anyone(), map[int]cellValue{colLast: textCell(text), colShoe: textCell(text)})
	}
	addOne("address is longer than a cell may be", colAddress, textCell(longText()))
	add("letters of the world", anyone(), map[int]cellValue{
		colFirst: textCell("Zoë 🎉"), colLast: textCell("O’Brien-Müller <b>&amp;</b>"),
		colAddress: textCell("1 Acacia Street\nFlat 2\t\"B\""),
	})
	addOne("status is true", colStatus, cellValue{'b', "true"})
	addOne("shoe size is a number", colShoe, numberCell("7.5"))
	addOne("a cell without a header", colNameless, textCell("beyond"))
	addOne("name has spaces around it", colFirst, textCell("  Thandi   Maria "))
	add("", person{}, nil)
	add("the first row once more", first, map[int]cellValue{colShoe: textCell("8")})
	return list
}

// blankCells fills all columns with spaces.
func blankCells() map[int]cellValue {
	cells := make(map[int]cellValue, len(hostileHeaders))
	for i := range hostileHeaders {
		cells[i] = textCell("  ")
	}
	return cells
}
