// Package docs makes a page to read of the documents that describe rollcall to
// programs, OpenAPI and AsyncAPI, and serves it with the documents themselves and
// the pages of the folder docs at the top. No page needs a script or anything from
// another host.
package docs
