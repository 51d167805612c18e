package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed columns/columns.json
var columnsJSON []byte

//go:embed columns/sources.json
var sourcesJSON []byte

// Kind says how to read the cells of a column.
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

// FieldID is the field of the one column that every roll must have.
const FieldID = "id_number"

// The fields that say where a person is.
const (
	FieldProvince     = "province"
	FieldMunicipality = "municipality"
	FieldWard         = "ward"
)

// The fields of a person's names and date of birth. FieldFullName holds all names in
// one text.
const (
	FieldFirstname = "firstname"
	FieldSurname   = "surname"
	FieldFullName  = "full_name"
	FieldBirth     = "date_of_birth"
)

// ReasonHeader is the header of the column that says why a row was rejected, in a
// workbook of rejected rows. Nobody reads a roll's column of that name, so that a
// person can correct the workbook and upload it as it is.
const ReasonHeader = "Rollcall: What To Fix"

// Column is a column that a roll may have.
type Column struct {
	// Field is the canonical name, used in artifacts and in the database.
	Field string `json:"field"`
	// Header is the header that a template has above the column.
	Header string `json:"header"`
	Kind   Kind   `json:"kind"`
	// Vocabulary names the vocabulary of a column of KindVocabulary.
	Vocabulary string `json:"vocabulary,omitempty"`
	// Aliases are other headers that mean this column.
	Aliases []Aliases `json:"aliases"`
}

// Aliases are headers of one column that come from one source.
type Aliases struct {
	// Source names an entry of Sources; "" for those of Rules.
	Source string `json:"source"`
	// Language is the code of ISO 639 of the language that the words are in.
	Language string   `json:"language"`
	Words    []string `json:"words"`
	// Or is the field that the words mean where a roll has another column of this
	// one, as Name does beside Firstname; "" for none.
	Or string `json:"or,omitempty"`
}

// Names returns all headers that mean the column, its own first.
func (c Column) Names() []string {
	names := []string{c.Header}
	for _, a := range c.Aliases {
		names = append(names, a.Words...)
	}
	return names
}

// Clearable reports whether an upload may empty the column of a member. A member
// always has an ID number, keeps the names that there are, and the day of joining.
func (c Column) Clearable() bool {
	switch c.Field {
	case FieldID, "firstname", "surname", "date_joined":
		return false
	}
	return true
}

// Columns returns all columns, in the order of a template.
func Columns() ([]Column, error) {
	var columns []Column
	if err := json.Unmarshal(columnsJSON, &columns); err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	return columns, nil
}

// Sources says of each source of aliases what it is and where it stands.
func Sources() (map[string]string, error) {
	var sources map[string]string
	if err := json.Unmarshal(sourcesJSON, &sources); err != nil {
		return nil, fmt.Errorf("read sources of columns: %w", err)
	}
	return sources, nil
}
