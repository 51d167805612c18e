// Package inspect tells what would be read of a file, before it is uploaded: its sheets,
// the header, what each column is taken for, and how its ID numbers would be judged. It
// reads by the rules of the stage validation, asks nobody and stores nothing.
package inspect

import "rollcall.example/events"

// Report is what there is to tell of a file.
type Report struct {
	FileName string `json:"file_name"`
	FileSize int64  `json:"file_size"` // bytes
	Format   string `json:"format"`    // csv, ods, xls or xlsx
	// Encoding is the IANA's name for the encoding of a text, and Delimiter what stands
	// between its fields; "" for a workbook.
	Encoding  string  `json:"encoding,omitempty"`
	Delimiter string  `json:"delimiter,omitempty"`
	Sheets    []Sheet `json:"sheets"` // in the order of the file
	// Sheet is the index of the one that is read, from 0, and HeaderRow the number of its
	// header's row, from 1; 0 where no row looks like one. Why says in a sentence how both
	// were found.
	Sheet     int      `json:"sheet"`
	HeaderRow int      `json:"header_row"`
	Why       string   `json:"why"`
	Columns   []Column `json:"columns"` // those with a header or a filled cell
	Counts    Counts   `json:"counts"`
	// Rejected counts the rows that would be rejected, by the code of the reason.
	Rejected map[string]int `json:"rejected,omitempty"`
	// FileWarnings say what is remarkable about the file as a whole.
	FileWarnings []events.FileWarning `json:"file_warnings,omitempty"`
	// RowWarnings count what would be warned of, by field and code.
	RowWarnings []RowWarning `json:"row_warnings,omitempty"`
	// Refusal says why an upload of the file would be refused.
	Refusal *Refusal `json:"refusal,omitempty"`
}

// Sheet is a sheet of the file.
type Sheet struct {
	Name   string `json:"name"` // "" of a text
	Rows   int    `json:"rows"` // that show something
	Hidden bool   `json:"hidden"`
	// Problem is a sentence that says why the sheet could not be read to its end; "" where
	// it could.
	Problem string `json:"problem,omitempty"`
}

// Column is a column of the sheet that is read.
type Column struct {
	Letter string `json:"letter"`
	Header string `json:"header"` // ID numbers masked, cut where it is long; "" for none
	// Field is the field that the column is read as; nil where it is left out.
	Field *string `json:"field"`
	// Why is header or content of a column that is read, and unknown, empty, twice or
	// reasons of one of which nothing is read. Message says it in a sentence.
	Why     string `json:"why"`
	Message string `json:"message"`
	// Used is the letter of the column that is used instead, where Why is twice.
	Used   string `json:"used,omitempty"`
	Filled int    `json:"filled"` // cells below the header that show something
	// Values are the first three of them, ID numbers masked and cut where they are long;
	// never nil.
	Values []string `json:"values"`
}

// Counts are those that validation makes of the rows below the header. It also rejects
// people who have objected to being on a roll, which nobody is asked about here. Where
// the file has no column of ID numbers, there are none of them.
type Counts struct {
	TotalRecords int `json:"total_records"` // rows that are not blank
	ValidRecords int `json:"valid_records"` // rows that would not be rejected
	ValidIDs     int `json:"valid_ids"`     // duplicates included
	InvalidIDs   int `json:"invalid_ids"`
	Duplicates   int `json:"duplicates"` // rows that repeat the ID number of an earlier row
	BlankRows    int `json:"blank_rows"`
	OutOfArea    int `json:"out_of_area"` // rows outside the uploader's area
}

// RowWarning counts the rows with a warning of one kind.
type RowWarning struct {
	Field    string `json:"field"` // "" where the column is none of the roll
	Code     string `json:"code"`
	Rows     int    `json:"rows"`
	FirstRow int    `json:"first_row"`
}

// Refusal is why an upload of the file would be refused.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
