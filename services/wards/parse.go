package wards

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"rollcall.example/events/access"
)

// columnNames are the names that a column may have, in lower case.
var columnNames = struct{ ward, region, municipality, province []string }{
	ward:         []string{"ward", "ward_code"},
	region:       []string{"sub_region"},
	municipality: []string{"municipality"},
	province:     []string{"province"},
}

// wardCode is a ward code as text, or as the number that a spreadsheet made of it.
var wardCode = regexp.MustCompile(`^([0-9]{8})(\.0+)?$`)

// Parse reads a CSV file in UTF-8. Its header names the columns ward (or ward_code)
// and at least one of sub_region, municipality and province, in any order and case,
// possibly among others. Where a line has municipality or province, sub_region may be
// empty. The first bad line refuses the whole file. An error names the line and never
// quotes it: the file may be any file, even a roll.
func Parse(file io.Reader) ([]Region, error) {
	buffered := bufio.NewReader(file)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3) // Peek has buffered it
	}
	r := csv.NewReader(buffered)
	header, err := r.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty: its first line must name ward and sub_region")
	case err != nil:
		return nil, describeReadError(err)
	}
	columns, err := findColumns(header)
	if err != nil {
		return nil, err
	}
	var list []Region
	first := map[string]int{}
	for {
		record, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, describeReadError(err)
		}
		line, _ := r.FieldPos(columns.ward)
		entry, err := columns.parse(record)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if before, twice := first[entry.Ward]; twice {
			return nil, fmt.Errorf("line %d: the ward already occurs on line %d", line, before)
		}
		first[entry.Ward] = line
		list = append(list, entry)
	}
}

// columns are the indexes of the columns of a file; -1 for those that it lacks.
type columns struct{ ward, region, municipality, province int }

func findColumns(header []string) (c columns, err error) {
	if c.ward, err = findColumn(header, columnNames.ward); err != nil {
		return c, err
	}
	if c.ward < 0 {
		return c, missingColumn(columnNames.ward)
	}
	for _, column := range []struct {
		at    *int
		names []string
	}{
		{&c.region, columnNames.region},
		{&c.municipality, columnNames.municipality},
		{&c.province, columnNames.province},
	} {
		if *column.at, err = findColumn(header, column.names); err != nil {
			return c, err
		}
	}
	if c.region < 0 && c.municipality < 0 && c.province < 0 {
		return c, missingColumn(columnNames.region)
	}
	return c, nil
}

// findColumn returns the index of the column that has one of the names, -1 for none.
func findColumn(header, names []string) (int, error) {
	found := -1
	for i, h := range header {
		for _, name := range names {
			if !strings.EqualFold(strings.TrimSpace(h), name) {
				continue
			}
			if found >= 0 {
				return 0, fmt.Errorf("line 1: two columns are named %s", strings.Join(names, " or "))
			}
			found = i
		}
	}
	return found, nil
}

func missingColumn(names []string) error {
	return fmt.Errorf("line 1: no column is named %s; separate the names by commas", strings.Join(names, " or "))
}

// parse checks the values of a line.
func (c columns) parse(record []string) (r Region, err error) {
	parts := wardCode.FindStringSubmatch(strings.TrimSpace(record[c.ward]))
	if parts == nil {
		return r, errors.New("the ward is not a code of 8 digits")
	}
	r.Ward = parts[1]
	for _, value := range []struct {
		name string
		at   int
		to   *string
	}{
		{"sub_region", c.region, &r.SubRegion},
		{"municipality", c.municipality, &r.Municipality},
		{"province", c.province, &r.Province},
	} {
		if value.at < 0 {
			continue
		}
		if *value.to, err = parseName(value.name, record[value.at]); err != nil {
			return r, err
		}
	}
	r.Municipality = access.MunicipalityCode(r.Municipality)
	if r.Province != "" {
		known := false
		if r.Province, known = access.ProvinceCode(r.Province); !known {
			return r, errors.New("the province is none of the nine")
		}
	}
	if r.SubRegion == "" && r.Municipality == "" && r.Province == "" {
		return r, errors.New("the sub_region is empty")
	}
	return r, nil
}

func parseName(column, text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case !utf8.ValidString(text):
		return "", fmt.Errorf("the %s is not in UTF-8", column)
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", fmt.Errorf("the %s holds a control character", column)
	}
	return text, nil
}

// describeReadError words an error of the CSV reader like the other errors.
func describeReadError(err error) error {
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("line %d: %w", p.Line, p.Err)
	}
	return fmt.Errorf("read file: %w", err)
}
