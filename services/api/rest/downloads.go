package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"rollcall.example/events/refusal"
)

// How many downloads there may be at once where nobody says otherwise: of a user,
// and in a process.
const (
	DefaultUserDownloads = 3
	DefaultDownloads     = 24
)

const (
	// makeTime is how long a download may be prepared, and a row looked up.
	makeTime = 2 * time.Minute
	// downloadsRetry is when to come back; nobody knows when a download will end.
	downloadsRetry = 5 * time.Second
)

// Downloads counts what is being read in this process: reports, rows to correct and
// single rows. Each reads artifacts of any size, and a slow client takes its time.
type Downloads struct {
	most, ofUser int

	mu    sync.Mutex
	all   int
	users map[string]int
}

// NewDownloads bounds how many there may be in the process and of a user; 0 is the default.
func NewDownloads(most, ofUser int) *Downloads {
	return &Downloads{most: cmp.Or(most, DefaultDownloads), ofUser: cmp.Or(ofUser, DefaultUserDownloads),
		users: map[string]int{}}
}

// Begin counts a download of a user until end is called, or refuses it.
func (d *Downloads) Begin(userID string) (end func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.users[userID] >= d.ofUser:
		return nil, tooManyDownloads("user", d.ofUser,
			fmt.Sprintf("You are downloading %d files already. Please wait until one is there.", d.ofUser))
	case d.all >= d.most:
		return nil, tooManyDownloads("all", d.most,
			"Many files are being downloaded at the moment. Please try again soon.")
	}
	d.all++
	d.users[userID]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.all--
		if d.users[userID]--; d.users[userID] == 0 {
			delete(d.users, userID)
		}
	}, nil
}

func tooManyDownloads(of string, limit int, message string) *refusal.Error {
	return &refusal.Error{Code: refusal.CodeTooManyDownloads, Message: message, RetryAfter: downloadsRetry,
		Details: map[string]any{"limit": limit, "of": of}}
}

// LimitMaking ends what is made for a request after makeTime. Explain makes a refusal
// of the error that comes of it.
func LimitMaking(r *http.Request) (ctx context.Context, cancel func(), explain func(error) error) {
	ctx, cancel = context.WithTimeout(r.Context(), makeTime)
	return ctx, cancel, func(err error) error {
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && r.Context().Err() == nil {
			return &refusal.Error{Code: refusal.CodeBusy, Err: err, RetryAfter: makeTime,
				Message: "This takes too long at the moment. Please try again in a few minutes."}
		}
		return ExplainDamage(err)
	}
}
