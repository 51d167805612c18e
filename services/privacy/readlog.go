package privacy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/spelling"
)

// readJobs returns all jobs of the log, by id, in one pass. It calls visit, which may
// be nil, with each message.
func readJobs(
	ctx context.Context, cfg *Config, visit func(*jetstream.RawStreamMsg),
) (map[string]*events.Job, error) {
	all := make(map[string]*events.Job)
	for m, err := range events.Messages(ctx, cfg.Log.JetStream(), events.StreamFacts, events.AllSubjects, 1) {
		if err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		if visit != nil {
			visit(m)
		}
		id, _, err := events.ParseSubject(m.Subject)
		if err != nil {
			continue
		}
		job := all[id]
		if job == nil {
			job = &events.Job{}
			all[id] = job
		}
		e, err := events.Decode(m.Subject, m.Header, m.Data, m.Sequence)
		if errors.Is(err, events.ErrNewer) {
			return nil, fmt.Errorf("list jobs: %w", err) // the fold would be wrong
		}
		if err == nil {
			err = job.Apply(e)
		}
		if err != nil {
			cfg.Logger.WarnContext(ctx, "fact skipped", "job", id, "seq", m.Sequence, "err", err)
		}
		job.Seq = m.Sequence // counts for the guard in any case
	}
	for id, job := range all {
		if job.ID == "" {
			delete(all, id) // it has no believable fact
		}
	}
	return all, nil
}

// namedIn returns the fields of a stored event that name the person. Events are never
// changed, so what they say stays until the job is forgotten.
func (p *subject) namedIn(m *jetstream.RawStreamMsg) (list []cases.Place) {
	id, kind, err := events.ParseSubject(m.Subject)
	if err != nil {
		return nil
	}
	add := func(field string) {
		list = append(list, cases.Place{Where: fmt.Sprintf("event %s, %s", kind, field), JobID: id})
	}
	doc := json.NewDecoder(bytes.NewReader(m.Data))
	doc.UseNumber()
	var body any
	if doc.Decode(&body) == nil {
		walkJSON(body, "", func(path, text string) string {
			if p.finder.Find(text) >= spelling.Masked {
				add(path)
			}
			return text
		})
	}
	if owner, err := url.PathUnescape(m.Header.Get(events.HeaderOwner)); err == nil &&
		p.finder.Find(owner) >= spelling.Masked {
		add("owner")
	}
	return list
}
