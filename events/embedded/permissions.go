package embedded

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// Permissions are the subjects that a user may publish to.
type Permissions struct{ Allow []string }

// CanPublish reports whether the user may publish to a subject without
// wildcards.
func (p Permissions) CanPublish(subject string) bool {
	return slices.ContainsFunc(p.Allow, func(pattern string) bool {
		return server.SubjectMatchesFilter(subject, pattern)
	})
}

// UserPermissions returns the permissions of each user in the built-in
// nats.conf. Users without any are missing.
func UserPermissions() (map[string]Permissions, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "ROLLCALL_NATS_STORE: \"unused\"\n%s: \"unused\"\n", StoreKeyVariable)
	for _, user := range Users {
		fmt.Fprintf(&text, "%s: \"unused\"\n", PasswordVariable(user))
	}
	text.Write(Conf)
	opts := &server.Options{}
	if err := opts.ProcessConfigString(text.String()); err != nil {
		return nil, fmt.Errorf("read nats.conf: %w", err)
	}
	all := make(map[string]Permissions, len(opts.Users))
	for _, u := range opts.Users {
		if u.Permissions != nil && u.Permissions.Publish != nil {
			all[u.Username] = Permissions{Allow: u.Permissions.Publish.Allow}
		}
	}
	return all, nil
}
