// Package events is the contract that every part of rollcall keeps: the facts
// of a job and their subjects, the streams they are stored in, the log they
// are appended to and folded from, and the artifacts that carry the rows. The
// rows themselves are records (package records); the runner that turns one fact
// into the next is package stage.
//
// A job is its facts. Nothing about a job is stored anywhere that cannot be
// made again from the stream BULK and the artifacts its facts name.
package events
