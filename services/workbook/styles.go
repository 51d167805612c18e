package workbook

import (
	"strconv"
	"strings"

	"rollcall.example/services/workbook/xmlscan"
)

// readDateStyles tells for each style of a cell whether it shows a number as a
// date.
func (p *packageParts) readDateStyles(name string) ([]bool, error) {
	part, ok := p.files[name]
	if !ok {
		return nil, nil
	}
	limit := p.meter.budget.Styles
	formats := make(map[int]bool) // by a format's id: whether it shows a date
	var styles []int
	inside := "" // name of the open list
	err := p.visitElements(part, func(x *xmlscan.Scanner, depth int) error {
		if depth == 2 {
			inside = string(x.Name)
		}
		switch {
		case depth != 3:
			return nil
		case inside == "numFmts" && string(x.Name) == "numFmt":
			id, err := countAttribute(x, "numFmtId")
			if err != nil {
				return err
			}
			code, err := x.Attribute("formatCode")
			if formats[id] = isDateFormat(string(code)); len(formats) > limit {
				return tooMany("formats of numbers", limit)
			}
			return err
		case inside == "cellXfs" && string(x.Name) == "xf":
			id, err := countAttribute(x, "numFmtId")
			if styles = append(styles, id); len(styles) > limit {
				return tooMany("styles of cells", limit)
			}
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	dates := make([]bool, len(styles))
	for i, id := range styles {
		if date, own := formats[id]; own {
			dates[i] = date
		} else {
			dates[i] = isBuiltInDateFormat(id)
		}
	}
	return dates, nil
}

// countAttribute reads an attribute that holds a count; 0 where there is none.
func countAttribute(x *xmlscan.Scanner, name string) (int, error) {
	value, err := x.Attribute(name)
	if err != nil || value == nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 {
		return 0, xmlscan.ErrMalformed
	}
	return n, nil
}

// isBuiltInDateFormat reports whether a number format that the file does not define
// shows a date or a time: ECMA-376 part 1, 18.8.30, including those of East Asian
// editions.
func isBuiltInDateFormat(id int) bool {
	return id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58
}

// isDateFormat reports whether a number format shows a date or a time. It ignores
// quoted and escaped text, and conditions, currencies and colours in brackets, but
// not elapsed time such as [h].
func isDateFormat(format string) bool {
	format = strings.ToLower(format)
	if format == "general" || format == "" {
		return false
	}
	for i := 0; i < len(format); i++ {
		switch format[i] {
		case ';':
			return false // the first section is the one for positive numbers
		case '\\', '_', '*':
			i++
		case '"':
			i += 1 + strings.IndexByte(format[i+1:]+`"`, '"')
		case '[':
			inside, _, _ := strings.Cut(format[i+1:], "]")
			if inside != "" && strings.Trim(inside, "hms") == "" {
				return true
			}
			i += 1 + len(inside)
		case 'y', 'm', 'd', 'h', 's':
			return true
		case 'g':
			if strings.HasPrefix(format[i:], "general") {
				i += len("general") - 1
			}
		case 'e': // a year, where it is no exponent
			if i+1 == len(format) || format[i+1] != '+' && format[i+1] != '-' {
				return true
			}
		}
	}
	return false
}
