package rows

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// A cursor is where a list goes on: the version of its form, what it belongs to, the
// attempt of the job, and the last row that was listed. It opens nothing: whoever uses
// it needs the permission like everybody else.
const cursorVersion = 1

const boundBytes = 8

// bound returns what a cursor belongs to: a job and a filter.
func bound(jobID string, f Filter) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %q %q %q", jobID, f.has, f.codes, f.words, f.end))
	return sum[:boundBytes]
}

// NewCursor returns the cursor behind row n of a list.
func NewCursor(job *events.Job, f Filter, n int) string {
	b := append([]byte{cursorVersion}, bound(job.ID, f)...)
	b = binary.AppendUvarint(binary.AppendUvarint(b, job.Attempt), uint64(n))
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor returns the row that the list goes on behind; 0 for the cursor "". The
// error is a *refusal.Error: the cursor belongs to another list, or the job has been
// retried since.
func ParseCursor(job *events.Job, f Filter, cursor string) (after int, err error) {
	if cursor == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) < 1+boundBytes+2 || b[0] != cursorVersion {
		return 0, refusal.New(refusal.CodeBadRequest, "This is no cursor of a list of rows.")
	}
	if string(b[1:1+boundBytes]) != string(bound(job.ID, f)) {
		return 0, refusal.New(refusal.CodeBadRequest,
			"The cursor belongs to another job or another search. Please begin without a cursor.")
	}
	attempt, n := binary.Uvarint(b[1+boundBytes:])
	if n <= 0 {
		return 0, refusal.New(refusal.CodeBadRequest, "This is no cursor of a list of rows.")
	}
	row, m := binary.Uvarint(b[1+boundBytes+n:])
	if m <= 0 || 1+boundBytes+n+m != len(b) || row > 1<<31-1 {
		return 0, refusal.New(refusal.CodeBadRequest, "This is no cursor of a list of rows.")
	}
	if attempt != job.Attempt {
		return 0, refusal.New(refusal.CodeCursorOutdated,
			"The job was retried since this list was begun, so its rows may be other ones. Please begin without a cursor.")
	}
	return int(row), nil
}
