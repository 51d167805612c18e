// Package events is the contract that every part of rollcall keeps. It defines
// the facts of a job and their subjects, the streams that store them, the log
// that appends and folds them, and the artifacts that carry the rows. Package
// records encodes the rows. Package stage runs the services that turn one fact
// into the next.
// The contract stays flat, with a file for each of its ideas: whoever looks for a
// name of the contract looks in one place.
//
// A job is its facts. The stream BULK and the artifacts that its facts name are
// the only things stored; everything else about a job can be made from them
// again.
package events
