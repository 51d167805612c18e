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
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/cases"
	"rollcall.example/events/person"
	"rollcall.example/services/app"
	"rollcall.example/services/report"
)

// caseSettings are how the commands for one person reach the cases.
type caseSettings struct {
	Policy string           `type:"existingfile" placeholder:"FILE" help:"${help_case_policy}"`
	NATS   app.NATSSettings `embed:""`
}

type personSettings struct {
	ID     string `name:"id" env:"-" required:"" placeholder:"NUMBER" help:"${help_person}"`
	Reason string `env:"-" placeholder:"TEXT" help:"Why it is asked for; the case keeps it, without ID numbers."`
	caseSettings
}

type eraseCmd struct {
	personSettings
	JSON bool `env:"-" name:"json" help:"Print the case as JSON."`
}

type exportCmd struct{ personSettings }

type objectCmd struct {
	personSettings
	Lift bool `env:"-" help:"Take the objection back: the person may be on a roll again."`
}

// caseWork is the cases with what is needed to open and read them.
type caseWork struct {
	log   *cases.Log
	store *events.Store
	key   *person.Key
	by    events.User
	from  string
}

// open connects as privacy, and finds out who asks and from where.
func (c *caseSettings) open(p *process, in *app.Infrastructure) (w caseWork, err error) {
	if c.NATS.URL == "" {
		return w, fmt.Errorf("give --nats, or read %s of the data folder", app.PrivacyEnv)
	}
	if w.key, err = app.SecretsFrom(p.getenv).Key(); err != nil {
		return w, err
	}
	js, err := in.NATS("privacy")
	if err != nil {
		return w, err
	}
	w.log, w.store = cases.NewLog(js, "privacy", p.log), events.NewStore(js)
	if w.by, err = findCaller(p.getenv); err != nil {
		return w, err
	}
	if w.from, err = os.Hostname(); err != nil {
		return w, fmt.Errorf("find the name of this host: %w", err)
	}
	return w, nil
}

// findCaller returns who runs this program: the user of the operating system, behind
// sudo the one who called it.
func findCaller(getenv func(string) string) (events.User, error) {
	who, err := user.Current()
	if err != nil {
		return events.User{}, fmt.Errorf("find the user of this system: %w", err)
	}
	name := who.Username
	if caller := getenv("SUDO_USER"); caller != "" && who.Uid == "0" {
		name = caller
	}
	return events.User{ID: events.UserID(name), Role: "operator"}, nil
}

// needsFourEyes reports whether the given policy asks for a second person. Without a
// policy it does not: whoever may run this command holds the passwords of everything.
func (c *caseSettings) needsFourEyes(what cases.Kind) (bool, error) {
	if c.Policy == "" {
		return false, nil
	}
	data, err := os.ReadFile(c.Policy)
	if err != nil {
		return false, fmt.Errorf("read policy: %w", err)
	}
	policy, err := access.Parse(data)
	if err != nil {
		return false, fmt.Errorf("%s: %w", c.Policy, err)
	}
	if what == cases.Export {
		return policy.NeedsFourEyes(access.ExportPerson), nil
	}
	return policy.NeedsFourEyes(access.ErasePerson), nil
}

// ask opens a case and waits until it has ended, or until jobs that are under way keep
// it from ending.
func (c *personSettings) ask(ctx context.Context, p *process, in *app.Infrastructure, what cases.Kind,
) (w caseWork, done cases.Case, err error) {
	if w, err = c.open(p, in); err != nil {
		return w, done, err
	}
	if c.ID == "-" {
		text, err := io.ReadAll(io.LimitReader(os.Stdin, 100))
		if err != nil {
			return w, done, fmt.Errorf("read the ID number: %w", err)
		}
		c.ID = strings.TrimSpace(string(text))
	}
	fourEyes, err := c.needsFourEyes(what)
	if err != nil {
		return w, done, err
	}
	opened, err := w.log.Open(ctx, w.store, w.key, cases.Request{
		What: what, ID: c.ID, By: w.by, From: w.from, Reason: c.Reason, FourEyes: fourEyes,
	})
	if err != nil {
		return w, done, err
	}
	fmt.Fprintf(p.err, "%s: asked for by %s\n", opened.ID, w.by.ID)
	if opened.Status == cases.Awaiting {
		return w, opened, fmt.Errorf("%s waits for approval: another person runs rollcall case approve %s", opened.ID,
			opened.ID)
	}
	done, err = w.wait(ctx, opened.ID)
	return w, done, err
}

