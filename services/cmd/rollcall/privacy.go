package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/services/app"
	"rollcall.example/services/iec"
	"rollcall.example/services/privacy"
	"rollcall.example/services/report"
)

type personSettings struct {
	ID       string               `name:"id" env:"-" required:"" placeholder:"NUMBER" help:"${help_person}"`
	By       string               `env:"-" placeholder:"NAME" help:"${help_person_by}"`
	NATS     app.NATSSettings     `embed:""`
	Database app.DatabaseSettings `embed:""`
}

type eraseCmd struct{ personSettings }

type exportCmd struct{ personSettings }

// open connects as privacy, and tells who asks and from where.
func (c *personSettings) open(
	ctx context.Context, p *process, in *app.Infrastructure,
) (s *privacy.Service, by events.User, from string, err error) {
	if c.NATS.URL == "" || c.Database.URL == "" {
		return nil, by, "", fmt.Errorf("give --nats and --database, or read %s of the data folder", app.PrivacyEnv)
	}
	if c.ID == "-" {
		text, err := io.ReadAll(io.LimitReader(os.Stdin, 100))
		if err != nil {
			return nil, by, "", fmt.Errorf("read the ID number: %w", err)
		}
		c.ID = strings.TrimSpace(string(text))
	}
	js, err := in.NATS("privacy")
	if err != nil {
		return nil, by, "", err
	}
	db, err := in.OpenDatabase(ctx, c.Database.URL)
	if err != nil {
		return nil, by, "", err
	}
	store := events.NewStore(js)
	cfg := privacy.Config{
		Log: events.NewLog(js, "privacy", p.log), Store: store, DB: db, Logger: p.log,
		Rebuild: p.rebuildReport(store),
	}
	if key := app.SecretsFrom(p.getenv).IECCacheKey; key != "" {
		if err := openAnswers(ctx, js, key, &cfg); err != nil {
			return nil, by, "", err
		}
	}
	by = events.User{ID: c.By, Role: "operator"}
	if by.ID == "" {
		who, err := user.Current()
		if err != nil {
			return nil, by, "", fmt.Errorf("who asks for it? give --by: %w", err)
		}
		by.ID = who.Username
	}
	if from, err = os.Hostname(); err != nil {
		return nil, by, "", fmt.Errorf("find the name of this host: %w", err)
	}
	return privacy.New(cfg), by, from, nil
}

// rebuildReport returns what writes the report of a job again from its artifacts.
func (p *process) rebuildReport(store *events.Store) func(context.Context, *events.Job, io.Writer) error {
	return func(ctx context.Context, job *events.Job, to io.Writer) error {
		cfg := report.Config{Store: store, WardTarget: job.Reported.WardTarget, Logger: p.log}
		return report.New(cfg).Rebuild(ctx, job, to)
	}
}

// openAnswers gives the service access to the cached answers of the IEC.
func openAnswers(ctx context.Context, js jetstream.JetStream, key string, cfg *privacy.Config) error {
	kv, err := js.KeyValue(ctx, events.KVVerdicts)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", events.KVVerdicts, err)
	}
	cache, err := iec.NewCache(js, kv, nil, iec.CacheConfig{Key: key})
	if err != nil {
		return err
	}
	cfg.Answer, cfg.ForgetAnswer = cache.GetAnyAge, cache.Forget
	return nil
}

// Run erases the person.
func (c *eraseCmd) Run(ctx context.Context, p *process) (err error) {
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	s, by, from, err := c.open(ctx, p, in)
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	done, err := s.Erase(ctx, c.ID, by, from)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "members: %d removed, with %d notes of what jobs had changed\n", done.Members, done.Outcomes)
	for _, job := range done.Jobs {
		fmt.Fprintf(p.out, "%s: taken out of its artifacts and its report; its upload is removed\n", job)
	}
	if !done.Answer {
		fmt.Fprintf(p.out, "A cached answer of the IEC expires within %s; with ROLLCALL_IEC_CACHE_KEY it is removed now.\n",
			events.VerdictsTTL)
	}
	for _, job := range done.Unread {
		fmt.Fprintf(p.out, "%s: one of its files is missing, altered or unreadable, and the person may be in it\n", job)
	}
	if len(done.Busy) > 0 {
		for _, job := range done.Busy {
			fmt.Fprintf(p.out, "%s: has not ended, and the person may be in it\n", job)
		}
		return fmt.Errorf("erase: %d jobs are under way: erase again when they have ended", len(done.Busy))
	}
	return nil
}

// Run prints what is held about the person.
func (c *exportCmd) Run(ctx context.Context, p *process) (err error) {
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	s, by, from, err := c.open(ctx, p, in)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	all, err := s.Export(ctx, c.ID, by, from)
	if err != nil {
		return err
	}
	out := json.NewEncoder(p.out)
	out.SetIndent("", "  ")
	return out.Encode(all)
}
