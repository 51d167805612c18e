// Package events is the contract that every part of rollcall keeps: the facts
// of a job and their subjects, the streams they are stored in, the log they
// are appended to and folded from, the artifacts that carry the rows, and the
// runner that turns one fact into the next.
//
// A job is its facts. Nothing about a job is stored anywhere that cannot be
// made again from the stream BULK and the artifacts its facts name.
package events
