package validation

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// ageSlack is by how many years the age cell may differ from the ID number's age: a
// birthday may fall between the making of the roll and its upload.
const ageSlack = 1

// rowReader reads the cells of one row into fields and warnings.
type rowReader struct {
	judge    *Judge
	fields   map[string]string
	guessed  []string // fields that no cell of their own gave
	clear    []string // the fields that the row empties
	warnings []records.Warning
}

func (r *rowReader) warn(field, code, format string, args ...any) {
	r.warnings = append(r.warnings, records.Warning{Field: field, Code: code, Message: fmt.Sprintf(format, args...)})
}

// readCell reads the cell of a column. A cell that cannot be read gives a warning
// and no field.
func (r *rowReader) readCell(column schema.Column, cell workbook.Cell) {
	if cell.Blank() || cell.Lost || cell.NoResult || r.clearField(column, cell) {
		return
	}
	if cell.Kind == workbook.Failed {
		r.warn(column.Field, WarnFormula, "The formula in %s failed: %s.", column.Header, quoteCell(cell.Text))
		return
	}
	var value string
	var ok bool
	code := ""
	switch column.Kind {
	case schema.KindDate:
		var day time.Time
		if day, ok = r.judge.readDate(column, cell); !ok && column.Field == schema.FieldBirth {
			day, ok = r.readBirthDigits(cell)
		}
		if ok {
			value = day.Format(time.DateOnly)
			r.tellFuture(column, day)
		}
		code = WarnDate
	case schema.KindMoney:
		value, ok = ParseMoney(cell.Text, cell.Numeric())
		code = WarnMoney
	case schema.KindCode:
		value, ok = ParseAreaCode(cell.Text)
		code = WarnCode
	case schema.KindCell:
		value, ok = ParseCell(cell.Text)
		code = WarnPhone
	case schema.KindLandline:
		value, ok = ParseLandline(cell.Text)
		code = WarnPhone
	case schema.KindEmail:
		value, ok = ParseEmail(cell.Text)
		code = WarnEmail
	case schema.KindAge:
		value, ok = parseAge(cell.Text)
		code = WarnNumber
	case schema.KindVocabulary:
		value, ok = r.findWord(column, cell.Text), true
	default:
		value, ok = collapseSpaces(cell.Text), true
	}
	if !ok {
		r.warn(column.Field, code, "%s cannot be read and is left out: %s.", column.Header, quoteCell(cell.Text))
		return
	}
	r.fields[column.Field] = value
}

// lostWords say what is the matter with a cell that is workbook.Cell.Lost.
const lostWords = "cannot be read: the file does not have its text, or has it in an unknown form. " +
	"Open the file in a spreadsheet program, fill in the cell and save it."

// noResultWords say what is the matter with a cell that has workbook.Cell.NoResult.
const noResultWords = "has a formula without a result: the program that wrote the file has not calculated it. " +
	"Open the file in Excel, save it there and upload it again."

// tellDamage warns of cells that the file does not hold as it should. Those in columns
// that the roll does not know have no field.
func (r *rowReader) tellDamage(row workbook.Row) {
	for i := range row.Cells {
		cell := &row.Cells[i]
		if !cell.Cut && !cell.Lost && !cell.NoResult && !cell.Twice {
			continue
		}
		field, header := "", "A cell"
		if columns := r.judge.header.Columns; i < len(columns) && columns[i] != "" {
			header = columns[i]
		}
		for _, column := range r.judge.columns {
			if r.judge.header.Fields[column.Field] == i {
				field, header = column.Field, column.Header
			}
		}
		if cell.Lost {
			r.warn(field, WarnLost, "%s (%s) %s", header, cellName(i, row.N), lostWords)
		}
		if cell.NoResult {
			r.warn(field, WarnNoResult, "%s (%s) %s", header, cellName(i, row.N), noResultWords)
		}
		if cell.Twice {
			r.warn(field, WarnTwice, "%s (%s) is in the file twice, with different content; the last is taken.", header,
				cellName(i, row.N))
		}
		if !cell.Cut {
			continue
		}
		r.warn(field, WarnCut, "%s has more text than a cell can hold; what is behind 32,767 characters is left out.",
			header)
	}
}

