// Package records reads and writes the artifacts that carry rows: a header line
// and then one JSON object per line, compressed with zstd. It works on streams
// and without reflection.
package records
