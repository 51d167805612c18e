package validation

import (
	"fmt"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/records"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// area is where the rows of a job may lie.
type area struct {
	bounds *access.Bounds
	// field is the one that the area's level is about.
	field string
	// wardTells says that a ward alone tells whether it lies in the area.
	wardTells bool
}

func newArea(a *events.Area) area {
	if a == nil {
		country := events.Country()
		a = &country
	}
	field := schema.FieldWard
	switch a.Level {
	case events.AreaMunicipality:
		field = schema.FieldMunicipality
	case events.AreaProvince:
		field = schema.FieldProvince
	}
	return area{access.NewBounds(*a), field, field == schema.FieldWard || len(a.Wards) > 0}
}

// rejectOutside returns the rejected row where a row lies outside the area, or names
// no place by which it could be told; nil where it lies inside. The ID number is
// valid.
func (j *Judge) rejectOutside(row workbook.Row) *records.RejectedRow {
	if j.area.bounds.Everywhere() {
		return nil
	}
	fields := j.readPlace(row)
	if j.area.bounds.Contain(placeOf(fields)) {
		return nil
	}
	j.stats.OutOfArea++
	message := "The row lies outside of your area."
	if fields[j.area.field] == "" && (fields[schema.FieldWard] == "" || !j.area.wardTells) {
		message = fmt.Sprintf("The row names no %s, so nobody can tell that it lies in your area.", j.area.field)
	}
	cell := ""
	if i, ok := j.header.Fields[j.area.field]; ok {
		cell = cellAt(row, i).Text
	}
	reject := &records.RejectedRow{N: row.N, Code: records.RejectOutOfArea, Message: message, Cell: cell}
	reject.Cells, reject.Far = j.packCells(row)
	return reject
}

// readPlace returns the fields that say where a row's person is, as the stages after
// this one would have them.
func (j *Judge) readPlace(row workbook.Row) map[string]string {
	r := rowReader{judge: j, fields: make(map[string]string, 3)}
	for _, column := range j.columns {
		switch column.Field {
		case schema.FieldProvince, schema.FieldMunicipality, schema.FieldWard:
			r.readCell(column, cellAt(row, j.header.Fields[column.Field]))
		}
	}
	return r.fields
}
