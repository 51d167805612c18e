package events

import "context"

// ArchivePart archives a job as somebody does who is killed: it stores the archive and
// deletes only so many of the other messages.
func (l *Log) ArchivePart(ctx context.Context, jobID string, deleted int) error {
	msgs, err := l.readValid(ctx, jobID, 0)
	if err != nil {
		return err
	}
	job, err := foldWhole(msgs)
	if err != nil {
		return err
	}
	a := archiving{l, &job}
	if err := a.append(ctx, msgs); err != nil {
		return err
	}
	return a.delete(ctx, msgs[:deleted])
}
