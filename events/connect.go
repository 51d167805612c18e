package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// apiTimeout is the time for one call of the JetStream API. An acknowledgement
// waits for the disk, which on a busy machine can be much longer than usual.
const apiTimeout = 20 * time.Second

// Connection says how to reach NATS as one user.
type Connection struct {
	// URL of the server or servers, comma separated. Ignored when InProcess is set.
	URL string
	// User and Password; without a password none is sent, which suits a
	// server without accounts or a URL that carries them.
	User, Password string
	// InProcess is an embedded server to connect to without a socket.
	InProcess nats.InProcessConnProvider
	// CA is a file with the certificates of the authorities that may have signed
	// the server's; with it nothing is said to a server without TLS. "" means the
	// system's authorities, and TLS where the URL (tls://) or the server asks for it.
	CA string
	// Cert and Key are the files of a certificate for a server that asks for one;
	// "" shows none.
	Cert, Key string
	// Logger hears of lost connections and refused permissions; nil discards.
	Logger *slog.Logger
}

// Connect opens a connection that reconnects for ever and keeps its replies
// under an inbox of the user's own, the only one it may subscribe to.
func Connect(c Connection) (jetstream.JetStream, error) {
	log := Logger(c.Logger).With("nats_user", c.User)
	opts := []nats.Option{
		nats.Name("rollcall " + c.User),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500 * time.Millisecond),
		// Each batch that is read makes a queue of this length for itself. The
		// default of 65,536 would be half a megabyte of garbage for each.
		nats.SyncQueueLen(2 * readBatch),
		nats.CustomInboxPrefix("_INBOX_" + c.User),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("nats connection lost", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("nats connection restored") }),
		// A denied publish looks like a timeout to its caller; only this says why.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Error("nats", "err", err)
		}),
	}
	if c.Password != "" {
		opts = append(opts, nats.UserInfo(c.User, c.Password))
	}
	if c.CA != "" {
		opts = append(opts, nats.RootCAs(c.CA))
	}
	if c.Cert != "" || c.Key != "" {
		opts = append(opts, nats.ClientCert(c.Cert, c.Key))
	}
	if c.InProcess != nil {
		opts = append(opts, nats.InProcessServer(c.InProcess))
	}
	nc, err := nats.Connect(c.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats as %s: %w", c.User, err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(apiTimeout))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to nats as %s: %w", c.User, err)
	}
	return js, nil
}

// WatchClosed returns an error once a connection is closed for good: NATS has
// refused its user or password twice, for instance because it was changed. The
// client tries no more then, and whoever uses the connection is dead. WatchClosed
// returns nil when ctx ends.
func WatchClosed(ctx context.Context, js jetstream.JetStream) error {
	nc := js.Conn()
	closed := nc.StatusChanged(nats.CLOSED)
	defer nc.RemoveStatusListener(closed)
	if !nc.IsClosed() { // else it was closed before anybody listened
		select {
		case <-ctx.Done():
		case <-closed:
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", nc.Opts.Name, closedForGood(nc))
}

// closedForGood is the error of a connection that the client has given up.
func closedForGood(nc *nats.Conn) error {
	if last := nc.LastError(); last != nil && !errors.Is(last, nats.ErrConnectionClosed) {
		return fmt.Errorf("%w: %w", nats.ErrConnectionClosed, last)
	}
	return nats.ErrConnectionClosed
}
