package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/services/mail/settings"
)

const (
	enqueueTimeout = 5 * time.Second
	// prefetch is small enough that all messages can be handled within the consumer's
	// AckWait, even if each of them waits for a database that does not answer.
	prefetch = 8
)

// enqueue writes down who has to be told of each event, and then acknowledges the event.
func (s *Service) enqueue(ctx context.Context) error {
	opts := events.ConsumeOptions{Prefetch: prefetch, Logger: s.cfg.Logger}
	return events.Consume(ctx, s.cfg.JetStream, events.ConsumerMail, opts, s.insertMails)
}

// insertMails inserts a message for each person who has to be told of an event. An event
// that is delivered again finds its messages there.
func (s *Service) insertMails(ctx context.Context, e events.Delivery) error {
	if s.cfg.Server == nil || s.cfg.Now().Sub(e.At) > s.cfg.MaxAge {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enqueueTimeout)
	defer cancel()
	job, err := s.log.Load(ctx, e.JobID)
	if errors.Is(err, events.ErrNotFound) {
		return nil // it is kept no longer
	}
	if err != nil {
		return fmt.Errorf("load job: %w", err)
	}
	owners := []string{job.Owner.ID, job.Uploaded.Asker().ID}
	people, err := s.people.Find(ctx, owners, e.Kind == events.KindProposed, e.At)
	if err != nil {
		return err
	}
	for _, person := range people {
		who, err := person.Identify(s.cfg.Policy)
		if err != nil {
			return err
		}
		topic := topicFor(who, person, &job, e.Event)
		if topic == "" {
			continue
		}
		if _, err := s.cfg.DB.ExecContext(ctx, `INSERT INTO mails (user_id, seq, job_id, kind, topic, event_at)
SELECT user_id, $2, $3, $4, $5, $6 FROM notifications WHERE user_id = $1 ON CONFLICT DO NOTHING`,
			person.UserID, int64(e.Seq), e.JobID, string(e.Kind), string(topic), e.At); err != nil {
			return fmt.Errorf("insert mail: %w", err)
		}
		s.wakeUp()
	}
	return nil
}

// topicFor returns under which topic a person is told of an event; "" is not at all. Nobody
// is told of what they did themselves, or of a job that they may not see.
func topicFor(who access.Principal, wants settings.Recipient, job *events.Job, e events.Event) settings.Topic {
	if f, ok := e.Fact.(*events.Cancelled); ok && f.By.ID == who.ID {
		return ""
	}
	asker := job.Uploaded.Asker()
	switch own := who.ID == job.Owner.ID || who.ID == asker.ID; {
	case own && wants.Jobs && who.MayOn(access.ReadStatus, job) == nil:
		return settings.Jobs
	case !own && wants.Waiting && e.Kind == events.KindProposed && who.MayOn(access.Approve, job) == nil:
		return settings.Waiting
	}
	return ""
}
