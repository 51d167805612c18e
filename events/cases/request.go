package cases

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"rollcall.example/events"
	"rollcall.example/events/person"
	"rollcall.example/events/spelling"
)

// ErrNoID means that a text is no ID number. The error does not repeat it.
var ErrNoID = errors.New("not an ID number of 13 digits")

// Request is what somebody asks for.
type Request struct {
	What   Kind
	ID     string // the ID number, as spelling.Read reads it
	By     events.User
	From   string
	Reason string
	// FourEyes says that somebody else must approve the case.
	FourEyes bool
}

// ErrUnaudited means that what somebody asked for or decided could not be written to the
// audit. Nothing of it has happened then.
var ErrUnaudited = errors.New("it cannot be written to the audit")

// audit records what somebody asks for or decides, before it counts.
func (l *Log) audit(ctx context.Context, id, who string, what events.AccessKind, by events.User, from string) error {
	ctx, cancel := context.WithTimeout(ctx, appendTime)
	defer cancel()
	err := l.auditor.Write(ctx, events.Access{
		CaseID: id, What: what, At: l.now().UTC(), By: by, From: from, Person: who,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnaudited, err)
	}
	return nil
}

// Decide approves or declines a case as it was loaded: the audit has it first. The fact is
// *Approved or *Declined. Errors are those of Append, and ErrUnaudited.
func (l *Log) Decide(ctx context.Context, c *Case, decision Fact) error {
	if err := c.Allows(decision); err != nil {
		return err
	}
	var err error
	switch d := decision.(type) {
	case *Approved:
		d.Reason = spelling.HideNumbers(d.Reason)
		err = l.audit(ctx, c.ID, c.Requested.Person, events.AccessApproval, d.By, d.From)
	case *Declined:
		d.Reason = spelling.HideNumbers(d.Reason)
		err = l.audit(ctx, c.ID, c.Requested.Person, events.AccessRefusal, d.By, d.From)
	default:
		err = fmt.Errorf("%s is no decision", decision.FactKind())
	}
	if err != nil {
		return fmt.Errorf("decide: %w", err)
	}
	return l.Append(ctx, c, c.ID, decision)
}

// Open begins a case; the audit has its request first. The ID number is sealed and stored outside the log, and removed
// when the case ends. ID numbers in the reason are hidden.
func (l *Log) Open(ctx context.Context, store *events.Store, key *person.Key, r Request) (c Case, err error) {
	number := spelling.Read(r.ID, false)
	if number.Fault != spelling.Fine {
		return c, ErrNoID
	}
	id := NewID()
	name := id + "/number"
	fact := &Requested{
		What: r.What, Person: key.Hash(number.Digits), By: r.By, From: r.From, FourEyes: r.FourEyes,
		Reason: spelling.HideNumbers(r.Reason),
	}
	if err := l.audit(ctx, id, fact.Person, events.AccessRequest, r.By, r.From); err != nil {
		return c, fmt.Errorf("open case: %w", err)
	}
	fact.Number, err = store.Put(ctx, events.BucketCases, name, bytes.NewReader(key.Seal(name, []byte(number.Digits))))
	if err != nil {
		return c, fmt.Errorf("open case: %w", err)
	}
	if err := l.Append(ctx, &c, id, fact); err != nil {
		return c, errors.Join(fmt.Errorf("open case: %w", err),
			store.Discard(context.WithoutCancel(ctx), events.BucketCases, name))
	}
	return c, nil
}

// Number returns the ID number of a case. The error wraps events.ErrMissing when it is
// no longer kept, and person.ErrSealed when another key has sealed it.
func (c *Case) Number(ctx context.Context, store *events.Store, key *person.Key) (string, error) {
	plain, err := open(ctx, store, key, c.Requested.Number)
	if err != nil {
		return "", fmt.Errorf("case number: %w", err)
	}
	if id := string(plain); spelling.Read(id, false).Digits == id && key.Hash(id) == c.Requested.Person {
		return id, nil
	}
	return "", fmt.Errorf("case number: %w", person.ErrSealed)
}

// StoreExport seals and stores the export of a case, under a name of its own: a process
// that does the case late does not replace what another one has named in its fact.
func (c *Case) StoreExport(ctx context.Context, store *events.Store, key *person.Key, plain []byte,
) (events.Artifact, error) {
	name := c.ID + "/export-" + rand.Text()
	a, err := store.Put(ctx, events.BucketCases, name, bytes.NewReader(key.Seal(name, plain)))
	if err != nil {
		return a, fmt.Errorf("store export: %w", err)
	}
	return a, nil
}

// ReadExport returns the export of a completed case. The error wraps events.ErrMissing
// when it is no longer kept, or when the case has none.
func (c *Case) ReadExport(ctx context.Context, store *events.Store, key *person.Key) ([]byte, error) {
	if c.Completed == nil || c.Completed.Export == nil {
		return nil, fmt.Errorf("read export: %w", events.ErrMissing)
	}
	plain, err := open(ctx, store, key, *c.Completed.Export)
	if err != nil {
		return nil, fmt.Errorf("read export: %w", err)
	}
	return plain, nil
}

func open(ctx context.Context, store *events.Store, key *person.Key, a events.Artifact) ([]byte, error) {
	file, err := store.Fetch(ctx, a)
	if err != nil {
		return nil, err
	}
	sealed, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return key.Open(a.Name, sealed)
}