// wait waits for the service privacy.
func (w *caseWork) wait(ctx context.Context, id string) (cases.Case, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := w.log.Load(ctx, id)
		switch {
		case err != nil:
			return c, err
		case c.Failed != nil:
			return c, errors.New(c.Failed.Message)
		case c.Ended(), c.Worked != nil:
			return c, nil
		}
		select {
		case <-ctx.Done():
			return c, fmt.Errorf("%s goes on as soon as the service privacy runs: %w", id, ctx.Err())
		case <-tick.C:
		}
	}
}

// rebuildReport returns what writes the report of a job again from its artifacts.
func (p *process) rebuildReport(store *events.Store) func(context.Context, *events.Job, io.Writer) error {
	return func(ctx context.Context, job *events.Job, to io.Writer) error {
		cfg := report.Config{Store: store, WardTarget: job.Reported.WardTarget, Logger: p.log}
		return report.New(cfg).Rebuild(ctx, job, to)
	}
}

// Run erases the person.
func (c *eraseCmd) Run(ctx context.Context, p *process) (err error) {
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	_, done, err := c.ask(ctx, p, in, cases.Erase)
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	r := done.Result()
	if c.JSON {
		if err := printCase(p.out, &done); err != nil {
			return err
		}
	} else {
		printErasure(p.out, r)
	}
	switch {
	case len(r.Busy) > 0:
		return fmt.Errorf("erase: not gone yet: %d jobs are under way; %s goes on when they have ended", len(r.Busy),
			done.ID)
	case !r.Gone:
		return fmt.Errorf("erase: not gone: %d places are left, %d to look at, %d jobs cannot be searched",
			len(r.Remains), len(r.Possible), len(r.Unread))
	}
	return nil
}

// printErasure tells what an erasure has removed and what is left.
func printErasure(out io.Writer, r *cases.Result) {
	fmt.Fprintf(out, "members: %d removed, with %d notes of what jobs had changed\n", r.Members, r.Outcomes)
	for _, job := range r.Jobs {
		fmt.Fprintf(out, "%s: taken out of its artifacts and its report; an upload that named the person is removed\n", job)
	}
	if r.Mentions > 0 {
		fmt.Fprintf(out, "texts about others that named the person: %d changed\n", r.Mentions)
	}
	if r.Unfinished > 0 {
		fmt.Fprintf(out, "unfinished uploads that named the person: %d removed\n", r.Unfinished)
	}
	if r.Objected {
		fmt.Fprintln(out, "The person is on the list of objections: later uploads leave them out.")
	}
	for _, at := range r.Remains {
		fmt.Fprintf(out, "STILL THERE: %s\n", describePlace(at))
	}
	for _, at := range r.Possible {
		fmt.Fprintf(out, "to be looked at, almost the ID number: %s\n", describePlace(at))
	}
	if r.More > 0 {
		fmt.Fprintf(out, "and %d places more\n", r.More)
	}
	for _, job := range r.Unread {
		fmt.Fprintf(out, "%s: one of its files is missing, altered or unreadable, and the person may be in it\n", job)
	}
	for _, job := range r.Busy {
		fmt.Fprintf(out, "%s: has not ended, and the person may be in it\n", job)
	}
	if r.Gone {
		fmt.Fprintln(out, "Nothing of the person is left.")
	}
}

func describePlace(at cases.Place) string {
	text := at.Where
	if at.JobID != "" {
		text = at.JobID + ", " + text
	}
	if at.Row > 0 {
		text += fmt.Sprintf(", row %d", at.Row)
	}
	if at.Column > 0 {
		text += fmt.Sprintf(", column %d", at.Column)
	}
	if at.Count > 1 {
		text += fmt.Sprintf(" (%d)", at.Count)
	}
	return text
}

// printCase prints a case as the API shows it.
func printCase(out io.Writer, c *cases.Case) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(c.View())
}

// Run prints what is held about the person.
func (c *exportCmd) Run(ctx context.Context, p *process) (err error) {
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	w, done, err := c.ask(ctx, p, in, cases.Export)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return w.printExport(ctx, p.out, &done)
}

func (w *caseWork) printExport(ctx context.Context, out io.Writer, c *cases.Case) error {
	text, err := c.ReadExport(ctx, w.store, w.key)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}

// Run puts the person on the list of objections, or takes them off.
func (c *objectCmd) Run(ctx context.Context, p *process) (err error) {
	in := p.infrastructure(c.NATS)
	defer func() { err = errors.Join(err, in.Close()) }()
	what, said := cases.Object, "Later uploads leave the person out."
	if c.Lift {
		what, said = cases.Lift, "The person may be on a roll again."
	}
	if _, _, err := c.ask(ctx, p, in, what); err != nil {
		return fmt.Errorf("object: %w", err)
	}
	_, err = fmt.Fprintln(p.out, said)
	return err
}
