package intake

import (
	"context"
	"net/http"

	"rollcall.example/events/mappings"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/upload"
	"rollcall.example/services/validation/inspect"
	"rollcall.example/services/workbook"
)

// Inspect tells what would be read of a spreadsheet that is sent as a form.
func (d Desk) Inspect(w http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	var report *inspect.Report
	mapped := false
	err := d.Upload.InspectForm(w, r, who.Principal, func(ctx context.Context, file upload.Spooled) (err error) {
		mapped = len(file.Mapping) > 0
		report, err = inspect.File(ctx, file, file.Size, inspect.Settings{
			Name: file.Name, Budget: file.Budget, Mapping: file.Mapping, Area: &file.Area, Now: d.Now(),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	data := struct {
		*inspect.Report
		Offered *mappings.Saved `json:"mapping_offered,omitempty"`
	}{Report: report}
	if !mapped {
		var header workbook.Header
		for _, c := range report.Columns {
			header.Columns = append(header.Columns, c.Header)
		}
		data.Offered = d.Upload.OfferMapping(r.Context(), who.User, header)
	}
	return &rest.Result{Message: "The file was looked at. Nothing was stored.", Data: data}, nil
}
