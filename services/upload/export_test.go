package upload

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"

	"rollcall.example/events"
)

// For the tests outside of the package.
const (
	Block         = block
	HeaderExpires = headerExpires
	HeaderJob     = headerJob
	HeaderKey     = headerKey
	HeaderOffered = headerOffered
	KeyLife       = keyLife
	MaxKey        = maxKey
	MaxParts      = maxParts
	MaxUnfinished = maxUnfinished
)

var ErrOvertaken = errOvertaken

// WaitForSlot takes the place of a file that is being checked.
func (s *Service) WaitForSlot(ctx context.Context, user string) (release func(), err error) {
	return s.waitForSlot(ctx, events.User{ID: user})
}

// Checked is how many files are being checked or stored.
func (s *Service) Checked() int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return s.turns.held
}

// CountRefused is how many files of a user were refused within the last hour.
func (s *Service) CountRefused(ctx context.Context, user string) (int, error) {
	n, _, err := s.partials.countRefused(ctx, user, s.cfg.Now().Add(-limitWindow))
	return n, err
}

// Transfers are the files on their way, by user.
func (s *Service) Transfers() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.transfers)
}

// Admit makes a job of a file that was received in parts.
func (s *Service) Admit(
	ctx context.Context, user events.User, uploadID, file string,
) (job *events.Job, first bool, err error) {
	f := &form{key: uploadID, name: cleanFileName("")}
	err = s.spool(f, func(w io.Writer) (int64, error) { return io.Copy(w, strings.NewReader(file)) })
	if err == nil {
		job, first, err = s.admit(ctx, user, f)
	}
	return job, first, errors.Join(err, f.close())
}

// LoadPartial loads an upload that comes in parts; write adds to it as it was then.
func (s *Service) LoadPartial(ctx context.Context, user, id string) (write func(io.Reader) (int64, error), err error) {
	p, err := s.partials.load(ctx, user, id)
	return func(r io.Reader) (int64, error) { return s.partials.write(ctx, p, r) }, err
}
