package api_test

import (
	"testing"

	"github.com/tealeg/xlsx/v3"

	"rollcall.example/schema"
)

func TestTheTemplateIsARollWithoutRows(t *testing.T) {
	r := newRig(t)
	a := r.Get("alice member", "/template")
	book, err := xlsx.OpenBinary(a.Raw)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := schema.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range columns {
		cell, err := book.Sheet["Members"].Cell(0, i)
		if err != nil || cell.Value != c.Header {
			t.Errorf("column %d is %q, want %q (%v)", i, cell.Value, c.Header, err)
		}
		example, err := book.Sheet["Examples"].Cell(i, 1)
		if err != nil || example.Value == "" {
			t.Errorf("no example for %s", c.Header)
		}
	}
	if a := r.SendForm("alice member", "file", string(a.Raw)); a.Status != 422 || a.Error.Code != "no_rows" {
		t.Errorf("uploaded as it is: %d %s", a.Status, a.Raw)
	}
}
