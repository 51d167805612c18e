package api

import (
	"rollcall.example/events/access"
	"rollcall.example/services/api/office"
	"rollcall.example/services/api/rest"
)

// route is a rest.Route that the table below may write without the names of its fields.
type route rest.Route

func (a *API) routes() []route {
	const (
		file, small = rest.FileBody, rest.SmallBody
		noJob, job  = rest.NoJob, rest.AboutJob
	)
	const ofRows = "dry_run&iec_verification&mapping&mode&allow_clear&follows"
	return []route{
		{"POST", "/process?" + ofRows, a.intake.Process, access.Upload, noJob, file},
		{"POST", "/inspect?" + ofRows, a.intake.Inspect, access.Upload, noJob, file},
		{"POST", "/tus", a.intake.ServeTus, access.Upload, noJob, file},
		{"OPTIONS", "/tus", a.intake.ServeTus, "", rest.Open, small},
		{"HEAD", "/tus/{uploadId}", a.intake.ServeTus, access.Upload, noJob, file},
		{"PATCH", "/tus/{uploadId}", a.intake.ServeTus, access.Upload, noJob, file},
		{"DELETE", "/tus/{uploadId}", a.intake.ServeTus, access.Upload, noJob, file},

		{"GET", "/status/{jobId}?at_seq", a.lists.Status, access.ReadStatus, job, small},
		{"GET", "/report/{jobId}?part&format", a.reading.Report, access.ReadReport, job, small},
		{"GET", "/jobs/{jobId}/rows?status&code&q&cursor&limit", a.reading.ListRows, access.ReadRows, job, small},
		{"GET", "/jobs/{jobId}/rows/{n}", a.reading.ShowRow, access.ReadRows, job, small},
		{"POST", "/cancel/{jobId}", a.steer.Cancel, access.Cancel, job, small},
		{"POST", "/retry/{jobId}", a.steer.Retry, access.Retry, job, small},
		{"POST", "/undo/{jobId}", a.steer.Undo, access.Undo, job, small},
		{"POST", "/approve/{jobId}", a.steer.Approve, access.Approve, job, small},
		{"POST", "/decline/{jobId}", a.steer.Decline, access.Approve, job, small},
		{"POST", "/commit/{jobId}", a.steer.Commit, access.ReadRows, job, small},
		{"POST", "/complete/{jobId}", a.steer.Complete, access.ReadRows, job, small},

		{"GET", "/history?cursor&page&page_size&limit&status&search&from&to", a.lists.History, access.ReadStatus,
			noJob, small},
		{"GET", "/waiting?limit", a.lists.Waiting, access.ReadStatus, noJob, small},
		{"GET", "/stats", a.lists.Stats, access.ReadStatus, noJob, small},
		{"GET", "/queue/stats", a.lists.QueueStats, access.ReadStatus, noJob, small},
		{"GET", "/queue/jobs?cursor&page&limit&state&search&from&to", a.lists.QueueJobs, access.ReadStatus, noJob, small},
		{"POST", "/queue/retry/{jobId}", a.steer.Retry, access.Retry, job, small},
		{"GET", "/audit?job_id&after&limit", a.office.ReadAudit, access.Audit, noJob, small},
		{"GET", "/rate-limit-status", a.intake.RateLimitStatus, access.Upload, noJob, small},
		{"GET", "/can-upload", a.intake.CanUpload, access.Upload, noJob, small},
		{"GET", "/rate-limit-usage?hours", a.intake.RateLimitUsage, access.Upload, noJob, small},
		{"GET", "/template", a.intake.SendTemplate, access.Upload, noJob, small},

		{"GET", "/wards?as_of&province&municipality&ward&below_target&job_id&format", a.standing.Stand,
			access.ReadReport, noJob, small},
		{"GET", "/wards/{ward}/register", a.standing.Register, access.ReadRows, noJob, small},
		{"GET", "/wards/history?from&to&step&province&municipality&ward", a.standing.Course,
			access.ReadReport, noJob, small},

		{"GET", "/mappings", a.intake.ListMappings, access.Upload, noJob, small},
		{"GET", "/mappings/{name}", a.intake.ShowMapping, access.Upload, noJob, small},
		{"PUT", "/mappings/{name}", a.intake.SaveMapping, access.Upload, noJob, small},
		{"DELETE", "/mappings/{name}", a.intake.RemoveMapping, access.Upload, noJob, small},

		{"POST", "/members/story", a.reading.TellStory, access.ReadRows, noJob, small},

		{"POST", "/webhooks", a.hooks.Add, access.Webhooks, noJob, small},
		{"GET", "/webhooks", a.hooks.List, access.Webhooks, noJob, small},
		{"DELETE", "/webhooks/{webhookId}", a.hooks.Remove, access.Webhooks, noJob, small},
		{"POST", "/webhooks/{webhookId}/rotate", a.hooks.Rotate, access.Webhooks, noJob, small},
		{"POST", "/webhooks/{webhookId}/test", a.hooks.Test, access.Webhooks, noJob, small},
		{"GET", "/webhooks/{webhookId}/deliveries", a.hooks.ListDeliveries, access.Webhooks, noJob, small},

		{"POST", "/cases", a.office.AddCase, access.Erase, rest.AboutCase, small},
		{"GET", "/cases?limit", a.office.ListCases, access.Erase, rest.AboutCase, small},
		{"GET", "/cases/{caseId}", a.office.ShowCase, access.Erase, rest.AboutCase, small},
		{"POST", "/cases/{caseId}/approve", a.office.ApproveCase, access.Erase, rest.AboutCase, small},
		{"POST", "/cases/{caseId}/decline", a.office.DeclineCase, access.Erase, rest.AboutCase, small},
		{"GET", "/cases/{caseId}/export", a.office.ExportCase, access.Export, noJob, small},

		{"GET", "/me", office.WhoAmI, "", rest.Anybody, small},
		{"GET", "/me/notifications", a.notices.Show, "", rest.Anybody, small},
		{"PUT", "/me/notifications", a.notices.Save, "", rest.Anybody, small},
		{"GET", "/notifications/unsubscribe?token", a.notices.AskUnsubscribe, "", rest.Open, small},
		{"POST", "/notifications/unsubscribe?token", a.notices.Unsubscribe, "", rest.Open, small},
		{"POST", "/revocations", a.office.Revoke, access.Administer, noJob, small},
	}
}
