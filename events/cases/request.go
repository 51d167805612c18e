package cases

import (
	"bytes"
	"context"
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
	ID     string // the ID number
	By     events.User
	From   string
	Reason string
	// FourEyes says that somebody else must approve the case.
	FourEyes bool
}

func isIDNumber(id string) bool {
	for _, c := range id {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(id) == spelling.Length
}

// Open begins a case. The ID number is sealed and stored outside the log, and removed
// when the case ends. ID numbers in the reason are hidden.
func (l *Log) Open(ctx context.Context, store *events.Store, key *person.Key, r Request) (c Case, err error) {
	if !isIDNumber(r.ID) {
		return c, ErrNoID
	}
	id := NewID()
	name := id + "/number"
	fact := &Requested{
		What: r.What, Person: key.Hash(r.ID), By: r.By, From: r.From, FourEyes: r.FourEyes,
		Reason: spelling.HideNumbers(r.Reason),
	}
	fact.Number, err = store.Put(ctx, events.BucketCases, name, bytes.NewReader(key.Seal(name, []byte(r.ID))))
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
	if id := string(plain); isIDNumber(id) && key.Hash(id) == c.Requested.Person {
		return id, nil
	}
	return "", fmt.Errorf("case number: %w", person.ErrSealed)
}

// StoreExport seals and stores the export of a case.
func (c *Case) StoreExport(ctx context.Context, store *events.Store, key *person.Key, plain []byte,
) (events.Artifact, error) {
	name := c.ID + "/export"
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
