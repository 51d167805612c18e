package api

import (
	"net/http"

	"rollcall.example/services/template"
)

// template sends an empty workbook with the columns of a roll.
func (a *API) template(w http.ResponseWriter, r *http.Request, _ caller) (*result, error) {
	book, err := template.Workbook()
	if err != nil {
		return nil, err
	}
	a.sendWorkbook(w, r, "rollcall template.xlsx", int64(book.Len()), book)
	return nil, nil
}
