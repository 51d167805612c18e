package api

import "rollcall.example/events/access"

// Who bounds the body of a request.
const (
	smallBody = 64 << 10 // bytes, for all that is no file
	fileBody  = 0        // package upload bounds it
)

// topic is what a route is about, which says where its permission is looked for.
type topic int

const (
	noJob topic = iota
	aboutJob
	// open is for everybody, also without a token. It tells nothing about anybody.
	open
	// anybody is for everybody with a token, of whatever role.
	anybody
	// aboutCase is for whoever may erase or export. Which of them a case takes is looked
	// for when it is loaded.
	aboutCase
)

// route is an operation: its path below Base with the names of the parameters that
// its query may have, the permission that it needs, and the largest body in bytes.
// The permission of a route about a job is looked for when the job is loaded, for it
// depends on whose job it is.
type route struct {
	method, path string
	handler      handler
	wants        access.Permission
	about        topic
	body         int64
}

func (a *API) routes() []route {
	hooks, reports, desk := webhooks{a}, reports{a}, caseDesk{a}
	kept, figures, bounds := mappingDesk{a}, lists{a}, limits{a}
	const ofRows = "dry_run&iec_verification&mapping&mode&allow_clear&follows"
	return []route{
		{"POST", "/process?" + ofRows, a.process, access.Upload, noJob, fileBody},
		{"POST", "/inspect?" + ofRows, a.inspect, access.Upload, noJob, fileBody},
		{"POST", "/tus", a.tus, access.Upload, noJob, fileBody},
		{"OPTIONS", "/tus", a.tus, "", open, smallBody},
		{"HEAD", "/tus/{uploadId}", a.tus, access.Upload, noJob, fileBody},
		{"PATCH", "/tus/{uploadId}", a.tus, access.Upload, noJob, fileBody},
		{"DELETE", "/tus/{uploadId}", a.tus, access.Upload, noJob, fileBody},

		{"GET", "/status/{jobId}?at_seq", a.status, access.ReadStatus, aboutJob, smallBody},
		{"GET", "/report/{jobId}?part&format", reports.send, access.ReadReport, aboutJob, smallBody},
		{"GET", "/jobs/{jobId}/rows?status&code&q&cursor&limit", rowLists{a}.send, access.ReadRows, aboutJob, smallBody},
		{"GET", "/jobs/{jobId}/rows/{n}", a.row, access.ReadRows, aboutJob, smallBody},
		{"POST", "/cancel/{jobId}", a.cancel, access.Cancel, aboutJob, smallBody},
		{"POST", "/retry/{jobId}", a.retry, access.Retry, aboutJob, smallBody},
		{"POST", "/undo/{jobId}", a.undo, access.Undo, aboutJob, smallBody},
		{"POST", "/approve/{jobId}", a.approve, access.Approve, aboutJob, smallBody},
		{"POST", "/decline/{jobId}", a.decline, access.Approve, aboutJob, smallBody},
		{"POST", "/commit/{jobId}", commits{a}.begin, access.ReadRows, aboutJob, smallBody},
		{"POST", "/complete/{jobId}", a.complete, access.ReadRows, aboutJob, smallBody},

		{"GET", "/history?cursor&page&page_size&limit&status&search&from&to", figures.history, access.ReadStatus,
			noJob, smallBody},
		{"GET", "/waiting?limit", figures.waiting, access.ReadStatus, noJob, smallBody},
		{"GET", "/stats", figures.stats, access.ReadStatus, noJob, smallBody},
		{"GET", "/queue/stats", figures.queueStats, access.ReadStatus, noJob, smallBody},
		{"GET", "/queue/jobs?cursor&page&limit&state&search&from&to", figures.queueJobs, access.ReadStatus, noJob, smallBody},
		{"POST", "/queue/retry/{jobId}", a.retry, access.Retry, aboutJob, smallBody},
		{"GET", "/audit?job_id&after&limit", a.readAudit, access.Audit, noJob, smallBody},
		{"GET", "/rate-limit-status", bounds.rateLimitStatus, access.Upload, noJob, smallBody},
		{"GET", "/can-upload", bounds.canUpload, access.Upload, noJob, smallBody},
		{"GET", "/rate-limit-usage?hours", bounds.rateLimitUsage, access.Upload, noJob, smallBody},
		{"GET", "/template", a.template, access.Upload, noJob, smallBody},

		{"GET", "/wards?as_of&province&municipality&ward&below_target&job_id&format", wardDesk{a}.stand,
			access.ReadReport, noJob, smallBody},
		{"GET", "/wards/{ward}/register", wardDesk{a}.register, access.ReadRows, noJob, smallBody},
		{"GET", "/wards/history?from&to&step&province&municipality&ward", wardDesk{a}.course,
			access.ReadReport, noJob, smallBody},

		{"GET", "/mappings", kept.list, access.Upload, noJob, smallBody},
		{"GET", "/mappings/{name}", kept.show, access.Upload, noJob, smallBody},
		{"PUT", "/mappings/{name}", kept.save, access.Upload, noJob, smallBody},
		{"DELETE", "/mappings/{name}", kept.remove, access.Upload, noJob, smallBody},

		{"POST", "/members/story", stories{a}.tell, access.ReadRows, noJob, smallBody},

		{"POST", "/webhooks", hooks.add, access.Webhooks, noJob, smallBody},
		{"GET", "/webhooks", hooks.list, access.Webhooks, noJob, smallBody},
		{"DELETE", "/webhooks/{webhookId}", hooks.remove, access.Webhooks, noJob, smallBody},
		{"POST", "/webhooks/{webhookId}/rotate", hooks.rotate, access.Webhooks, noJob, smallBody},
		{"POST", "/webhooks/{webhookId}/test", hooks.test, access.Webhooks, noJob, smallBody},
		{"GET", "/webhooks/{webhookId}/deliveries", hooks.listDeliveries, access.Webhooks, noJob, smallBody},

		{"POST", "/cases", desk.add, access.Erase, aboutCase, smallBody},
		{"GET", "/cases?limit", desk.list, access.Erase, aboutCase, smallBody},
		{"GET", "/cases/{caseId}", desk.show, access.Erase, aboutCase, smallBody},
		{"POST", "/cases/{caseId}/approve", desk.approve, access.Erase, aboutCase, smallBody},
		{"POST", "/cases/{caseId}/decline", desk.decline, access.Erase, aboutCase, smallBody},
		{"GET", "/cases/{caseId}/export", desk.export, access.Export, noJob, smallBody},

		{"GET", "/me", whoAmI, "", anybody, smallBody},
		{"POST", "/revocations", a.revoke, access.Administer, noJob, smallBody},
	}
}
