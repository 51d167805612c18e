package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"rollcall.example/gateway/auth"
	"rollcall.example/services/httpserver"
	"rollcall.example/services/iec/sim"
	"rollcall.example/services/postgres"
)

type upCmd struct {
	Addr     string `default:"127.0.0.1:8080" help:"Where to serve HTTP and WebSocket."`
	Data     string `default:"rollcall-data" type:"path" placeholder:"DIR" help:"Folder for all that outlives the process. Started again on it, rollcall goes on where it was."`
	NATSConf string `name:"nats-conf" type:"existingfile" placeholder:"FILE" help:"nats.conf for the embedded NATS server, instead of the built-in copy."`
	NATSAddr string `name:"nats-addr" default:"127.0.0.1:0" help:"Where the embedded NATS server listens; port 0 takes a free one. DIR/nats-cli.env tells the NATS CLI."`
	natsSettings
	databaseSettings
	provisionSettings
	settings
}

// Run serves until ctx ends.
func (c *upCmd) Run(ctx context.Context, p *process) error {
	return c.start(ctx, p, func(_ context.Context, url, secret string) error {
		fmt.Fprintf(p.out, "rollcall is up on %s\n", url)
		if c.JWTSecret == "" && c.JWTJWKSFile == "" && c.JWTJWKSURL == "" {
			token, err := auth.Mint(secret, "you", "national_admin", consoleTTL, time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "the console, signed in: %s/#token=%s\n", url, token)
			fmt.Fprintf(p.out, "a token for you: rollcall token --user alice --role national_admin --secret $(cat %s/jwt-secret)\n", c.Data)
		}
		if c.NATS == "" {
			fmt.Fprintf(p.out, "for the NATS CLI: . %s/nats-cli.env\n", c.Data)
		}
		return nil
	})
}

// start brings everything up, calls ready with the server's URL and the secret
// of its tokens, and serves until ctx ends. An error of ready ends it too.
func (c *upCmd) start(ctx context.Context, p *process, ready func(ctx context.Context, url, secret string) error) (err error) {
	p.logBuild()
	in := &infra{p: p}
	defer func() { err = errors.Join(err, in.close()) }()
	ln, err := httpserver.Listen(c.Addr, c.TLSCert, c.TLSKey, p.log)
	if err != nil {
		return err
	}
	in.later(func() error { return closed(ln.Close()) })
	dir, err := openDataDir(c.Data)
	if err != nil {
		return err
	}
	in.later(dir.close)

	begin, cancel := within(ctx)
	defer cancel()
	if c.NATS != "" {
		in.externalNATS(c.natsSettings)
	} else if err := in.embeddedNATS(dir, c); err != nil {
		return err
	}
	if err := in.provision(begin, c.provisionSettings); err != nil {
		return err
	}
	privacyURL := c.Database
	var died func(context.Context) error
	if c.Database == "" {
		var srv *postgres.Server
		if srv, died, err = in.privatePostgres(begin, dir); err != nil {
			return err
		}
		if privacyURL, err = in.ownRoles(begin, srv, dir); err != nil {
			return err
		}
	} else {
		if err := in.database(begin, c.Database); err != nil {
			return err
		}
		if err := postgres.Migrate(begin, in.db); err != nil {
			return err
		}
	}

	set := c.settings
	if set.JWTSecret == "" && set.JWTJWKSFile == "" && set.JWTJWKSURL == "" {
		if set.JWTSecret, err = dir.secret("jwt-secret"); err != nil {
			return err
		}
	}
	cacheKey := p.getenv("ROLLCALL_IEC_CACHE_KEY")
	if cacheKey == "" {
		if cacheKey, err = dir.secret("iec-cache-key"); err != nil {
			return err
		}
	}
	if in.embedded != nil {
		if err := in.leavePrivacyEnv(dir, c.NATSCA, privacyURL, cacheKey); err != nil {
			return err
		}
	}
	a := newApp(in, set)
	a.cacheKey = cacheKey
	if err := a.trace(ctx, "rollcall"); err != nil {
		return err
	}
	if a.IECURL == "" {
		if err := a.simulator(); err != nil {
			return err
		}
	}
	verifier, err := a.verifier(ctx)
	if err != nil {
		return err
	}
	for _, service := range []func() error{
		a.validation, a.iec, a.persistence, a.report, a.webhook, a.privacy,
		func() error { return a.upload(verifier) },
		func() error { return a.gateway(verifier) },
	} {
		if err := service(); err != nil {
			return err
		}
	}
	if died != nil {
		a.run = append(a.run, died)
	}
	a.run = append(a.run, func(ctx context.Context) error { return ready(ctx, ln.URL(), set.JWTSecret) })
	return a.serve(ctx, ln)
}

// simulator runs an IEC of our own, over real HTTP, for those who have none.
func (a *app) simulator() error {
	ln, err := httpserver.Listen("127.0.0.1:0", "", "", a.p.log)
	if err != nil {
		return err
	}
	handler, err := sim.New(sim.Config{})
	if err != nil {
		return err
	}
	a.IECURL = ln.URL()
	a.run = append(a.run, func(ctx context.Context) error { return httpserver.Serve(ctx, ln, handler, a.p.log) })
	return nil
}

// closed is the error of closing what may be closed already.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// consoleTTL is how long somebody stays signed in to whom up or demo hand a
// token, in the fragment of the console's address: no server or log sees that.
const consoleTTL = 12 * time.Hour
