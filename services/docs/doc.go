// Package docs serves the documentation of a running rollcall: the pages of the
// folder docs at the top, the OpenAPI and AsyncAPI documents, and an index that
// shows what those documents say. No page needs a script or anything from another
// host.
package docs
