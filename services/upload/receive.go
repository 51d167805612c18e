package upload

import (
	"context"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// checkTime is how long the check of a file may take. A roll of a million rows takes a
// hundredth of it.
const checkTime = 15 * time.Second

// lookupTime is for looking up earlier uploads of the same file.
const lookupTime = 3 * time.Second

// Receipt is what became of a file that was received.
type Receipt struct {
	Job events.Job
	// Repeated says that the same idempotency key has brought the file before.
	Repeated bool
	// SameAs is the newest completed job of the same user and the same bytes, ""
	// for none.
	SameAs string
	// Offered is a mapping of the user that fits the file, which was sent without one;
	// nil for none.
	Offered *mappings.Saved
}

// ReceiveForm takes a spreadsheet that is sent as a multipart form, and begins its
// job. What is refused leaves nothing behind: the file is looked at before
// anything is stored. It bounds the request's body.
func (s *Service) ReceiveForm(w http.ResponseWriter, r *http.Request, who access.Principal) (Receipt, error) {
	user := who.User
	end, err := s.beginTransfer(user)
	if err != nil {
		return Receipt{}, err
	}
	defer end()
	if err := s.checkUsage(r.Context(), user, 0); err != nil { // before all of a file is received
		return Receipt{}, err
	}
	f, err := s.readForm(w, r)
	defer func() {
		// The job may exist by now, and the copy has no name: it is no reason to refuse.
		if err := f.close(); err != nil {
			s.cfg.Logger.WarnContext(r.Context(), "spool file not closed", "err", err)
		}
	}()
	if err != nil {
		s.countRefused(r.Context(), user, err)
		return Receipt{}, err
	}
	if err := f.authorize(r.Context(), s.cfg.Log, who); err != nil {
		return Receipt{}, err
	}
	job, first, err := s.admit(r.Context(), user, f)
	if err != nil {
		return Receipt{}, err
	}
	if !first {
		return Receipt{Job: *job, Repeated: true}, s.checkRepeat(r.Context(), job, f)
	}
	receipt := Receipt{Job: *job, SameAs: s.findSameFile(r.Context(), job)}
	if len(f.mapping) == 0 {
		receipt.Offered = s.OfferMapping(r.Context(), user, f.header)
	}
	return receipt, nil
}

// admit makes a job of a file that was received, or refuses it. First is false
// when its key has led to the job already.
func (s *Service) admit(ctx context.Context, user events.User, f *form) (job *events.Job, first bool, err error) {
	id, earlier, err := s.jobOfKey(ctx, user, f.key)
	if err != nil || earlier != nil {
		return earlier, false, err
	}
	release, err := s.waitForSlot(ctx, user)
	if err != nil {
		return nil, false, err
	}
	defer release()
	if err := check(ctx, f); err != nil {
		s.countRefused(ctx, user, err)
		return nil, false, s.offers.instead(ctx, user, f, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, false, err // nobody waits for the job id
	}
	unclaim, err := s.claim(ctx, user, f.size)
	if err != nil {
		return nil, false, err
	}
	defer unclaim()
	accepted, first, err := s.accept(ctx, user, id, f)
	if err != nil {
		return nil, false, err
	}
	if first {
		s.cfg.Logger.InfoContext(ctx, "file accepted", "job", accepted.ID, "user", user.ID, "size", f.size)
		s.cfg.Jobs.TrySave(ctx, &accepted)
	}
	return &accepted, first, nil
}

// check refuses a file that is no roll, or that its mapping does not fit. It ends with
// the request: nobody else needs what it finds out.
func check(ctx context.Context, f *form) error {
	columns, err := schema.Columns()
	if err != nil {
		return err
	}
	budget := workbook.Budget{Time: checkTime}
	f.header, f.mapped, err = workbook.PreflightMapped(ctx, f.file, f.size, budget, columns, f.mapping)
	return err
}

// waitForSlot waits until it is the turn of one more file of the user, for a while.
func (s *Service) waitForSlot(ctx context.Context, user events.User) (release func(), err error) {
	wait, cancel := context.WithTimeout(ctx, s.cfg.MaxWait)
	defer cancel()
	release, err = s.turns.take(wait, user.ID)
	if err != nil && ctx.Err() == nil {
		return nil, refusal.New(refusal.CodeBusy,
			"Many files are being uploaded at the moment. Please try again in a minute.")
	}
	return release, err
}

// findSameFile returns the newest completed job of the same user and the same
// bytes, "" for none. The upload is accepted, so an error is no reason to refuse it.
func (s *Service) findSameFile(ctx context.Context, job *events.Job) (jobID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTime)
	defer cancel()
	jobID, err := s.cfg.Jobs.FindSameFile(ctx, job.Owner.ID, job.Uploaded.File.SHA256)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "earlier uploads of the file not looked up", "job", job.ID, "err", err)
	}
	return jobID
}
