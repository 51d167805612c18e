package api

import (
	"maps"
	"slices"

	"rollcall.example/events"
)

// For the tests outside of the package.
const XLSXType = xlsxType

// ReportDisposition is the Content-Disposition of a job's report.
func ReportDisposition(job *events.Job) string {
	return attachment(workbookName(job.FileName, "report"))
}

// Routes are all routes, each as "GET /path".
func Routes() []string { return slices.Collect(maps.Keys(Parameters())) }

// Parameters are the names that the query of each route may have, by "GET /path".
func Parameters() map[string][]string {
	known := map[string][]string{}
	for _, r := range (&API{}).routes() {
		path, names := r.cut()
		known[r.method+" "+path] = names
	}
	return known
}
