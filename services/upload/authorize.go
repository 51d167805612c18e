package upload

import (
	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
)

// authorize decides whether a person may upload a file with these options, and
// notes on the form where the job may work. A person who may not write gets a
// job that somebody else has to approve.
func (f *form) authorize(who access.Principal) error {
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
	return nil
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
