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
)

// columnNames are the names that a column may have, in lower case.
var columnNames = struct{ ward, region []string }{
	ward:   []string{"ward", "ward_code"},
	region: []string{"sub_region"},
}

// wardCode is a ward code as text, or as the number that a spreadsheet made of it.
var wardCode = regexp.MustCompile(`^([0-9]{8})(\.0+)?$`)

// Parse reads a CSV file in UTF-8. Its header names the columns ward (or ward_code)
// and sub_region, in any order and case, possibly among others. The first bad line
// refuses the whole file. An error names the line and never quotes it: the file may
// be any file, even a roll.
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
	ward, err := findColumn(header, columnNames.ward)
	if err != nil {
		return nil, err
	}
	region, err := findColumn(header, columnNames.region)
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
		line, _ := r.FieldPos(ward)
		entry, err := parseRegion(record[ward], record[region])
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

// findColumn returns the index of the column that has one of the names.
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
	if found < 0 {
		return 0, fmt.Errorf("line 1: no column is named %s; separate the names by commas", strings.Join(names, " or "))
	}
	return found, nil
}

// parseRegion checks the two values of a line.
func parseRegion(ward, region string) (Region, error) {
	parts := wardCode.FindStringSubmatch(strings.TrimSpace(ward))
	if parts == nil {
		return Region{}, errors.New("the ward is not a code of 8 digits")
	}
	region = strings.TrimSpace(region)
	switch {
	case region == "":
		return Region{}, errors.New("the sub_region is empty")
	case !utf8.ValidString(region):
		return Region{}, errors.New("the sub_region is not in UTF-8")
	case strings.ContainsFunc(region, unicode.IsControl):
		return Region{}, errors.New("the sub_region holds a control character")
	}
	return Region{Ward: parts[1], SubRegion: region}, nil
}

// describeReadError words an error of the CSV reader like the other errors.
func describeReadError(err error) error {
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("line %d: %w", p.Line, p.Err)
	}
	return fmt.Errorf("read file: %w", err)
}
