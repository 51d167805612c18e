package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

const projectAgain = 2 * time.Second

// Run keeps the table jobs up to date until ctx ends. Any number of replicas
// may run: a row is written by the newest fact, whoever comes with it.
func (s *Service) Run(ctx context.Context) error {
	cons, err := s.cfg.Log.JetStream().Consumer(ctx, events.StreamFacts, events.ConsumerProjection)
	if err != nil {
		return fmt.Errorf("run projection: %w", err)
	}
	it, err := cons.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return fmt.Errorf("run projection: %w", err)
	}
	defer it.Stop()
	defer context.AfterFunc(ctx, it.Drain)()
	for {
		msg, err := it.Next()
		switch {
		case errors.Is(err, jetstream.ErrMsgIteratorClosed), errors.Is(err, nats.ErrConnectionClosed):
			return nil
		case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
			return fmt.Errorf("run projection: %w", err)
		case err != nil:
			s.cfg.Logger.Warn("fetch", "consumer", events.ConsumerProjection, "err", err)
		default:
			s.settle(s.follow(context.WithoutCancel(ctx), msg))
		}
	}
}

// follow brings the table to where the message's job stands now.
func (s *Service) follow(ctx context.Context, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("message without metadata: %w", err)
	}
	e, err := events.Decode(msg.Subject(), msg.Headers(), msg.Data(), meta.Sequence.Stream)
	if err != nil {
		s.cfg.Logger.Error("message refused", "seq", meta.Sequence.Stream, "err", err)
		return msg.TermWithReason("disbelieved")
	}
	job, err := s.cfg.Log.Load(ctx, e.JobID)
	if err == nil && job.Seq < e.Seq {
		err = errors.New("the server that answered lags behind")
	}
	if err == nil {
		err = s.project(ctx, &job)
	}
	if err != nil {
		s.cfg.Logger.Warn("job not listed, will be tried again", "job", e.JobID, "err", err)
		return msg.NakWithDelay(projectAgain)
	}
	return msg.Ack()
}

func (s *Service) settle(err error) {
	if err != nil {
		s.cfg.Logger.Warn("message not settled", "consumer", events.ConsumerProjection, "err", err)
	}
}

// project writes a job's row from its fold. An older fold changes nothing.
func (s *Service) project(ctx context.Context, j *events.Job) error {
	v := view(j)
	stats, err := json.Marshal(map[string]any{"validation_stats": v.Validation, "iec_stats": v.IEC, "database_stats": v.Database})
	if err != nil {
		return fmt.Errorf("project job: %w", err)
	}
	var failedStage, code, message *string
	if v.Error != nil {
		stage := string(v.Error.Stage)
		failedStage, code, message = &stage, &v.Error.Code, &v.Error.Message
	}
	var completed *time.Time
	var duration *int64
	if j.Ended() {
		completed = &j.UpdatedAt
	}
	if j.Reported != nil {
		duration = &v.DurationMS
	}
	_, err = s.cfg.DB.ExecContext(ctx, `INSERT INTO jobs (job_id, seq, owner_id, owner_role, file_name, file_size, status, stage, progress, stats,
  failed_stage, error_code, error_message, created_at, updated_at, completed_at, duration_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (job_id) DO UPDATE SET seq = excluded.seq, owner_id = excluded.owner_id, owner_role = excluded.owner_role,
  file_name = excluded.file_name, file_size = excluded.file_size, status = excluded.status, stage = excluded.stage,
  progress = excluded.progress, stats = excluded.stats, failed_stage = excluded.failed_stage, error_code = excluded.error_code,
  error_message = excluded.error_message, created_at = excluded.created_at, updated_at = excluded.updated_at,
  completed_at = excluded.completed_at, duration_ms = excluded.duration_ms
WHERE jobs.seq < excluded.seq`,
		j.ID, int64(j.Seq), j.Owner.ID, j.Owner.Role, j.FileName, v.FileSize, v.Status, v.Stage, v.Progress, stats,
		failedStage, code, message, j.CreatedAt, j.UpdatedAt, completed, duration)
	if err != nil {
		return fmt.Errorf("project job: %w", err)
	}
	return nil
}
