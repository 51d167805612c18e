package main

import (
	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
)

// hostileRows are the rows below the header, in their order.
func hostileRows() []hostileRow {
	var people crowd
	var list []hostileRow
	add := func(wrong string, who person, cells map[int]value) {
		list = append(list, hostileRow{wrong, who, cells})
	}
	anyone := func() person { return people.next("800101", true, 0, 6, nil) }
	one := func(wrong string, column int, v value) { add(wrong, anyone(), map[int]value{column: v}) }
	answered := func(wrong string, fits func(sim.Person, sim.Place) bool) {
		add(wrong, people.next("700615", false, 0, 5, fits), nil)
	}
	is := func(s records.VerdictStatus) func(sim.Person, sim.Place) bool {
		return func(p sim.Person, _ sim.Place) bool { return p.Status == s }
	}

	first := anyone()
	add("nothing", first, nil)
	add("", person{}, nil)
	add("only spaces everywhere", person{}, blanks())

	// ID numbers that are read all the same.
	spaced, numeric := anyone(), anyone()
	add("spaces and dashes in the ID number", spaced, map[int]value{colID: say(" " + spaced.id[:6] + "\u00a0" + spaced.id[6:10] + " \u2013 " + spaced.id[10:])})
	add("ID number is a number", numeric, map[int]value{colID: number(numeric.id)})
	twelve := people.next("050607", false, 0, 5, nil)
	add("a spreadsheet ate the zero before the ID number", twelve, map[int]value{colID: number(twelve.id[1:])})
	eleven := people.next("001015", true, 0, 5, nil)
	add("a spreadsheet ate two zeros before the ID number", eleven, map[int]value{colID: number(eleven.id[2:])})
	computed := anyone()
	add("ID number is the result of a formula", computed, map[int]value{colID: formula(computed.id)})

	// ID numbers that are not.
	one("ID number is missing", colID, say(""))
	one("ID number is a dash", colID, say(" - "))
	one("ID number has a letter", colID, say("80010150O9087"))
	one("ID number has 12 digits, as text", colID, say("101015009087"))
	one("ID number has 14 digits", colID, say("80010150090870"))
	one("ID number is a number of 10 digits", colID, number("1015009087"))
	one("ID number is a number with a fraction", colID, number("8001015009087.5"))
	one("ID number has a wrong check digit", colID, say("8001015009086"))
	one("ID number of the 31st of a 13th month", colID, say("9913315000088"))
	one("ID number of a 30 February", colID, say("9902305000083"))
	one("ID number of the day 0", colID, say("0000000000018"))
	one("ID number is a formula's text", colID, say("=8001015009087"))

	// Duplicates of the first row.
	add("the first row again, every cell the same but this", first, nil)
	add("the first row's ID number, another name", anyone(), map[int]value{colID: say(first.id[:6] + "-" + first.id[6:])})

	// What an ID number says.
	add("permanent resident by the ID number", people.next("850615", true, 1, 5, nil), nil)
	add("refugee by the ID number", people.next("850615", false, 2, 5, nil), nil)
	add("citizenship digit that is not in use", people.next("850615", true, 3, 5, nil), nil)
	add("a child", people.next("200229", false, 0, 5, nil), nil)
	one("gender contradicts the ID number", colGender, say("Vroulik"))
	one("age contradicts the ID number", colAge, number("17"))
	one("age is no number", colAge, say("old"))
	one("an age that the database refuses", colAge, say("175"))

	// Words that nobody knows.
	add("words that nobody knows", anyone(), map[int]value{
		colGender: say("Mail"), colRace: say("Human"), colCitizenship: say("Wakandan"), colLanguage: say("Klingon"),
		colOccupation: say("Beekeeper"), colQualification: say("School of life"),
	})
	add("words in other spellings", anyone(), map[int]value{
		colGender: say(" m "), colRace: say("BLACK/african"), colCitizenship: say("s.a. citizen"), colLanguage: say("Northern  Sotho"),
		colOccupation: say("retired"), colQualification: say("grade 12"),
	})

	// How to reach them.
	one("e-mail address without a host", colEmail, say("someone@"))
	one("e-mail address is a sentence", colEmail, say("has no e-mail"))
	one("cell number is too short", colMobile, say("082 123"))
	one("cell number is a landline", colMobile, say("011 123 4567"))
	one("cell number lost its zero", colMobile, number("821234567"))
	one("cell number of another country", colMobile, say("+44 7700 900123"))
	one("landline number has letters", colLandline, say("011 CALL ME"))

	// Days.
	one("30 February", colJoined, say("30/02/2024"))
	one("no day at all", colJoined, say("last winter"))
	one("month first", colJoined, say("02/28/2024"))
	one("day as a real date", colJoined, value{'d', "2023-12-31"})
	one("day as a serial number", colJoined, number("45292"))
	one("expiry follows from the payment", colPaid, say("29/02/2024"))
	one("expiry is given", colExpiry, say("1 Maart 2027"))
	one("expiry cannot be read", colExpiry, say("soon"))

	// Money.
	one("amount in words", colAmount, say("ten rand"))
	one("amount below zero", colAmount, say("-R10"))
	one("amount with three decimals", colAmount, say("R10.005"))
	one("amount as a number", colAmount, number("10"))
	one("amount with groups and a comma", colAmount, say("R 1 234,50"))

	// Codes.
	one("ward has words", colWard, say("Ward 12"))
	one("ward is a number", colWard, number("79800001"))
	one("ward and VD have a decimal point", colVD, number("32840011.0"))
	one("VD has 7 digits", colVD, say("3284001"))

	// What the IEC says.
	answered("not registered", is(records.NotRegistered))
	answered("deceased", is(records.Deceased))
	answered("registered abroad", is(records.International))
	answered("registered in another ward", func(p sim.Person, home sim.Place) bool { return p.Place != nil && p.Place.Ward != home.Ward })
	answered("registered without a voting district", func(p sim.Person, _ sim.Place) bool { return p.Place != nil && p.Place.VD == "" })
	add("the file names no ward", anyone(), map[int]value{colWard: {}, colVD: {}})

	// Texts that a spreadsheet would run as formulas.
	for _, text := range []string{"=1+1", "+1+1", "-1+1", "@SUM(A1:A2)", "\t=1+1", "\r=1+1", `=HYPERLINK("http://example.org","click")`} {
		add("formula in the surname", anyone(), map[int]value{colLast: say(text), colShoe: say(text)})
	}
	one("address is longer than a cell may be", colAddress, say(longText()))
	add("letters of the world", anyone(), map[int]value{
		colFirst: say("Zoë 🎉"), colLast: say("O’Brien-Müller <b>&amp;</b>"), colAddress: say("1 Acacia Street\nFlat 2\t\"B\""),
	})
	one("status is true", colStatus, value{'b', "true"})
	one("shoe size is a number", colShoe, number("7.5"))
	one("a cell without a header", colNameless, say("beyond"))
	one("name has spaces around it", colFirst, say("  Thandi   Maria "))
	add("", person{}, nil)
	add("the first row once more", first, map[int]value{colShoe: say("8")})
	return list
}

// blanks fill all columns with spaces.
func blanks() map[int]value {
	cells := make(map[int]value, len(hostileHeaders))
	for i := range hostileHeaders {
		cells[i] = say("  ")
	}
	return cells
}
