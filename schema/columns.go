package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed columns/columns.json
var columnsJSON []byte

// Kind says how the cells of a column are read.
type Kind string

// The kinds of columns.
const (
	KindID         Kind = "id"         // a 13-digit ID number
	KindText       Kind = "text"       // kept, spacing tidied
	KindCell       Kind = "cell"       // a mobile number
	KindLandline   Kind = "landline"   // a fixed-line number
	KindEmail      Kind = "email"      // an e-mail address
	KindAge        Kind = "age"        // whole years
	KindVocabulary Kind = "vocabulary" // a word of Column.Vocabulary
	KindCode       Kind = "code"       // an 8-digit ward or voting district code
	KindDate       Kind = "date"       // a day
	KindMoney      Kind = "money"      // an amount in rand
)

// FieldID is the field of the one column that a roll must have.
const FieldID = "id_number"

// ReasonHeader stands above the column that says why a row was rejected, in a
// workbook of rejected rows. A roll's column of that name is not read, so that
// the workbook can be corrected and uploaded as it is.
const ReasonHeader = "Rollcall: What To Fix"

// Column is a column that a roll may have.
type Column struct {
	// Field is the canonical name, as used in artifacts and the database.
	Field string `json:"field"`
	// Header is the text that a template writes above the column.
	Header string `json:"header"`
	Kind   Kind   `json:"kind"`
	// Vocabulary names the vocabulary of a column of KindVocabulary.
	Vocabulary string `json:"vocabulary,omitempty"`
	// Aliases are further headers that mean this column.
	Aliases []string `json:"aliases"`
}

// Columns returns all columns, in the order of a template.
func Columns() ([]Column, error) {
	var columns []Column
	if err := json.Unmarshal(columnsJSON, &columns); err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	return columns, nil
}
