package events

// Options are what the uploader asked for. The zero value is an ordinary run.
type Options struct {
	// SkipIEC leaves every row unverified, with the reason "disabled".
	SkipIEC bool `json:"skip_iec,omitempty"`
	// DryRun runs all stages and writes nothing to the database.
	DryRun bool `json:"dry_run,omitempty"`
	// Undoes is the id of the job whose writes this job takes back; "" for an
	// ordinary upload. An undo is a job of its own, with the rows and verdicts
	// of that job.
	Undoes string `json:"undoes,omitempty"`
	// Completes is the id of the job whose waiting rows this job writes: those
	// with the outcome transfer. It has the rows and verdicts of that job. ""
	// for an ordinary upload.
	Completes string `json:"completes,omitempty"`
	// Commits is the id of the dry run that this job writes: exactly what that one
	// has shown. It has the rows, rejects and verdicts of that job. "" for an
	// ordinary upload.
	Commits string `json:"commits,omitempty"`
	// Follows is the id of the job whose rows this upload corrects; "" for none.
	// The uploader may see that job. Nothing is taken from it.
	Follows string `json:"follows,omitempty"`
	// Approval says that somebody else must approve the job before it writes.
	Approval bool `json:"approval,omitempty"`
	// Mode says which people the job may write. The zero Mode is ModeUpsert.
	Mode Mode `json:"mode,omitempty"`
	// AllowClear says that a cell with the marker (clear) empties that field of a
	// member.
	AllowClear bool `json:"allow_clear,omitempty"`
}

// Mode is which people a job may write.
type Mode string

// The modes of a job.
const (
	// ModeUpsert adds those who are no members and changes those who are.
	ModeUpsert Mode = ""
	// ModeCreate adds those who are no members, and touches nobody else.
	ModeCreate Mode = "create"
	// ModeUpdate changes those who are members, and adds nobody.
	ModeUpdate Mode = "update"
)

// ParseMode reads a mode as people write it: upsert, create or update.
func ParseMode(text string) (mode Mode, ok bool) {
	switch text {
	case "upsert":
		return ModeUpsert, true
	case string(ModeCreate), string(ModeUpdate):
		return Mode(text), true
	}
	return ModeUpsert, false
}
