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

// jobsRead is what readJobs has found.
type jobsRead struct {
	jobs  map[string]*events.Job
	newer []string // jobs with an event of a newer rollcall, which nobody here can read
	last  uint64   // the last sequence read
}

// readJobs returns the jobs that have an event after a sequence, by id, in one pass. It
// calls visit with each message.
func readJobs(ctx context.Context, cfg *Config, after uint64, visit func(*jetstream.RawStreamMsg)) (jobsRead, error) {
	r := logReader{cfg: cfg, after: after, jobsRead: jobsRead{jobs: map[string]*events.Job{}, last: after},
		foldable: map[string]bool{}, visit: visit}
	for m, err := range events.Messages(ctx, cfg.Log.JetStream(), events.StreamFacts, events.AllSubjects, after+1) {
		if err != nil {
			return r.jobsRead, fmt.Errorf("list jobs: %w", err)
		}
		r.last = m.Sequence
		r.read(ctx, m)
	}
	err := r.load(ctx)
	return r.jobsRead, err
}

// logReader folds the jobs that have an event after a sequence.
type logReader struct {
	jobsRead
	cfg      *Config
	after    uint64
	foldable map[string]bool // false for jobs that began before
	visit    func(*jetstream.RawStreamMsg)
}

// read folds a message, or those that an archive holds. An archive without an event
// after the sequence is nothing new.
func (r *logReader) read(ctx context.Context, m *jetstream.RawStreamMsg) {
	inner, err := events.Unpack(m)
	if err != nil || !events.IsArchive(m) {
		r.visit(m)
		r.fold(ctx, m)
		return
	}
	id, _, _ := events.ParseSubject(m.Subject) // Unpack has parsed it
	delete(r.jobs, id)                         // the archive has what was read of it, too
	for _, in := range inner {
		if in.Sequence > r.after && !events.IsArchive(in) {
			r.visit(in)
			r.fold(ctx, in)
		}
	}
	if job := r.jobs[id]; job != nil {
		job.Archived = m.Sequence
	}
}

// fold applies an event to its job.
func (r *logReader) fold(ctx context.Context, m *jetstream.RawStreamMsg) {
	id, kind, err := events.ParseSubject(m.Subject)
	if err != nil {
		return
	}
	job := r.jobs[id]
	if job == nil {
		job = &events.Job{}
		r.jobs[id], r.foldable[id] = job, r.after == 0 || kind == events.KindUploaded
	}
	e, err := events.Decode(m.Subject, m.Header, m.Data, m.Sequence)
	if errors.Is(err, events.ErrNewer) {
		r.foldable[id] = false // the fold would be wrong
	}
	if !r.foldable[id] {
		return
	}
	if err == nil {
		err = job.Apply(e)
	}
	if err != nil {
		r.cfg.Logger.WarnContext(ctx, "fact skipped", "job", id, "seq", m.Sequence, "err", err)
	}
	job.Seq, job.Archived = m.Sequence, 0 // counts for the guard in any case
}

// load loads the jobs that could not be folded.
func (r *logReader) load(ctx context.Context) error {
	for id := range r.jobs {
		if !r.foldable[id] {
			job, err := r.cfg.Log.Load(ctx, id)
			switch {
			case errors.Is(err, events.ErrNewer):
				r.newer = append(r.newer, id)
			case err != nil && !errors.Is(err, events.ErrNotFound):
				return fmt.Errorf("list jobs: %w", err)
			}
			r.jobs[id] = &job
		}
		if r.jobs[id].ID == "" {
			delete(r.jobs, id) // it has no believable fact, or none that can be read
		}
	}
	return nil
}

// placesInLog returns where the events of a job name the person.
func (s *searcher) placesInLog(ctx context.Context, id string, p *subject) (list []cases.Place, err error) {
	for m, err := range events.Messages(ctx, s.cfg.Log.JetStream(), events.StreamFacts, events.JobFilter(id), 1) {
		if err != nil {
			return nil, err
		}
		inner, err := events.Unpack(m)
		if err != nil {
			inner = []*jetstream.RawStreamMsg{m}
		} else if events.IsArchive(m) {
			list = nil // it has what is left before it, too
		}
		for _, in := range inner {
			list = append(list, p.namedIn(in)...)
		}
	}
	return list, nil
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
