// Package docs makes a page to read of the documents that describe rollcall to
// programs, OpenAPI and AsyncAPI, and serves it with the documents themselves.
// The page needs no script and nothing from any other host.
package docs
