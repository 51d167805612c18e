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
	// written is what each job has written, in the order of its rows.
	written map[string][]writing
}

// writing is a row that a job has written: the person, as they were before.
type writing struct {
	id            string
	before        member
	isNew, isSame bool
}

func newModel() *model {
	return &model{members: map[string]member{}, stats: map[string]events.DatabaseStats{}, written: map[string][]writing{}}
}

// undo takes back what a job has written, but for whom another job has changed since.
func (m *model) undo(jobID, undone string) {
	s := events.DatabaseStats{Total: len(m.written[undone])}
	for _, w := range m.written[undone] {
		switch now, exists := m.members[w.id]; {
		case w.isSame:
			s.Unchanged++
		case !exists || now.UpdatedBy != undone:
			s.Kept++
		case w.isNew:
			s.Removed++
			delete(m.members, w.id)
		default:
			s.Updates++
			m.members[w.id] = w.before
		}
	}
	m.stats[jobID] = s
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
		m.written[jobID] = append(m.written[jobID], writing{r.id, old, !exists, exists && next == old})
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
