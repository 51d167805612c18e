package intake

import (
	"net/http"

	"rollcall.example/services/api/rest"
	"rollcall.example/services/template"
)

// SendTemplate sends an empty workbook with the columns of a roll.
func (d Desk) SendTemplate(w http.ResponseWriter, r *http.Request, _ rest.Caller) (*rest.Result, error) {
	book, err := template.Workbook()
	if err != nil {
		return nil, err
	}
	d.SendWorkbook(w, r, "rollcall template.xlsx", int64(book.Len()), book)
	return nil, nil
}
