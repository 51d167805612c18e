package cases

import (
	"time"

	"rollcall.example/events"
)

// View is a case as it is shown.
type View struct {
	ID        string      `json:"case_id"`
	Kind      Kind        `json:"kind"`
	Status    Status      `json:"status"`
	Person    string      `json:"person"`
	By        events.User `json:"by"`
	At        time.Time   `json:"asked_at"`
	Reason    string      `json:"reason"`
	FourEyes  bool        `json:"four_eyes"`
	Approval  *Decision   `json:"approved"`
	Refusal   *Decision   `json:"declined"`
	UpdatedAt time.Time   `json:"updated_at"`
	Result    *Result     `json:"result"`
	Failure   string      `json:"failure,omitempty"`
}

// Decision is what a second person has decided.
type Decision struct {
	By     events.User `json:"by"`
	At     time.Time   `json:"at"`
	Reason string      `json:"reason"`
}

// View returns the case as it is shown.
func (c *Case) View() View {
	r := c.Requested
	v := View{ID: c.ID, Kind: r.What, Status: c.Status, Person: r.Person, By: r.By, At: r.At, Reason: r.Reason,
		FourEyes: r.FourEyes, UpdatedAt: c.UpdatedAt, Result: c.Result()}
	if a := c.Approved; a != nil {
		v.Approval = &Decision{a.By, a.At, a.Reason}
	}
	if d := c.Declined; d != nil {
		v.Refusal = &Decision{d.By, d.At, d.Reason}
	}
	if c.Failed != nil {
		v.Failure = c.Failed.Message
	}
	return v
}
