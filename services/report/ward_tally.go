package report

import (
	"cmp"
	"maps"
	"slices"

	"rollcall.example/events/records"
)

// wardTally counts the people of a ward.
type wardTally struct {
	// people counts the valid rows that name the ward, or that name none and are
	// registered in it.
	people int
	// existing and new count the members among them who are registered in the ward.
	existing, new int
}

func (t wardTally) registered() int { return t.existing + t.new }

// maxWards is more than twice the wards that there are.
const maxWards = 10_000

// wardTallies are by ward code; "" where neither the file nor the IEC names a ward.
// A file may invent more wards than there are: beyond maxWards they are counted
// together, under moreWards.
type wardTallies map[string]*wardTally

const moreWards = "more"

// countEntry counts a row in its ward.
func (w wardTallies) countEntry(e *entry) {
	if e.row == nil {
		return
	}
	ward := e.row.Fields[fieldWard]
	if ward == "" {
		ward = e.verdict.Ward
	}
	if w[ward] == nil && len(w) >= maxWards {
		ward = moreWards
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

// write writes the sheet that says which wards comply.
func (w wardTallies) write(to *sheetWriter, target int) error {
	s := &summaryWriter{sheetWriter: to}
	s.err = s.writeHeader([]string{"Ward", "People in the File", "Existing Members", "New Members", "Total Registered",
		"Target", "Reached"})
	if len(w) == 0 {
		s.addSentence("No row of the file could be assigned to a ward.", plain)
	}
	for _, code := range slices.Sorted(maps.Keys(w)) {
		t := w[code]
		if code == "" {
			s.addRow(plain, textCell("No ward known"), intCell(t.people))
			continue
		}
		if code == moreWards {
			s.addRow(plain, textCell("Further wards"), intCell(t.people))
			continue
		}
		reached := "No"
		if t.registered() >= target {
			reached = "Yes"
		}
		s.addRow(plain, textCell(code), intCell(t.people), intCell(t.existing), intCell(t.new), intCell(t.registered()),
			intCell(target), textCell(reached))
	}
	s.addSentence("Registered are the new and existing members whom the IEC has in the ward that the file names.",
		plain)
	return s.err
}

// largestWards is how many wards the Summary shows.
const largestWards = 10

// largest returns the codes of the wards with the most registered members of the file,
// the largest first.
func (w wardTallies) largest() []string {
	codes := slices.DeleteFunc(slices.Sorted(maps.Keys(w)), func(code string) bool {
		return code == "" || code == moreWards || w[code].registered() == 0
	})
	slices.SortStableFunc(codes, func(a, b string) int { return cmp.Compare(w[b].registered(), w[a].registered()) })
	return codes[:min(len(codes), largestWards)]
}

// reached returns how many wards are named, and how many of them reached the target.
func (w wardTallies) reached(target int) (named, reached int) {
	for code, t := range w {
		if code == "" || code == moreWards {
			continue
		}
		if named++; t.registered() >= target {
			reached++
		}
	}
	return named, reached
}
