package api

// Who bounds the body of a request.
const (
	smallBody = 64 << 10 // bytes, for all that is no file
	fileBody  = 0        // package upload bounds it
)

// route is an operation: its path below Base, and the largest body in bytes.
type route struct {
	method, path string
	handler      handler
	body         int64
}

func (a *API) routes() []route {
	return []route{
		{"POST", "/process", a.process, fileBody},
		{"POST", "/tus", a.tus, fileBody},
		{"OPTIONS", "/tus", a.tus, fileBody},
		{"HEAD", "/tus/{uploadId}", a.tus, fileBody},
		{"PATCH", "/tus/{uploadId}", a.tus, fileBody},
		{"DELETE", "/tus/{uploadId}", a.tus, fileBody},

		{"GET", "/status/{jobId}", a.status, smallBody},
		{"GET", "/report/{jobId}", a.report, smallBody},
		{"GET", "/jobs/{jobId}/rows/{n}", a.row, smallBody},
		{"POST", "/cancel/{jobId}", a.cancel, smallBody},
		{"POST", "/retry/{jobId}", a.retry, smallBody},
		{"POST", "/undo/{jobId}", a.undo, smallBody},

		{"GET", "/history", a.history, smallBody},
		{"GET", "/stats", a.stats, smallBody},
		{"GET", "/rate-limit-status", a.rateLimitStatus, smallBody},
		{"GET", "/template", a.template, smallBody},

		{"POST", "/webhooks", a.addWebhook, smallBody},
		{"GET", "/webhooks", a.listWebhooks, smallBody},
		{"DELETE", "/webhooks/{webhookId}", a.removeWebhook, smallBody},
		{"GET", "/webhooks/{webhookId}/deliveries", a.listDeliveries, smallBody},
	}
}
