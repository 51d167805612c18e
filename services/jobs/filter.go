package jobs

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/lib/pq"

	"rollcall.example/events"
	"rollcall.example/services/postgres"
)

// Filter says which jobs a list has. The zero Filter lists nothing.
type Filter struct {
	// Owner is the id of the user whose jobs are listed; "" lists those of all.
	Owner string
	// Statuses are those that jobs may have; none is any.
	Statuses []events.Status
	// Search is a part of the file name or of the job's id, in whichever case; ""
	// searches for nothing. With SearchOwners it may be a part of the owner's id, too.
	Search       string
	SearchOwners bool
	// From and To are between which times jobs were uploaded, From included. Zero is
	// no bound.
	From, To time.Time
	// OldestFirst turns the order round, which is newest first.
	OldestFirst bool
	// Page counts from 1, Size is how many jobs a page has.
	Page, Size int
	// After is the place after which the page begins, wherever that is by now; nil is
	// where the pages before end.
	After *Place
}

// Place is a job's place in a list. The job need not be there any more.
type Place struct {
	CreatedAt time.Time
	JobID     string
}

// where returns the condition of the filter, and its arguments.
func (f *Filter) where() (condition string, args []any) {
	conditions := []string{"true"}
	add := func(format string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, strings.ReplaceAll(format, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.Owner != "" {
		add("owner_id = ?", f.Owner)
	}
	if f.Statuses != nil {
		add("status = ANY(?)", pq.Array(f.Statuses))
	}
	if !f.From.IsZero() {
		add("created_at >= ?", f.From)
	}
	if !f.To.IsZero() {
		add("created_at < ?", f.To)
	}
	switch text := postgres.CleanText(f.Search); {
	case events.ValidJobID(text): // by its index
		add("job_id = ?", text)
	case text != "" && f.SearchOwners:
		// As the index jobs_text has it.
		var likes []string
		for _, pattern := range patterns(text) {
			args = append(args, pattern)
			likes = append(likes,
				fmt.Sprintf(`lower(file_name || E'\n' || job_id || E'\n' || owner_id) LIKE lower($%d)`, len(args)))
		}
		conditions = append(conditions, "("+strings.Join(likes, " OR ")+")")
	case text != "":
		add("(file_name ILIKE ANY(?) OR job_id ILIKE ANY(?))", patterns(text))
	}
	return strings.Join(conditions, " AND "), args
}

// patterns are those of ILIKE for what has a text in it. A database whose locale is C
// knows the case of ASCII only.
func patterns(text string) pq.StringArray {
	text = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
	list := pq.StringArray{"%" + text + "%"}
	if strings.ContainsFunc(text, func(c rune) bool { return c > unicode.MaxASCII }) {
		list = append(list, "%"+strings.ToLower(text)+"%", "%"+strings.ToUpper(text)+"%")
	}
	return list
}

// order returns what a list is sorted by, and how a place after another compares.
func (f *Filter) order() (by, after string) {
	if f.OldestFirst {
		return "created_at, job_id", ">"
	}
	return "created_at DESC, job_id DESC", "<"
}
