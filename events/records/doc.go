// Package records is the codec of the artifacts that carry rows: one JSON object
// a line behind a header line, compressed with zstd, written and read as a
// stream and without reflection.
package records
