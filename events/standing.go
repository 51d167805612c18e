package events

// Standing is how far a job is, in the form that people see. The zero Standing
// is that of an unknown job.
type Standing struct {
	Step Step
	// Percent is between 0 and 100.
	Percent int
	// Processed and Total count the rows of the step; both are 0 when it has
	// none.
	Processed, Total int
	// Message is a sentence for people.
	Message string
}

// Advance returns the standing after one more fact. Live frames and the state
// at a sequence both come from it, so they agree. A job that ends without a
// report keeps its step and percentage.
func (s Standing) Advance(fact Fact) Standing {
	// A finished step shows the end of its band. A step under way shows where its
	// rows are; the end of the band would make the bar jump forward and back.
	atEnd := func(step Step, rows int, message string) Standing {
		_, to := step.Band()
		return Standing{Step: step, Percent: to, Processed: rows, Total: rows, Message: message}
	}
	atRow := func(step Step, processed, total int, message string) Standing {
		percent := step.Percent(processed, total)
		return Standing{Step: step, Percent: percent, Processed: processed, Total: total, Message: message}
	}
	switch f := fact.(type) {
	case *Uploaded:
		if f.Options.Undoes != "" {
			return atEnd(Initialization, 0, "The undo was asked for.")
		}
		if f.Options.Commits != "" {
			return atEnd(Initialization, 0, "The commit of a dry run was asked for.")
		}
		return atEnd(Initialization, 0, "The file was received.")
	case *Validated:
		return atEnd(PreValidation, f.Stats.TotalRecords, "The rows were checked.")
	case *Verified:
		return atEnd(IECVerification, f.Stats.Total, "The IEC has answered.")
	case *Persisted:
		return atEnd(DatabaseOperations, f.Stats.Total, "The members were written.")
	case *Proposed:
		return atEnd(DatabaseOperations, f.Stats.Total, "The job waits for approval. Nothing is written yet.")
	case *Approved:
		// Progress of the proposal has filled the band: a bar never goes back.
		return atEnd(DatabaseOperations, s.Total, "The job was approved. The members are being written.")
	case *Declined:
		s.Message = "The job was declined, so nothing was written."
	case *Reported:
		return atEnd(ReportGeneration, f.Validation.TotalRecords, "The report is ready.")
	case *Paused:
		return atRow(f.Stage.FirstStep(), f.Processed, f.Total, f.Message)
	case *Resumed:
		return atRow(f.Stage.FirstStep(), f.Processed, f.Total, "Going on.")
	case *Warned:
		return atRow(f.Stage.FirstStep(), f.Processed, f.Total, f.Message)
	case *Retried:
		return atRow(f.Stage.FirstStep(), 0, 0, "Trying again.")
	case *Failed:
		s.Message = f.Message
	case *Cancelled:
		s.Message = "The job was cancelled."
	}
	return s
}
