package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// ErrNotFound means that there is no such case.
var ErrNotFound = errors.New("case not found")

const (
	typePrefix = "rollcall.case."
	// appendTime is how long an append may take.
	appendTime = 15 * time.Second
)

// NewID returns a new case number: "case-" and a UUIDv7. Numbers sort by time.
func NewID() string { return "case-" + uuid.Must(uuid.NewV7()).String() }

// ValidID reports whether id has the form that NewID returns. Check every id from
// outside before it becomes part of a subject.
func ValidID(id string) bool {
	rest, ok := strings.CutPrefix(id, "case-")
	if !ok || len(rest) != 36 {
		return false
	}
	u, err := uuid.Parse(rest)
	return err == nil && u.String() == rest
}

// Subject returns the subject of a fact: case.<caseId>.<kind>.
func Subject(id string, kind FactKind) string { return "case." + id + "." + string(kind) }

// filter matches every subject of a case. It guards every append.
func filter(id string) string { return "case." + id + ".>" }

// Log reads and appends the facts of cases.
type Log struct {
	js     jetstream.JetStream
	source string
	logger *slog.Logger
	now    func() time.Time

	auditor *events.Auditor
}

// NewLog returns a log that writes as the given service. A nil logger discards.
func NewLog(js jetstream.JetStream, source string, logger *slog.Logger) *Log {
	return &Log{js: js, source: source, logger: events.Logger(logger), now: time.Now,
		auditor: events.NewAuditor(js)}
}

// WithClock returns the log with another clock for the times of its facts.
func (l *Log) WithClock(now func() time.Time) *Log {
	other := *l
	other.now = now
	return &other
}

// JetStream returns the connection that the log uses.
func (l *Log) JetStream() jetstream.JetStream { return l.js }

// Load returns the fold of all facts of a case. The error is ErrNotFound when there
// are none.
func (l *Log) Load(ctx context.Context, id string) (Case, error) {
	var c Case
	if !ValidID(id) {
		return c, ErrNotFound
	}
	for m, err := range events.Messages(ctx, l.js, events.StreamCases, filter(id), 1) {
		if err != nil {
			return Case{}, fmt.Errorf("load case: %w", err)
		}
		l.apply(ctx, &c, m)
	}
	if c.ID == "" {
		return c, ErrNotFound
	}
	return c, nil
}

// All yields all cases, in the order of their requests. An error is the last thing
// yielded.
func (l *Log) All(ctx context.Context) iter.Seq2[Case, error] {
	return func(yield func(Case, error) bool) {
		all := map[string]*Case{}
		var order []string
		for m, err := range events.Messages(ctx, l.js, events.StreamCases, "case.>", 1) {
			if err != nil {
				yield(Case{}, fmt.Errorf("list cases: %w", err))
				return
			}
			id, _, _ := strings.Cut(strings.TrimPrefix(m.Subject, "case."), ".")
			c := all[id]
			if c == nil {
				c = &Case{}
				all[id], order = c, append(order, id)
			}
			l.apply(ctx, c, m)
		}
		for _, id := range order {
			if c := all[id]; c.ID != "" && !yield(*c, nil) {
				return
			}
		}
	}
}

// apply folds a message into its case. One that is not trusted changes nothing but the
// guard of the next append.
func (l *Log) apply(ctx context.Context, c *Case, m *jetstream.RawStreamMsg) {
	fact, err := Decode(m.Subject, m.Header, m.Data)
	if err == nil {
		err = c.Apply(m.Sequence, fact)
	}
	if err != nil {
		l.logger.WarnContext(ctx, "message of a case skipped", "seq", m.Sequence, "err", err)
	}
	c.Seq = m.Sequence
}

// Decode reads a stored fact. The error is events.ErrUntrusted unless subject, headers
// and body name the same case and kind.
func Decode(subject string, header nats.Header, body []byte) (Fact, error) {
	parts := strings.Split(subject, ".")
	if len(parts) != 3 || parts[0] != "case" || !ValidID(parts[1]) {
		return nil, fmt.Errorf("decode case: %w: no subject of a case", events.ErrUntrusted)
	}
	fact := newFact(FactKind(parts[2]))
	if fact == nil {
		return nil, fmt.Errorf("decode case: %w: no such kind", events.ErrUntrusted)
	}
	if err := json.Unmarshal(body, fact); err != nil {
		return nil, fmt.Errorf("decode case: %w: the body cannot be read", events.ErrUntrusted)
	}
	m := fact.meta()
	if m.CaseID != parts[1] || m.Kind != fact.FactKind() || header.Get(events.HeaderSubject) != m.CaseID ||
		header.Get(events.HeaderType) != typePrefix+string(m.Kind) {
		return nil, fmt.Errorf("decode case: %w: subject, headers and body differ", events.ErrUntrusted)
	}
	return fact, nil
}

// Append stores a fact of the case as it was loaded, and applies it. The case's last
// sequence guards the append.
//
// The error is events.ErrNotAllowed when the case forbids the fact, and
// events.ErrConflict when the case has changed since it was loaded. After any other
// error the fact may be stored or not.
func (l *Log) Append(ctx context.Context, c *Case, id string, fact Fact) error {
	if err := c.Allows(fact); err != nil {
		return err
	}
	kind := fact.FactKind()
	if !ValidID(id) {
		return fmt.Errorf("append %s: no valid case number", kind)
	}
	at := l.now().UTC()
	*fact.meta() = Meta{CaseID: id, Kind: kind, At: at}
	body, err := json.Marshal(fact)
	if err != nil {
		return fmt.Errorf("append %s: %w", kind, err)
	}
	msg := nats.NewMsg(Subject(id, kind))
	msg.Data = body
	msgID := fmt.Sprintf("%s.%s.%d", id, kind, c.Seq)
	for name, value := range map[string]string{
		events.HeaderMsgID: msgID, events.HeaderSpecVersion: "1.0", events.HeaderID: msgID,
		events.HeaderSource: "/rollcall/" + l.source, events.HeaderType: typePrefix + string(kind),
		events.HeaderSubject: id, events.HeaderTime: at.Format(time.RFC3339Nano),
		events.HeaderContentType: "application/json", events.HeaderDataVersion: "1",
	} {
		msg.Header.Set(name, value)
	}
	ctx, cancel := context.WithTimeout(ctx, appendTime)
	defer cancel()
	ack, err := l.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(events.StreamCases),
		jetstream.WithExpectLastSequenceForSubject(c.Seq, filter(id)))
	if events.IsConflict(err) {
		return events.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("append %s: %w", kind, err)
	}
	return c.Apply(ack.Sequence, fact)
}
