package postgres

import (
	"strings"
	"time"
)

// CleanText returns the text without what PostgreSQL refuses: NUL and invalid UTF-8.
func CleanText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

// SetUTC changes times to UTC, because the driver returns them in the server's zone. It
// skips nil.
func SetUTC(times ...*time.Time) {
	for _, t := range times {
		if t != nil {
			*t = t.UTC()
		}
	}
}
