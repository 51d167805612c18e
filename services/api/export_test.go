package api

import "rollcall.example/events"

// For the tests outside of the package.
const XLSXType = xlsxType

// ReportDisposition is the Content-Disposition of a job's report.
func ReportDisposition(job *events.Job) string { return attachment(workbookName(job, "report")) }

// Routes are all routes, each as "GET /path".
func Routes() (list []string) {
	for _, r := range (&API{}).routes() {
		list = append(list, r.method+" "+r.path)
	}
	return list
}
