package rest

import "rollcall.example/events/access"

// Who bounds the body of a request.
const (
	SmallBody = 64 << 10 // bytes, for all that is no file
	FileBody  = 0        // package upload bounds it
)

// Topic is what a route is about, which says where its permission is looked for.
type Topic int

const (
	NoJob Topic = iota
	AboutJob
	// Open is for everybody, also without a token. It tells nothing about anybody.
	Open
	// Anybody is for everybody with a token, of whatever role.
	Anybody
	// AboutCase is for whoever may erase or export. Which of them a case takes is looked
	// for when it is loaded.
	AboutCase
)

// Route is an operation: its path below Base with the names of the parameters that
// its query may have, the permission that it needs, and the largest body in bytes.
// The permission of a route about a job is looked for when the job is loaded, for it
// depends on whose job it is.
type Route struct {
	Method, Path string
	Handler      Handler
	Wants        access.Permission
	About        Topic
	Body         int64
}
