package cases

import (
	"fmt"
	"time"

	"rollcall.example/events"
)

// Status is what a case is waiting for, or how it ended.
type Status string

// The statuses of a case.
const (
	// Awaiting means that somebody else must approve it.
	Awaiting Status = "awaiting_approval"
	// Open means that the service privacy works on it.
	Open   Status = "open"
	Done   Status = "completed"
	NotDue Status = "declined"
	Broken Status = "failed"
)

// Case is the fold of a case's facts. The zero Case is an unknown case.
type Case struct {
	ID     string
	Status Status
	// Seq is the stream sequence of the newest fact. It guards the next append.
	Seq       uint64
	UpdatedAt time.Time

	Requested *Requested
	Approved  *Approved
	Declined  *Declined
	Worked    *Worked // the newest pass
	Completed *Completed
	Failed    *Failed
}

// ErrOwnCase means that the person who asked for a case decides about it.
var ErrOwnCase = fmt.Errorf("%w: somebody else must decide about it", events.ErrNotAllowed)

// Ended reports whether nothing more happens to the case.
func (c *Case) Ended() bool { return c.Status == Done || c.Status == NotDue || c.Status == Broken }

// Allows returns nil when fact may be appended now; else an error that wraps
// events.ErrNotAllowed.
func (c *Case) Allows(fact Fact) error {
	kind := fact.FactKind()
	refuse := func(why string) error {
		return fmt.Errorf("append %s: %w: %s", kind, events.ErrNotAllowed, why)
	}
	if (c.Requested == nil) != (kind == KindRequested) {
		return refuse("a case begins with its request")
	}
	switch f := fact.(type) {
	case *Approved:
		if c.Status != Awaiting {
			return refuse("the case does not wait for approval")
		}
		if f.By.ID == c.Requested.By.ID {
			return fmt.Errorf("append %s: %w", kind, ErrOwnCase)
		}
	case *Declined:
		if c.Status != Awaiting {
			return refuse("the case does not wait for approval")
		}
		if f.By.ID == c.Requested.By.ID {
			return fmt.Errorf("append %s: %w", kind, ErrOwnCase)
		}
	case *Worked, *Completed, *Failed:
		if c.Status != Open {
			return refuse("nobody works on the case")
		}
	}
	return nil
}

// Apply folds one stored fact into the case. A fact that Allows refuses gives an error
// and leaves the case as it is.
func (c *Case) Apply(seq uint64, fact Fact) error {
	if err := c.Allows(fact); err != nil {
		return err
	}
	m := fact.meta()
	c.ID, c.Seq, c.UpdatedAt = m.CaseID, seq, m.At
	switch f := fact.(type) {
	case *Requested:
		c.Requested, c.Status = f, Open
		if f.FourEyes {
			c.Status = Awaiting
		}
	case *Approved:
		c.Approved, c.Status = f, Open
	case *Declined:
		c.Declined, c.Status = f, NotDue
	case *Worked:
		c.Worked = f
	case *Completed:
		c.Completed, c.Status = f, Done
	case *Failed:
		c.Failed, c.Status = f, Broken
	}
	return nil
}

// Result returns the newest result; nil while there is none.
func (c *Case) Result() *Result {
	switch {
	case c.Completed != nil:
		return &c.Completed.Result
	case c.Worked != nil:
		return &c.Worked.Result
	}
	return nil
}
