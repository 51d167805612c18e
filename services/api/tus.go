package api

import "net/http"

// tus takes a spreadsheet that is sent in parts; see upload.Service.ServeTus.
func (a *API) tus(w http.ResponseWriter, r *http.Request, who Principal) (*result, error) {
	return nil, a.cfg.Upload.ServeTus(w, r, who.User, r.PathValue("uploadId"))
}
