package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"
)

// These are values of cells that are no text.
type (
	number  struct{ N string }
	date    struct{ D string } // in ISO 8601
	boolean struct{ B bool }
)

// printExcelize prints the rows that excelize reads of a workbook. It does not say which
// numbers are dates.
func printExcelize(w io.Writer, name string) (err error) {
	f, err := excelize.OpenFile(name, excelize.Options{RawCellValue: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	props, err := f.GetWorkbookProps()
	if err != nil {
		return err
	}
	if err := lines.Encode(map[string]any{"date1904": props.Date1904 != nil && *props.Date1904}); err != nil {
		return err
	}
	for _, sheet := range f.GetSheetList() {
		if err := printExcelizeSheet(lines, f, sheet); err != nil {
			return fmt.Errorf("sheet %s: %w", sheet, err)
		}
	}
	return out.Flush()
}

func printExcelizeSheet(lines *json.Encoder, f *excelize.File, sheet string) (err error) {
	rows, err := f.Rows(sheet)
	if err != nil {
		return nil // a sheet of charts has no rows
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for n := 1; rows.Next(); n++ {
		texts, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return err
		}
		cells := make([]any, len(texts))
		for i, text := range texts {
			if cells[i], err = typed(f, sheet, i+1, n, text); err != nil {
				return err
			}
		}
		if err := lines.Encode(map[string]any{"sheet": sheet, "row": n, "cells": cells}); err != nil {
			return err
		}
	}
	return rows.Error()
}

// typed returns the value of a cell. Texts are most of them, and looking is slow.
func typed(f *excelize.File, sheet string, column, row int, text string) (any, error) {
	_, isNumber := parseNumber(text)
	if _, isTime := parseTime(text); !isNumber && !isTime {
		return text, nil
	}
	name, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return nil, err
	}
	kind, err := f.GetCellType(sheet, name)
	switch {
	case err != nil:
		return nil, err
	case kind == excelize.CellTypeBool:
		return boolean{text == "1"}, nil
	case kind == excelize.CellTypeDate:
		return date{text}, nil
	case kind == excelize.CellTypeUnset, kind == excelize.CellTypeNumber:
		return number{text}, nil
	}
	return text, nil
}
