package answers

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// oneByOne are the keys of events.KVVerdicts as they were before there were buckets: one for
// each person, the hash alone.
const oneByOne = "$KV." + events.KVVerdicts + ".*"

// convert appends the answers that an earlier version kept under a key for each person, and
// removes those keys. It may be begun again at any time. It is for the holder of reading.
func (l *sharedLog) convert(ctx context.Context) error {
	b := &batch{subject: events.SubjectAnswers}
	flush := func() error {
		if len(b.message.Answers) == 0 {
			return nil
		}
		b.requests = []*request{{}}
		err := l.publishOne(ctx, b)
		b.message.Answers = nil
		return err
	}
	found := false
	for m, err := range events.Messages(ctx, l.js, "KV_"+events.KVVerdicts, oneByOne, 0) {
		if err != nil {
			return fmt.Errorf("convert answers: %w", err)
		}
		found = true
		a := answered{Verdict: &records.Verdict{}}
		name := m.Subject[len(oneByOne)-1:]
		if len(m.Data) == 0 || len(name) < len(a.Person.String()) { // removed before
			continue
		}
		if err := a.Person.UnmarshalText([]byte(name[:len(a.Person.String())])); err != nil {
			return fmt.Errorf("convert answers: %w", err)
		}
		if err := records.Parse(m.Data, a.Verdict); err != nil {
			return fmt.Errorf("convert answers: %w", err)
		}
		if b.message.Answers = append(b.message.Answers, a); len(b.message.Answers) == mostAtOnce {
			if err := flush(); err != nil {
				return fmt.Errorf("convert answers: %w", err)
			}
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("convert answers: %w", err)
	}
	if !found {
		return nil
	}
	stream, err := l.js.Stream(ctx, "KV_"+events.KVVerdicts)
	if err == nil {
		err = stream.Purge(ctx, jetstream.WithPurgeSubject(oneByOne))
	}
	if err != nil {
		return fmt.Errorf("convert answers: %w", err)
	}
	return nil
}
