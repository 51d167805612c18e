package api

import (
	"maps"
	"slices"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
)

// For the tests outside of the package.
const XLSXType = rest.XLSXType

// ReportDisposition is the Content-Disposition of a job's report.
func ReportDisposition(job *events.Job) string {
	return rest.Attachment(rest.WorkbookName(job.FileName, "report"))
}

// Routes are all routes, each as "GET /path".
func Routes() []string { return slices.Collect(maps.Keys(Parameters())) }

// Parameters are the names that the query of each route may have, by "GET /path".
func Parameters() map[string][]string {
	known := map[string][]string{}
	for _, r := range (&API{}).routes() {
		path, names := rest.Route(r).Cut()
		known[r.Method+" "+path] = names
	}
	return known
}
