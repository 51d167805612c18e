package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"rollcall.example/events"
	"rollcall.example/schema"
)

// Permission is something that a person may do.
type Permission string

// The permissions.
const (
	// Upload is to send a file and to look at what it would change: a dry run.
	Upload Permission = "upload"
	// Verify is to ask the IEC, which spends calls of the quota.
	Verify Permission = "verify"
	// Write is to change members without anybody's approval.
	Write Permission = "write"
	// Approve is to let the job of another person write, or to decline it.
	Approve    Permission = "approve"
	ReadStatus Permission = "read_status"
	ReadRows   Permission = "read_rows"
	ReadReport Permission = "read_report"
	Cancel     Permission = "cancel"
	Retry      Permission = "retry"
	Undo       Permission = "undo"
	// Webhooks is to register, list and remove webhooks.
	Webhooks Permission = "webhooks"
	// Audit is to read who has read personal data.
	Audit Permission = "audit"
	// Erase and Export are to erase a person, and to export what is stored of one.
	Erase  Permission = "erase"
	Export Permission = "export"
	// Administer is to revoke tokens and to read figures of all users.
	Administer Permission = "administer"
)

// Permissions lists all permissions.
var Permissions = []Permission{
	Upload, Verify, Write, Approve, ReadStatus, ReadRows, ReadReport, Cancel, Retry, Undo,
	Webhooks, Audit, Erase, Export, Administer,
}

// onOthers are the permissions that can be given for jobs of other people.
var onOthers = []Permission{Approve, ReadStatus, ReadRows, ReadReport, Cancel, Retry, Undo}

// FourEyes names an action that one person asks for and another one approves.
type FourEyes string

// The actions that a policy may put under four eyes.
const (
	// UndoOfOthers is to undo the job of another person.
	UndoOfOthers  FourEyes = "undo_of_others"
	ErasePerson   FourEyes = "erase"
	ExportPerson  FourEyes = "export"
	anyFourEyesIs          = "undo_of_others, erase and export"
)

// Policy says what each role may do. The zero Policy lets nobody do anything.
type Policy struct {
	roles    map[string]*role
	aliases  map[string]string
	roleMap  RoleMap
	fourEyes []FourEyes
}

// role is what people of a role may do.
type role struct {
	// Area is the level at which their claims bound their area.
	Area events.AreaLevel `json:"area"`
	// May is what they may do with their own jobs, and without any job.
	May []Permission `json:"may"`
	// Others is what they may do with jobs of other people, if their area covers
	// that of the job.
	Others []Permission `json:"others"`
}

// Default returns the policy of package schema.
func Default() *Policy {
	p, err := Parse(schema.Policy())
	if err != nil {
		panic(fmt.Errorf("default policy: %w", err)) // a test reads it
	}
	return p
}

// Parse reads a policy from JSON. It refuses unknown fields, permissions, levels
// and actions, and roles that differ only in case.
func Parse(data []byte) (*Policy, error) {
	var file struct {
		Roles    map[string]*role  `json:"roles"`
		Aliases  map[string]string `json:"aliases"`
		FourEyes []FourEyes        `json:"four_eyes"`
	}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&file); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read policy: there is text after the policy")
	}
	if len(file.Roles) == 0 {
		return nil, errors.New("read policy: it has no roles, so nobody could do anything")
	}
	p := &Policy{roles: map[string]*role{}, aliases: map[string]string{}, fourEyes: file.FourEyes}
	for name, r := range file.Roles {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("read policy: role %q: %w", name, err)
		}
		if _, twice := p.roles[foldRole(name)]; twice || name == "" {
			return nil, fmt.Errorf("read policy: role %q is empty, or there twice", name)
		}
		p.roles[foldRole(name)] = r
	}
	for alias, name := range file.Aliases {
		_, known := p.roles[foldRole(name)]
		if _, twice := p.roles[foldRole(alias)]; twice || !known {
			return nil, fmt.Errorf("read policy: alias %q is a role itself, or is of no role", alias)
		}
		p.aliases[foldRole(alias)] = foldRole(name)
	}
	for _, action := range file.FourEyes {
		if !slices.Contains([]FourEyes{UndoOfOthers, ErasePerson, ExportPerson}, action) {
			return nil, fmt.Errorf("read policy: four_eyes has %q; known are %s", action, anyFourEyesIs)
		}
	}
	return p, nil
}

func (r *role) check() error {
	if r == nil {
		return errors.New("it is null")
	}
	levels := []events.AreaLevel{
		events.AreaNowhere, events.AreaWard, events.AreaMunicipality, events.AreaProvince, events.AreaCountry,
	}
	if !slices.Contains(levels, r.Area) {
		return fmt.Errorf("area %q is unknown; known are %q", r.Area, levels)
	}
	for _, p := range r.May {
		if p == Approve {
			return errors.New("approve belongs under others: nobody approves their own job")
		}
		if !slices.Contains(Permissions, p) {
			return fmt.Errorf("permission %q is unknown; known are %q", p, Permissions)
		}
	}
	for _, p := range r.Others {
		if !slices.Contains(onOthers, p) {
			return fmt.Errorf("permission %q is not one for jobs of others; those are %q", p, onOthers)
		}
	}
	return nil
}

// foldRole is the form in which roles are compared: SUPER_ADMIN and super_admin
// are one role.
func foldRole(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// NeedsFourEyes reports whether one person asks for an action and another one
// has to approve it.
func (p *Policy) NeedsFourEyes(action FourEyes) bool { return slices.Contains(p.fourEyes, action) }

// Roles returns the names of the roles, sorted.
func (p *Policy) Roles() []string {
	names := make([]string, 0, len(p.roles))
	for name := range p.roles {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (p *Policy) role(name string) (*role, bool) {
	name, ok := p.canonical(name)
	return p.roles[name], ok
}

// canonical returns the name of the role that a name or alias means.
func (p *Policy) canonical(name string) (string, bool) {
	name = foldRole(name)
	if alias, ok := p.aliases[name]; ok {
		name = alias
	}
	_, ok := p.roles[name]
	return name, ok
}
