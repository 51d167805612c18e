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
		add("(file_name ILIKE ANY(?) OR job_id ILIKE ANY(?) OR owner_id ILIKE ANY(?))", patterns(text))
	case text != "":
		add("(file_name ILIKE ANY(?) OR job_id ILIKE ANY(?))", patterns(text))
	}
	return strings.Join(conditions, " AND "), args
}

// patterns are those of ILIKE for what has a text in it. A database whose locale is C
// knows the case of ASCII only.
func patterns(text string) any {
	text = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
	list := pq.StringArray{"%" + text + "%"}
	if strings.ContainsFunc(text, func(c rune) bool { return c > unicode.MaxASCII }) {
		list = append(list, "%"+strings.ToLower(text)+"%", "%"+strings.ToUpper(text)+"%")
	}
	return list
}

func (f *Filter) order() string {
	if f.OldestFirst {
		return "created_at, job_id"
	}
	return "created_at DESC, job_id DESC"
}
