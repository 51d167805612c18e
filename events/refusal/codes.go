package refusal

import "net/http"

// Codes of refusals over HTTP and on sockets.
const (
	CodeUnauthenticated  = "unauthenticated"
	CodeForbidden        = "forbidden"
	CodeNotFound         = "not_found"
	CodeMethod           = "method_not_allowed"
	CodeBadRequest       = "bad_request"
	CodeNoFile           = "no_file"
	CodeKeyReused        = "key_reused"
	CodeBadMapping       = "bad_mapping"
	CodeChecksum         = "checksum_mismatch"
	CodeFileTooLarge     = "file_too_large"
	CodeNothingToFix     = "nothing_to_fix"
	CodeNotReady         = "not_ready"
	CodeExpired          = "expired"
	CodeNotAllowed       = "not_allowed"
	CodeCursorOutdated   = "cursor_outdated"
	CodeDryRunTooOld     = "dry_run_too_old"
	CodeTooManyWebhooks  = "too_many_webhooks"
	CodeTooManyMappings  = "too_many_mappings"
	CodeReportDamaged    = "report_damaged"
	CodeTooManyUploads   = "too_many_uploads"
	CodeTooManyDownloads = "too_many_downloads"
	CodeTooManyAttempts  = "too_many_attempts"
	CodeStorageQuota     = "storage_quota_exceeded"
	CodeBusy             = "busy"
	CodeUnavailable      = "unavailable"
	CodeStorageFull      = "storage_full"

	// Codes of sockets and of the requests that open them.
	CodeTooManySubscriptions = "too_many_subscriptions"
	CodeTooManyConnections   = "too_many_connections"
	CodeOverloaded           = "overloaded"

	// Codes of unusable files. Some refuse the upload, some fail the job.
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
	CodeReportTooLarge  = "report_too_large"
)

// Close codes of WebSockets. Each says what the client should do.
const (
	// CloseRestart means that the gateway is being replaced. Connect again, with the
	// last sequence seen, after the wait that CloseWait reads from the reason: at once
	// where it tells none. The IANA registry calls the code "Service Restart".
	CloseRestart = 1012
	// CloseUnauthenticated means that the token is missing, invalid or expired.
	// Connect again with a new one.
	CloseUnauthenticated = 4001
	// CloseTooSlow means that the client read too slowly. Connect again, with
	// the last sequence seen.
	CloseTooSlow = 4002
	// CloseStreamReset means that the event stream was created anew. Connect
	// again, after the wait that the reason may tell, and forget all sequences seen.
	CloseStreamReset = 4003
	// ClosePingTimeout means that the client did not answer a ping.
	ClosePingTimeout = 4004
	// CloseTooManyConnections means that the user has the most connections that
	// one user may have. Connect again later.
	CloseTooManyConnections = 4005
)

// answer is the HTTP status of a refusal and the close code that ends a
// WebSocket. With a close code of 0 the socket stays open and gets an error
// frame (Socket.IO: an acknowledgement with an error, or connect_error).
type answer struct{ status, close int }

// answers is the one table from code to HTTP status and close code.
var answers = map[string]answer{
	CodeUnauthenticated:  {http.StatusUnauthorized, CloseUnauthenticated},
	CodeForbidden:        {status: http.StatusForbidden},
	CodeNotFound:         {status: http.StatusNotFound},
	CodeMethod:           {status: http.StatusMethodNotAllowed},
	CodeBadRequest:       {status: http.StatusBadRequest},
	CodeNoFile:           {status: http.StatusBadRequest},
	CodeKeyReused:        {status: http.StatusUnprocessableEntity},
	CodeBadMapping:       {status: http.StatusUnprocessableEntity},
	CodeChecksum:         {status: 460}, // as tus has it
	CodeFileTooLarge:     {status: http.StatusRequestEntityTooLarge},
	CodeNothingToFix:     {status: http.StatusNotFound},
	CodeNotReady:         {status: http.StatusConflict},
	CodeExpired:          {status: http.StatusGone},
	CodeNotAllowed:       {status: http.StatusConflict},
	CodeCursorOutdated:   {status: http.StatusConflict},
	CodeDryRunTooOld:     {status: http.StatusConflict},
	CodeTooManyWebhooks:  {status: http.StatusConflict},
	CodeTooManyMappings:  {status: http.StatusConflict},
	CodeReportDamaged:    {status: http.StatusBadGateway},
	CodeTooManyUploads:   {status: http.StatusTooManyRequests},
	CodeTooManyDownloads: {status: http.StatusTooManyRequests},
	CodeTooManyAttempts:  {status: http.StatusTooManyRequests},
	CodeStorageQuota:     {status: http.StatusInsufficientStorage},
	CodeBusy:             {status: http.StatusServiceUnavailable},
	CodeUnavailable:      {status: http.StatusServiceUnavailable},
	CodeStorageFull:      {status: http.StatusInsufficientStorage},

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
	CodeReportTooLarge:  {status: http.StatusRequestEntityTooLarge},
}

// Status returns the HTTP status of a code; 500 for a code that is not in the
// table.
func Status(code string) int {
	if a, ok := answers[code]; ok {
		return a.status
	}
	return http.StatusInternalServerError
}

// CloseCode returns the close code that ends a WebSocket after a refusal; 0
// when the socket stays open.
func CloseCode(code string) int { return answers[code].close }

// Codes returns the codes of the table, in no order.
func Codes() []string {
	list := make([]string, 0, len(answers))
	for code := range answers {
		list = append(list, code)
	}
	return list
}
