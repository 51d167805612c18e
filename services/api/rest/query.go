package rest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// Cut parts the path of a route from the names in its query.
func (to Route) Cut() (path string, names []string) {
	path, query, _ := strings.Cut(to.Path, "?")
	return path, strings.FieldsFunc(query, func(c rune) bool { return c == '&' })
}

// checkQuery refuses a query that cannot be read, that has a parameter which the route
// does not, or one with two values: whoever misspells a filter would get the answer to
// another question.
func (to Route) checkQuery(r *http.Request) error {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refusal.New(refusal.CodeBadRequest, "The part of the address behind the question mark cannot be read.")
	}
	_, known := to.Cut()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if values := given[name]; !slices.Contains(known, name) {
			return BadParameter(name, "There is no parameter %q here."+listNames(known))
		} else if len(slices.Compact(values)) > 1 {
			return BadParameter(name, "The parameter %q has two values. Give it one.")
		}
	}
	return nil
}

// listNames says which parameters there are.
func listNames(known []string) string {
	if len(known) == 0 {
		return ""
	}
	return " Those that there are: " + strings.Join(known, ", ") + "."
}

// BadParameter is a refusal that names a parameter, in the place of %q.
func BadParameter(name, format string) *refusal.Error {
	name = events.MaskHeader(name) // anybody may write anything there
	return &refusal.Error{Code: refusal.CodeBadRequest, Message: fmt.Sprintf(format, name),
		Details: map[string]any{"parameter": name}}
}

// NumberParameter returns a number of the query from 1 to most, or otherwise where
// there is none.
func NumberParameter(r *http.Request, name string, otherwise, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refusal.New(refusal.CodeBadRequest, fmt.Sprintf("%s must be a number from 1 to %d.", name, most))
	}
	return n, nil
}

// TimeParameter reads a time of the query, the zero time where there is none. A day is
// one of South Africa; end makes it the beginning of the next one.
func TimeParameter(r *http.Request, name string, end bool) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, events.SouthAfrica); err == nil {
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, BadParameter(name, "%q must be a day such as 2026-03-01, or a time such as 2026-03-01T08:00:00Z.")
	}
	at = at.Round(time.Microsecond) // as the table has times
	if end {                        // that time included
		at = at.Add(time.Microsecond)
	}
	return at, nil
}

// BoolParameter returns a truth value of the query, false where there is none.
func BoolParameter(r *http.Request, name string) (bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return false, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, &refusal.Error{Code: refusal.CodeBadRequest, Message: name + " must be true or false.",
			Details: map[string]any{"parameter": name}}
	}
	return value, nil
}
