package app

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/lib/pq"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
	// againEvery is how often the log repeats what the App waits for.
	againEvery = time.Minute
	// answerTime is how long NATS has for an answer. A question that reaches a server as it
	// stops is answered by nobody, and whoever asks has to ask again.
	answerTime = 5 * time.Second
)

// ask awaits what NATS answers for: it puts its question again after answerTime.
func (d *door) ask(ctx context.Context, what string, question func(context.Context) error) error {
	return d.await(ctx, what, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		return question(ctx)
	})
}

// await tries until something that others run is there, or ctx ends. It says in health
// and in the log what the App waits for. An error that waiting does not mend, such as a wrong
// password, is returned at once.
func (d *door) await(ctx context.Context, what string, try func(context.Context) error) error {
	began, said, pause := time.Now(), time.Time{}, firstPause
	for {
		err := tryOnce(ctx, try)
		if err == nil {
			if !said.IsZero() {
				d.setWait(what, "")
				d.log.InfoContext(ctx, "what was waited for is there", "what", what,
					"waited", time.Since(began).Round(time.Millisecond))
			}
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
		if !isAway(err) {
			return err
		}
		d.setWait(what, err.Error())
		if time.Since(said) >= againEvery {
			said = time.Now()
			d.log.WarnContext(ctx, "waiting for what is not there", "what", what, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause/4)):
		}
		pause = min(2*pause, maxPause)
	}
}

func tryOnce(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return try(ctx)
}

// isAway reports whether an error says that something is not reached, not ready or not
// made yet, all of which somebody else may be about to mend.
func isAway(err error) bool {
	if refused, ok := errors.AsType[*pq.Error](err); ok {
		switch refused.Code.Class() {
		case "57", "08", "53": // starting or stopping, connection, too many of them
			return true
		}
		return false
	}
	for _, known := range []error{
		nats.ErrNoServers, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrConnectionClosed, nats.ErrDisconnected,
		jetstream.ErrNoStreamResponse, jetstream.ErrJetStreamNotEnabled,
		jetstream.ErrStreamNotFound, jetstream.ErrConsumerNotFound, jetstream.ErrBucketNotFound,
		context.DeadlineExceeded, os.ErrDeadlineExceeded, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code == 503 // no leader, no quorum, no resources yet
	}
	return isDial(err)
}

// isDial reports whether a connection could not be made: a name that nobody knows yet is
// one case, and a socket that is not there yet.
func isDial(err error) bool {
	dialled, ok := errors.AsType[*net.OpError](err)
	_, unknown := errors.AsType[*net.DNSError](err)
	return ok && dialled.Op == "dial" || unknown
}
