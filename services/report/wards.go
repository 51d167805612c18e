package report

import (
	"maps"
	"slices"

	"rollcall.example/events/records"
)

// wardTally counts the people of one ward.
type wardTally struct {
	// people is all valid rows that name the ward; where the file names none,
	// those whom the IEC has in it.
	people int
	// existing and new count the members among them who are registered in it.
	existing, new int
}

func (t wardTally) registered() int { return t.existing + t.new }

// wardTallies is by ward code, "" where neither the file nor the IEC names one.
type wardTallies map[string]*wardTally

func (w wardTallies) add(e *entry) {
	if e.row == nil {
		return
	}
	ward := e.row.Fields[fieldWard]
	if ward == "" {
		ward = e.verdict.Ward
	}
	t := w[ward]
	if t == nil {
		t = &wardTally{}
		w[ward] = t
	}
	t.people++
	if e.verdict.Status != records.Registered || e.verdict.Ward != ward || ward == "" {
		return
	}
	switch e.outcome.Result {
	case records.Inserted:
		t.new++
	case records.Updated, records.Unchanged:
		t.existing++
	}
}

// write writes the part of the Summary that says which wards comply.
func (w wardTallies) write(s *lines, target int) {
	s.add(heading, text("Ward Compliance"), text("People in the File"), text("Existing Members"),
		text("New Members"), text("Total Registered"), text("Target"), text("Reached"))
	if len(w) == 0 {
		s.say("No row of the file could be assigned to a ward.", plain)
	}
	for _, code := range slices.Sorted(maps.Keys(w)) {
		t := w[code]
		if code == "" {
			s.add(plain, text("No ward known"), whole(t.people))
			continue
		}
		reached := "No"
		if t.registered() >= target {
			reached = "Yes"
		}
		s.add(plain, text(code), whole(t.people), whole(t.existing), whole(t.new), whole(t.registered()),
			whole(target), text(reached))
	}
	s.say("Registered are the new and existing members whom the IEC has in the ward that the file names.", plain)
}
