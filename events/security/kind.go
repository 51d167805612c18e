package security

import (
	"errors"
	"net/http"

	"rollcall.example/events/refusal"
)

// Face is where a request came in.
type Face string

// The faces.
const (
	FaceREST      Face = "rest"
	FaceWebSocket Face = "websocket"
	FaceSocketIO  Face = "socketio"
)

// Faces lists the faces.
var Faces = []Face{FaceREST, FaceWebSocket, FaceSocketIO}

// Kind is what a refusal may be a sign of.
type Kind string

// The kinds of refusals.
const (
	// KindUnauthenticated is a request without a good token.
	KindUnauthenticated Kind = "unauthenticated"
	// KindForbidden is something that the user may not do, or a page of a foreign host.
	KindForbidden Kind = "forbidden"
	// KindForeignJob is a job that is there and is hidden from the user.
	KindForeignJob Kind = "foreign_job"
	// KindNotFound is a job, a webhook or an upload that is not there, or not the user's.
	KindNotFound Kind = "not_found"
	// KindTooMany is more than a user may have or send.
	KindTooMany Kind = "too_many"
	// KindBadFile is a file that is larger than a file may be, packed or unpacked, or a
	// workbook that no program makes.
	KindBadFile Kind = "bad_file"
)

// Kinds lists the kinds.
var Kinds = []Kind{
	KindUnauthenticated, KindForbidden, KindForeignJob, KindNotFound, KindTooMany, KindBadFile,
}

// KindOf returns the kind of a refusal; "" for one that is a sign of nothing.
func KindOf(refused *refusal.Error) Kind {
	switch {
	case errors.Is(refused, refusal.ErrForeign):
		return KindForeignJob
	case refused.Code == refusal.CodeUnreadable: // as hostile workbooks are
		return KindBadFile
	}
	return KindOfStatus(refused.Status())
}

// KindOfStatus is KindOf for a refusal of which only the HTTP status is known.
func KindOfStatus(status int) Kind {
	switch status {
	case http.StatusUnauthorized:
		return KindUnauthenticated
	case http.StatusForbidden:
		return KindForbidden
	case http.StatusNotFound:
		return KindNotFound
	case http.StatusTooManyRequests:
		return KindTooMany
	case http.StatusRequestEntityTooLarge:
		return KindBadFile
	}
	return ""
}