// cellName returns the name of a cell, such as AB12; columns count from 0.
func cellName(column, row int) string {
	letters := ""
	for column++; column > 0; column = (column - 1) / 26 {
		letters = string(rune('A'+(column-1)%26)) + letters
	}
	return letters + strconv.Itoa(row)
}

// tellFuture warns of a date that lies after the upload and cannot.
func (r *rowReader) tellFuture(column schema.Column, day time.Time) {
	if isPast(column.Field) && column.Field != schema.FieldBirth && day.After(r.judge.today) {
		r.warn(column.Field, WarnDateFuture, "%s is %s, which lies after the upload; it is kept as it is.",
			column.Header, day.Format(time.DateOnly))
	}
}

// findWord returns the vocabulary's word for a spelling. An unknown spelling is
// kept and gives a warning.
func (r *rowReader) findWord(column schema.Column, text string) string {
	if word, ok := r.judge.words[column.Vocabulary][workbook.Fold(text)]; ok {
		return word
	}
	r.warn(column.Field, WarnWord, "%s has a word that is not known and is kept as it is: %s.", column.Header,
		quoteCell(text))
	return collapseSpaces(text)
}

// fillInExpiry computes the expiry date from the last payment where the roll has
// none.
func (r *rowReader) fillInExpiry(blank func(field string) bool) {
	paid, ok := r.fields["last_payment"]
	if !ok || !blank("expiry_date") {
		return
	}
	if day, err := time.Parse(time.DateOnly, paid); err == nil {
		r.fields["expiry_date"] = ExpiryAfter(day).Format(time.DateOnly)
	}
}

// compareWithID warns where the ID number says something unlikely, or something
// that other cells contradict.
func (r *rowReader) compareWithID(id ID) {
	if id.Zeros > 0 {
		r.warn(schema.FieldID, WarnZerosRestored, "The ID number has %d digits in the file. The leading zeros that a "+
			"spreadsheet drops were put back; check digit and date of birth agree.", idDigits-id.Zeros)
	}
	if !id.Citizenship.Known() {
		r.warn(schema.FieldID, WarnCitizenshipDigit, "The ID number has the citizenship digit %d, which is not in use.",
			id.Citizenship)
	}
	id = r.compareBirth(id)
	age := id.Age(r.judge.uploadedAt)
	if age < r.judge.youngest || age > r.judge.oldest {
		r.warn(schema.FieldID, WarnAge, "By the ID number the person is %d years old.", age)
	}
	if stated, ok := r.fields["age"]; ok {
		if n := parseDigits(stated); n < age-ageSlack || n > age+ageSlack {
			r.warn("age", WarnAgeDiffers, "Age is %d, but %d by the ID number.", n, age)
		}
	}
	sex := "Female"
	if id.Male {
		sex = "Male"
	}
	if stated := r.fields["gender"]; (stated == "Male" || stated == "Female") && stated != sex {
		r.warn("gender", WarnGenderDiffers, "Gender is %s, but %s by the ID number.", stated, sex)
	}
}

// parseAge reads a whole number of years below 200.
func parseAge(text string) (string, bool) {
	text = cutFraction(tidy(text))
	if n, err := strconv.Atoi(text); err == nil && isDigits(text) && n < 200 {
		return strconv.Itoa(n), true
	}
	return "", false
}

func collapseSpaces(text string) string { return strings.Join(strings.Fields(text), " ") }

// quoteCell quotes a cell for a message, shortened to 60 characters.
func quoteCell(text string) string {
	runes := []rune(collapseSpaces(text))
	if len(runes) > 60 {
		runes = append(runes[:60], '…')
	}
	return strconv.Quote(string(runes))
}
