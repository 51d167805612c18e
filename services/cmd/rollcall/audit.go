package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/services/app"
	"rollcall.example/services/privacy"
)

type auditCmd struct {
	Job      string               `env:"-" placeholder:"JOB" help:"Only readings of this job."`
	JSON     bool                 `env:"-" name:"json" help:"Print each as a line of JSON."`
	Verify   bool                 `env:"-" help:"${help_audit_verify}"`
	Head     []string             `env:"-" placeholder:"HEAD" help:"${help_audit_head}"`
	NATS     app.NATSSettings     `embed:""`
	Database app.DatabaseSettings `embed:""`
}

// Run lists who has read personal data.
func (c *auditCmd) Run(ctx context.Context, p *process) (err error) {
	if c.NATS.URL == "" {
		return errors.New("audit: no NATS: give --nats, or read nats-cli.env of the data folder")
	}
	if c.Job != "" && !events.ValidJobID(c.Job) {
		return events.ErrNotFound
	}
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	js, err := in.NATS("operator")
	if err != nil {
		return err
	}
	if c.Verify {
		return c.verify(ctx, p, in, js)
	}
	lines := json.NewEncoder(p.out)
	for a, err := range events.ReadAccesses(ctx, js, c.Job) {
		if err != nil {
			return err
		}
		if c.JSON {
			if err := lines.Encode(a); err != nil {
				return err
			}
			continue
		}
		what := string(a.What)
		if a.Row > 0 {
			what = fmt.Sprintf("row %d", a.Row)
		}
		of := strings.TrimSpace(a.JobID + " " + a.CaseID)
		if a.Person != "" {
			of += ", person " + a.Person
		}
		fmt.Fprintf(p.out, "%s  %s (%s) from %s: %s of %s\n",
			a.At.Local().Format(time.DateTime), a.By.ID, a.By.Role, a.From, what, of)
	}
	return nil
}

// verify proves the audit whole, or says where it is not.
func (c *auditCmd) verify(ctx context.Context, p *process, in *app.Infrastructure, js jetstream.JetStream) error {
	var heads []events.AuditLink
	for _, text := range c.Head {
		head, err := events.ParseAuditLink(text)
		if err != nil {
			return err
		}
		heads = append(heads, head)
	}
	if c.Database.URL != "" {
		db, err := in.OpenDatabase(ctx, c.Database.URL)
		if err != nil {
			return err
		}
		noted, err := privacy.KnownHeads(ctx, db)
		if err != nil {
			return err
		}
		heads = append(heads, noted...)
	}
	chain, err := events.VerifyAudit(ctx, js, heads)
	if err != nil {
		return err
	}
	for _, f := range chain.Faults {
		fmt.Fprintf(p.out, "BROKEN at %d: %s\n", f.Seq, f.Why)
	}
	fmt.Fprintf(p.out, "%d messages, from %d to %d; %d known heads compared\n", chain.Messages, chain.First.Seq,
		chain.Head.Seq, chain.Heads)
	if chain.Began {
		fmt.Fprintln(p.out, "Those before the first one are kept no longer, because of their age.")
	}
	if chain.Unchained > 0 {
		fmt.Fprintf(p.out, "The first %d are older than the chain; only the last of them is proved.\n", chain.Unchained)
	}
	if len(chain.Faults) > 0 {
		return fmt.Errorf("audit: it is not whole: %d faults", len(chain.Faults))
	}
	if chain.Messages > 0 {
		fmt.Fprintf(p.out, "The chain is whole. Write down its head, for the next verification:\n%s\n", chain.Head)
	}
	if len(heads) == 0 {
		fmt.Fprintln(p.out, "Without --database or --head nothing proves that no message is missing at the end.")
	}
	return nil
}
