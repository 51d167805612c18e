package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RoleMap says which role of a policy a role of tokens is. Tokens' roles are compared
// without regard to case. nil maps nothing.
type RoleMap map[string]string

// Add adds one role of tokens. It refuses an empty one, and one that is another role
// already.
func (m RoleMap) Add(from, to string) error {
	from, to = foldRole(from), foldRole(to)
	if from == "" || to == "" {
		return errors.New("a role is empty")
	}
	if before, twice := m[from]; twice && before != to {
		return fmt.Errorf("role %q is there twice, as %s and as %s", from, before, to)
	}
	m[from] = to
	return nil
}

// AddPair adds FROM=TO. A role of tokens may have signs of equality.
func (m RoleMap) AddPair(text string) error {
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return fmt.Errorf("%q is not ROLE=OURS", text)
	}
	return m.Add(text[:at], text[at+1:])
}

// AddFile adds the roles of a file: a JSON object from tokens' roles to ours, or lines
// ROLE=OURS, where one that is empty or begins with # says nothing.
func (m RoleMap) AddFile(data []byte) error {
	if trimmed := bytes.TrimSpace(data); bytes.HasPrefix(trimmed, []byte("{")) {
		return m.addJSON(trimmed)
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := m.AddPair(line); err != nil {
			return err
		}
	}
	return nil
}

func (m RoleMap) addJSON(data []byte) error {
	var object map[string]string
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	for _, from := range slices.Sorted(maps.Keys(object)) {
		if err := m.Add(from, object[from]); err != nil {
			return err
		}
	}
	return nil
}

// WithRoleMap returns the policy with what tokens' roles are in it. It refuses a map to a
// role that the policy does not have.
func (p *Policy) WithRoleMap(m RoleMap) (*Policy, error) {
	mapped := *p
	mapped.roleMap = make(RoleMap, len(m))
	for _, from := range slices.Sorted(maps.Keys(m)) {
		ours, known := p.canonical(m[from])
		if !known {
			return nil, fmt.Errorf("role %q is to be %q, which is no role here; those are %s", from, m[from],
				strings.Join(p.Roles(), ", "))
		}
		mapped.roleMap[foldRole(from)] = ours
	}
	return &mapped, nil
}

// Resolve returns the policy's name of a role of tokens: what the role map says, else the
// role or alias of that name. An unknown role stays unknown.
func (p *Policy) Resolve(tokens string) (ours string, known bool) {
	if ours, known := p.roleMap[foldRole(tokens)]; known {
		return ours, true
	}
	return p.canonical(tokens)
}
