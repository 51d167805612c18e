package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// cut parts the path of a route from the names in its query.
func (to route) cut() (path string, names []string) {
	path, query, _ := strings.Cut(to.path, "?")
	return path, strings.FieldsFunc(query, func(c rune) bool { return c == '&' })
}

// checkQuery refuses a query that cannot be read, that has a parameter which the route
// does not, or one with two values: whoever misspells a filter would get the answer to
// another question.
func (to route) checkQuery(r *http.Request) error {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refusal.New(refusal.CodeBadRequest, "The part of the address behind the question mark cannot be read.")
	}
	_, known := to.cut()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if values := given[name]; !slices.Contains(known, name) {
			return badParameter(name, "There is no parameter %q here."+listNames(known))
		} else if len(slices.Compact(values)) > 1 {
			return badParameter(name, "The parameter %q has two values. Give it one.")
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

// badParameter is a refusal that names a parameter, in the place of %q.
func badParameter(name, format string) *refusal.Error {
	name = events.MaskHeader(name) // anybody may write anything there
	return &refusal.Error{Code: refusal.CodeBadRequest, Message: fmt.Sprintf(format, name),
		Details: map[string]any{"parameter": name}}
}
