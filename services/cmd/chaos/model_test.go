package chaos

import (
	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
)

// member is a row of the table members, "" for NULL.
type member struct {
	Firstname, Surname, Email, Ward, Joined string
	VD, Status                              string
	CreatedBy                               string `db:"created_by"`
	UpdatedBy                               string `db:"updated_by"`
}

// model has the members and figures that result from writing one file after the other.
type model struct {
	members map[string]member
	// stats are the figures of each job.
	stats map[string]events.DatabaseStats
}

func newModel() *model {
	return &model{members: map[string]member{}, stats: map[string]events.DatabaseStats{}}
}

// write writes a file as a job.
func (m *model) write(jobID string, f *file) {
	s := events.DatabaseStats{Total: len(f.rows)}
	for _, r := range f.rows {
		old, exists := m.members[r.id]
		next := old.merge(r)
		switch {
		case !exists:
			s.Inserts++
			next.CreatedBy, next.UpdatedBy = jobID, jobID
		case next != old:
			s.Updates++
			next.UpdatedBy = jobID
		default:
			s.Unchanged++
		}
		m.members[r.id] = next
	}
	m.stats[jobID] = s
}

// merge returns the member after a row is written. Blank cells change nothing, and the
// date joined never changes.
func (m member) merge(r row) member {
	given := func(stored *string, cell string) {
		if cell != "" {
			*stored = cell
		}
	}
	given(&m.Firstname, r.firstname)
	given(&m.Surname, r.surname)
	given(&m.Email, r.email)
	given(&m.Ward, r.ward)
	if m.Joined == "" {
		m.Joined = r.joined
	}
	p := sim.PersonOf(r.id)
	m.Status = string(p.Status)
	switch {
	case p.Status == records.Deceased:
		m.VD = "11111111"
	case p.Status == records.NotRegistered:
		m.VD = "99999999"
	case p.Status == records.International:
		m.VD = "33333333"
	case p.Place.Ward != r.ward || p.Place.VD == "":
		m.VD = "22222222"
	default:
		m.VD = p.Place.VD
	}
	return m
}
