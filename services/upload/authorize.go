package upload

import (
	"context"
	"errors"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
)

// authorize decides whether a person may upload a file with these options, and
// notes on the form where the job may work. A person who may not write gets a
// job that somebody else has to approve.
func (f *form) authorize(ctx context.Context, log *events.Log, who access.Principal) error {
	if err := mayUpload(who); err != nil {
		return err
	}
	if !f.options.SkipIEC {
		if err := who.May(access.Verify); err != nil {
			return &refusal.Error{Code: refusal.CodeForbidden, Details: map[string]any{"permission": access.Verify},
				Message: "Your role does not permit to ask the IEC. Upload with " + optionIEC + "=false.", Err: err}
		}
	}
	f.options.Approval = !f.options.DryRun && who.May(access.Write) != nil
	f.area = who.Area
	return f.checkFollowed(ctx, log, who)
}

// checkFollowed refuses a file that says it corrects the rows of a job whose rows the
// person may not see. Such a job answers like one that does not exist.
func (f *form) checkFollowed(ctx context.Context, log *events.Log, who access.Principal) error {
	id := f.options.Follows
	if id == "" {
		return nil
	}
	job, err := log.Load(ctx, id)
	if err == nil {
		err = who.MayOn(access.ReadRows, &job)
	}
	known, refused := errors.AsType[*refusal.Error](err)
	if errors.Is(err, events.ErrNotFound) || refused && known.Code == refusal.CodeNotFound {
		return &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"parameter": optionFollows}, Err: err,
			Message: "The job whose rows the file corrects does not exist, or it is not yours."}
	}
	return err
}

// mayUpload returns nil when a person may upload some file.
func mayUpload(who access.Principal) error {
	if err := who.May(access.Upload); err != nil {
		return err
	}
	if who.Area.Level == events.AreaNowhere {
		return &refusal.Error{Code: refusal.CodeForbidden,
			Message: "Your token does not say where you work, so no row of a file could be in your area.",
			Details: map[string]any{"permission": access.Upload, "reason": "no_area"}}
	}
	return nil
}
