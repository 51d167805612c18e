package refusal

import "net/http"

// Codes of refusals, over HTTP and on sockets.
const (
	CodeUnauthenticated = "unauthenticated"
	CodeForbidden       = "forbidden"
	CodeNotFound        = "not_found"
	CodeMethod          = "method_not_allowed"
	CodeBadRequest      = "bad_request"
	CodeNoFile          = "no_file"
	CodeKeyReused       = "key_reused"
	CodeFileTooLarge    = "file_too_large"
	CodeNothingToFix    = "nothing_to_fix"
	CodeNotReady        = "not_ready"
	CodeExpired         = "expired"
	CodeNotAllowed      = "not_allowed"
	CodeTooManyWebhooks = "too_many_webhooks"
	CodeReportDamaged   = "report_damaged"
	CodeTooManyUploads  = "too_many_uploads"
	CodeBusy            = "busy"
	CodeUnavailable     = "unavailable"
	CodeStorageFull     = "storage_full"

	// Of sockets only, and of the requests that become one.
	CodeTooManySubscriptions = "too_many_subscriptions"
	CodeTooManyConnections   = "too_many_connections"
	CodeOverloaded           = "overloaded"

	// Of files that are no roll. Some come before the job, some fail it.
	CodeEmptyFile       = "empty_file"
	CodeXLS             = "xls_not_supported"
	CodeNotAZip         = "not_a_zip"
	CodeNotAWorkbook    = "not_a_workbook"
	CodeEncrypted       = "encrypted_workbook"
	CodeTooLarge        = "too_large_unpacked"
	CodeUnreadable      = "unreadable_workbook"
	CodeNoRows          = "no_rows"
	CodeNoIDColumn      = "no_id_column"
	CodeDuplicateColumn = "duplicate_column"
)

// Close codes of WebSockets, and what they tell a client to do.
const (
	// CloseRestart: the gateway is being replaced. Connect again at once, with
	// the last sequence seen. It is StatusServiceRestart of RFC 6455's registry.
	CloseRestart = 1012
	// CloseUnauthenticated: the token is missing, bad or has expired. Come back
	// with a fresh one.
	CloseUnauthenticated = 4001
	// CloseSlow: the client did not keep up. Connect again, with the last
	// sequence seen.
	CloseTooSlow = 4002
	// CloseAnew: the event stream was made anew. Connect again and forget all
	// sequences seen.
	CloseStreamReset = 4003
	// CloseGone: the client did not answer a ping.
	ClosePingTimeout = 4004
	// CloseTooMany: the user has as many connections as one may have. Come back
	// later.
	CloseTooManyConnections = 4005
)

// answer is how a refusal is said: Status over HTTP, close as the end of a
// WebSocket. A close of 0 means that a socket stays open and gets an error frame
// (Socket.IO: an acknowledgement with an error, or connect_error).
type answer struct{ status, close int }

// answers is the one table from code to HTTP status and close code.
var answers = map[string]answer{
	CodeUnauthenticated: {http.StatusUnauthorized, CloseUnauthenticated},
	CodeForbidden:       {status: http.StatusForbidden},
	CodeNotFound:        {status: http.StatusNotFound},
	CodeMethod:          {status: http.StatusMethodNotAllowed},
	CodeBadRequest:      {status: http.StatusBadRequest},
	CodeNoFile:          {status: http.StatusBadRequest},
	CodeKeyReused:       {status: http.StatusUnprocessableEntity},
	CodeFileTooLarge:    {status: http.StatusRequestEntityTooLarge},
	CodeNothingToFix:    {status: http.StatusNotFound},
	CodeNotReady:        {status: http.StatusConflict},
	CodeExpired:         {status: http.StatusGone},
	CodeNotAllowed:      {status: http.StatusConflict},
	CodeTooManyWebhooks: {status: http.StatusConflict},
	CodeReportDamaged:   {status: http.StatusBadGateway},
	CodeTooManyUploads:  {status: http.StatusTooManyRequests},
	CodeBusy:            {status: http.StatusServiceUnavailable},
	CodeUnavailable:     {status: http.StatusServiceUnavailable},
	CodeStorageFull:     {status: http.StatusInsufficientStorage},

	CodeTooManySubscriptions: {status: http.StatusTooManyRequests},
	CodeTooManyConnections:   {http.StatusTooManyRequests, CloseTooManyConnections},
	CodeOverloaded:           {status: http.StatusServiceUnavailable},

	CodeEmptyFile:       {status: http.StatusBadRequest},
	CodeXLS:             {status: http.StatusUnsupportedMediaType},
	CodeNotAZip:         {status: http.StatusUnsupportedMediaType},
	CodeNotAWorkbook:    {status: http.StatusUnsupportedMediaType},
	CodeEncrypted:       {status: http.StatusUnsupportedMediaType},
	CodeTooLarge:        {status: http.StatusRequestEntityTooLarge},
	CodeUnreadable:      {status: http.StatusUnprocessableEntity},
	CodeNoRows:          {status: http.StatusUnprocessableEntity},
	CodeNoIDColumn:      {status: http.StatusUnprocessableEntity},
	CodeDuplicateColumn: {status: http.StatusUnprocessableEntity},
}

// Status is the HTTP status of a code, 500 for one that is not in the table.
func Status(code string) int {
	if a, ok := answers[code]; ok {
		return a.status
	}
	return http.StatusInternalServerError
}

// CloseCode is the code that a WebSocket ends with for a refusal, 0 where it
// stays open.
func CloseCode(code string) int { return answers[code].close }

// Codes lists the codes of the table, in no order.
func Codes() []string {
	list := make([]string, 0, len(answers))
	for code := range answers {
		list = append(list, code)
	}
	return list
}
