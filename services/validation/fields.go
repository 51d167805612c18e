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

// ageSlack is by how many years the age cell may differ from the ID number: a
// birthday may lie between the making of the roll and its upload.
const ageSlack = 1

// reader turns the cells of one row into fields and warnings.
type reader struct {
	judge    *Judge
	fields   map[string]string
	warnings []records.Warning
}

func (r *reader) warn(field, code, format string, args ...any) {
	r.warnings = append(r.warnings, records.Warning{Field: field, Code: code, Message: fmt.Sprintf(format, args...)})
}

// read reads the cell of a column. What cannot be read is a warning and stores
// nothing.
func (r *reader) read(column schema.Column, cell workbook.Cell) {
	if cell.Blank() {
		return
	}
	if cell.Kind == workbook.Failed {
		r.warn(column.Field, WarnFormula, "The formula in %s failed: %s.", column.Header, quote(cell.Text))
		return
	}
	var value string
	var ok bool
	code := ""
	switch column.Kind {
	case schema.KindDate:
		var day time.Time
		if day, ok = r.date(cell); ok {
			value = day.Format(time.DateOnly)
		}
		code = WarnDate
	case schema.KindMoney:
		value, ok = ParseMoney(cell.Text, cell.Numeric())
		code = WarnMoney
	case schema.KindCode:
		value, ok = ParseCode(cell.Text)
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
		value, ok = r.word(column, cell.Text), true
	default:
		value, ok = tidy(cell.Text), true
	}
	if !ok {
		r.warn(column.Field, code, "%s cannot be read and is left out: %s.", column.Header, quote(cell.Text))
		return
	}
	r.fields[column.Field] = value
}

func (r *reader) date(cell workbook.Cell) (time.Time, bool) {
	if cell.Kind == workbook.Date {
		return saneDate(cell.Day.Year(), int(cell.Day.Month()), cell.Day.Day())
	}
	return ParseDate(cell.Text, r.judge.date1904)
}

// word returns the word that a spelling stands for. An unknown one is kept.
func (r *reader) word(column schema.Column, text string) string {
	if word, ok := r.judge.words[column.Vocabulary][workbook.Fold(text)]; ok {
		return word
	}
	r.warn(column.Field, WarnWord, "%s has a word that is not known and is kept as it is: %s.", column.Header, quote(text))
	return tidy(text)
}

// complete fills in what follows from other cells.
func (r *reader) complete(blank func(field string) bool) {
	paid, ok := r.fields["last_payment"]
	if !ok || !blank("expiry_date") {
		return
	}
	if day, err := time.Parse(time.DateOnly, paid); err == nil {
		r.fields["expiry_date"] = ExpiryAfter(day).Format(time.DateOnly)
	}
}

// compare warns about what the ID number says that is unlikely or that other
// cells contradict.
func (r *reader) compare(id ID) {
	if !id.Citizenship.Known() {
		r.warn(schema.FieldID, WarnCitizenshipDigit, "The ID number has the citizenship digit %d, which is not in use.", id.Citizenship)
	}
	age := id.Age(r.judge.at)
	if age < r.judge.youngest || age > r.judge.oldest {
		r.warn(schema.FieldID, WarnAge, "By the ID number the person is %d years old.", age)
	}
	if stated, ok := r.fields["age"]; ok {
		if n := number(stated); n < age-ageSlack || n > age+ageSlack {
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

// parseAge reads whole years below 200.
func parseAge(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil && onlyDigits(text) && n < 200 {
		return strconv.Itoa(n), true
	}
	return "", false
}

func tidy(text string) string { return strings.Join(strings.Fields(text), " ") }

// quote shortens a cell for a message.
func quote(text string) string {
	runes := []rune(tidy(text))
	if len(runes) > 60 {
		runes = append(runes[:60], '…')
	}
	return strconv.Quote(string(runes))
}
