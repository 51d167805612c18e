package api

import (
	"context"
	"net/http"

	"rollcall.example/services/upload"
	"rollcall.example/services/validation/inspect"
)

// inspect tells what would be read of a spreadsheet that is sent as a form.
func (a *API) inspect(w http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	var report *inspect.Report
	err := a.cfg.Upload.InspectForm(w, r, who.Principal, func(ctx context.Context, file upload.Spooled) (err error) {
		report, err = inspect.File(ctx, file, file.Size, inspect.Settings{
			Name: file.Name, Budget: file.Budget, Mapping: file.Mapping, Area: &file.Area, Now: a.cfg.Now(),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &result{message: "The file was looked at. Nothing was stored.", data: report}, nil
}
