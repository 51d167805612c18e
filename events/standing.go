package events

// Standing is where a job is, as people are shown it. The zero Standing is that of
// a job of which nothing is known.
type Standing struct {
	Step Step
	// Percent is from 0 to 100.
	Percent int
	// Processed and Total count rows of the step; both 0 where it has none.
	Processed, Total int
	// Message is a sentence.
	Message string
}

// After is where a job is after one more fact. It is what both a live frame of the
// fact and the state at its sequence show, so that they cannot differ. A job that
// ended without a report is where it was before.
func (s Standing) Advance(fact Fact) Standing {
	// done is at the end of a step's band, within stands where the rows are: a bar
	// that jumped to the end of the band and back again would tell a lie twice.
	done := func(step Step, rows int, message string) Standing {
		_, to := step.Band()
		return Standing{Step: step, Percent: to, Processed: rows, Total: rows, Message: message}
	}
	within := func(step Step, processed, total int, message string) Standing {
		return Standing{Step: step, Percent: step.Percent(processed, total), Processed: processed, Total: total, Message: message}
	}
	switch f := fact.(type) {
	case *Uploaded:
		if f.Options.Undoes != "" {
			return done(Initialization, 0, "The undo was asked for.")
		}
		return done(Initialization, 0, "The file was received.")
	case *Validated:
		return done(PreValidation, f.Stats.TotalRecords, "The rows were checked.")
	case *Verified:
		return done(IECVerification, f.Stats.Total, "The IEC has answered.")
	case *Persisted:
		return done(DatabaseOperations, f.Stats.Total, "The members were written.")
	case *Reported:
		return done(ReportGeneration, f.Validation.TotalRecords, "The report is ready.")
	case *Paused:
		return within(f.Stage.FirstStep(), f.Processed, f.Total, f.Message)
	case *Resumed:
		return within(f.Stage.FirstStep(), f.Processed, f.Total, "Going on.")
	case *Warned:
		return within(f.Stage.FirstStep(), f.Processed, f.Total, f.Message)
	case *Retried:
		return within(f.Stage.FirstStep(), 0, 0, "Trying again.")
	case *Failed:
		s.Message = f.Message
	case *Cancelled:
		s.Message = "The job was cancelled."
	}
	return s
}
