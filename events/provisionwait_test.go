package events

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A request that servers without a leader lose, or refuse for now, is made again. Any
// other error counts at once.
func TestProvisionAsksAgainUntilThereIsALeader(t *testing.T) {
	refused := &jetstream.APIError{Code: http.StatusBadRequest, ErrorCode: 10052}
	for name, c := range map[string]struct {
		answers []error // of each request; the last one is what askUntilAnswered returns
		lost    int     // how many requests before get no answer at all
	}{
		"lost":          {[]error{nil}, 2},
		"no responders": {[]error{nats.ErrNoResponders, jetstream.ErrNoStreamResponse, nil}, 0},
		"for now":       {[]error{&jetstream.APIError{Code: http.StatusServiceUnavailable, ErrorCode: 10008}, nil}, 1},
		"refused":       {[]error{refused}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				asked := 0
				err := askUntilAnswered(ctx, func(ctx context.Context) error {
					if asked++; asked <= c.lost {
						<-ctx.Done()
						return ctx.Err()
					}
					return c.answers[asked-c.lost-1]
				})
				if want := c.answers[len(c.answers)-1]; !errors.Is(err, want) || asked != c.lost+len(c.answers) {
					t.Errorf("%v after %d requests, want %v", err, asked, want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := askUntilAnswered(ctx, func(context.Context) error { return nats.ErrNoResponders })
		if err == nil || ctx.Err() == nil {
			t.Errorf("%v before the time is over", err)
		}
	})
}
