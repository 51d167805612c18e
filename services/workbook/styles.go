package workbook

import (
	"archive/zip"
	"strconv"
)

// dateStyles says of each style of a cell whether it shows a number as a date.
func dateStyles(part *zip.File) ([]bool, error) {
	if part == nil {
		return nil, nil
	}
	formats := make(map[int]string)
	var styles []int
	inside := "" // of the list that is open
	err := scan(part, func(x *scanner, depth int) error {
		if depth == 2 {
			inside = string(x.name)
		}
		switch {
		case depth != 3:
			return nil
		case inside == "numFmts" && string(x.name) == "numFmt":
			id, err := number(x, "numFmtId")
			if err != nil {
				return err
			}
			code, err := x.attribute("formatCode")
			formats[id] = string(code)
			return err
		case inside == "cellXfs" && string(x.name) == "xf":
			id, err := number(x, "numFmtId")
			styles = append(styles, id)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	dates := make([]bool, len(styles))
	for i, id := range styles {
		if format, own := formats[id]; own {
			dates[i] = isDateFormat(format)
		} else {
			dates[i] = builtInDate(id)
		}
	}
	return dates, nil
}

// number reads an attribute that counts; 0 where there is none.
func number(x *scanner, name string) (int, error) {
	value, err := x.attribute(name)
	if err != nil || value == nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 0 {
		return 0, errXML
	}
	return n, nil
}

// builtInDate says whether a number format that is not written down shows a date
// or a time: ECMA-376 part 1, 18.8.30, with those of East Asian editions.
func builtInDate(id int) bool {
	return id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58
}
