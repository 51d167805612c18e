package postgres

import (
	"strings"
	"time"
)

// CleanText leaves out of a text what PostgreSQL refuses: NUL, and what is not UTF-8.
func CleanText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

// UTC changes times that were read into UTC: the driver gives them in the
// server's zone. It leaves nil alone.
func UTC(times ...*time.Time) {
	for _, t := range times {
		if t != nil {
			*t = t.UTC()
		}
	}
}
