package lists

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/jobs"
)

// cursorOf returns what asks for a page that begins after a place: the number of the page
// and the place, as text that says nothing to others. It is nil where there is no place.
func cursorOf(page int, after *jobs.Place) *string {
	if after == nil {
		return nil
	}
	text := fmt.Sprintf("%d %d %s", page, after.CreatedAt.UnixMicro(), after.JobID)
	text = base64.RawURLEncoding.EncodeToString([]byte(text))
	return &text
}

// readCursor reads the cursor of a query into a filter, where there is one.
func readCursor(r *http.Request, f *jobs.Filter) error {
	query := r.URL.Query()
	cursor := query.Get("cursor")
	if cursor == "" {
		return nil
	}
	if query.Has("page") {
		return rest.BadParameter("cursor", "%q says where the page begins. Give it or page, not both.")
	}
	bad := rest.BadParameter("cursor", "%q must be a next_cursor of a list.")
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return bad
	}
	parts := strings.Split(string(text), " ")
	if len(parts) != 3 || !events.ValidJobID(parts[2]) {
		return bad
	}
	page, perr := strconv.ParseInt(parts[0], 10, 32)
	at, terr := strconv.ParseInt(parts[1], 10, 64)
	// Beyond these no database has a time.
	if perr != nil || terr != nil || page < 1 || at < 0 || at > maxCursorTime {
		return bad
	}
	f.Page, f.After = int(page), &jobs.Place{CreatedAt: time.UnixMicro(at).UTC(), JobID: parts[2]}
	return nil
}

// maxCursorTime is in the year 9999, in microseconds.
const maxCursorTime = 253_370_764_800_000_000
