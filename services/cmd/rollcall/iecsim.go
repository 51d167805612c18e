package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rollcall.example/services/app"
	"rollcall.example/services/httpserver"
	"rollcall.example/services/iec/sim"
)

type iecSimCmd struct {
	Addr       string          `default:"127.0.0.1:8090" env:"-" help:"Where to serve the simulator."`
	Quota      int             `env:"-" help:"Calls in any rolling hour before it answers 429; 0 means no limit."`
	TokenTTL   time.Duration   `name:"token-ttl" default:"1h" env:"-" help:"How long its tokens are valid."`
	Latency    time.Duration   `env:"-" help:"Mean time of an answer."`
	Jitter     time.Duration   `env:"-" help:"How much that time varies, up and down."`
	Tail       time.Duration   `env:"-" help:"Time of the slowest hundredth of the answers."`
	Errors     float64         `env:"-" help:"Fraction of calls that fail with 500."`
	HTML       float64         `env:"-" name:"html" help:"Fraction of calls answered with a web page."`
	Malformed  float64         `env:"-" help:"${help_malformed}"`
	Resets     float64         `env:"-" help:"Fraction of calls whose connection breaks."`
	Timeouts   float64         `env:"-" help:"Fraction of calls that get no answer."`
	Down       bool            `env:"-" help:"Answer 503 to everything."`
	RetryAfter int             `env:"-" help:"Seconds that a 503 asks to wait."`
	Seed       uint64          `env:"-" default:"1" help:"Chooses which calls fail."`
	Answers    string          `env:"-" type:"existingfile" placeholder:"FILE" help:"${help_answers}"`
	TLS        app.TLSSettings `embed:"" prefix:"tls-"`
}

// Run serves the simulator until ctx ends. It wants the user name and password that iec
// sends, and takes any where none are set.
func (c *iecSimCmd) Run(ctx context.Context, p *process) error {
	cfg := sim.Config{
		Username: p.getenv("ROLLCALL_IEC_USERNAME"), Password: p.getenv("ROLLCALL_IEC_PASSWORD"),
		TokenTTL: c.TokenTTL, Seed: c.Seed,
		Faults: sim.Faults{
			LatencyMS: int(c.Latency.Milliseconds()), JitterMS: int(c.Jitter.Milliseconds()),
			TailMS: int(c.Tail.Milliseconds()), Quota: c.Quota,
			Errors: c.Errors, HTML: c.HTML, Malformed: c.Malformed, Resets: c.Resets, Timeouts: c.Timeouts,
			Down: c.Down, RetryAfter: c.RetryAfter,
		},
	}
	if c.Answers != "" {
		f, err := os.Open(c.Answers)
		if err != nil {
			return err
		}
		cfg.Answers, err = sim.ReadAnswers(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	handler, err := sim.New(cfg)
	if err != nil {
		return err
	}
	ln, err := httpserver.Listen(c.Addr, c.TLS.Cert, c.TLS.Key, p.log)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "the simulated IEC is up on %s\n", ln.URL())
	return httpserver.Serve(ctx, ln, handler, p.log)
}
