package mappings

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

const (
	// MaxSaved is how many mappings a user may keep.
	MaxSaved = 20
	// maxSavedName is how many bytes the name of one may have.
	maxSavedName = 60
	// maxSavedBytes is how many bytes the mappings of a user may have together.
	maxSavedBytes = 512 << 10
	// saveTries is how often a change is tried while others change the same.
	saveTries = 8
)

// Saved is a mapping that a user keeps under a name.
type Saved struct {
	Name    string    `json:"name"`
	Mapping Mapping   `json:"mapping"`
	SavedAt time.Time `json:"saved_at"`
}

// Store keeps mappings for their owners, in the key-value bucket events.KVMappings. All
// of a user are one entry, so that replicas agree on their number. It is safe for
// concurrent use. Its refusals are *refusal.Error.
type Store struct {
	js  jetstream.JetStream
	now func() time.Time
}

// NewStore returns the store; nil means time.Now.
func NewStore(js jetstream.JetStream, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{js, now}
}

// key is that of a user's entry. A user's id may be of any characters.
func key(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(sum[:])
}

// List returns the mappings of a user, by name; never nil.
func (s *Store) List(ctx context.Context, owner string) ([]Saved, error) {
	_, _, list, err := s.load(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("list mappings: %w", err)
	}
	return list, nil
}

// load returns the mappings of a user and the revision of their entry, 0 for none.
func (s *Store) load(ctx context.Context, owner string) (kv jetstream.KeyValue, rev uint64, list []Saved, err error) {
	if kv, err = s.js.KeyValue(ctx, events.KVMappings); err != nil {
		return nil, 0, nil, err
	}
	list = []Saved{}
	entry, err := kv.Get(ctx, key(owner))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return kv, 0, list, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &list)
	}
	if err != nil {
		return nil, 0, nil, err
	}
	return kv, entry.Revision(), list, nil
}

// Get returns a mapping of a user.
func (s *Store) Get(ctx context.Context, owner, name string) (Saved, error) {
	list, err := s.List(ctx, owner)
	if err != nil {
		return Saved{}, err
	}
	if i := find(list, name); i >= 0 {
		return list[i], nil
	}
	return Saved{}, errNone()
}

func find(list []Saved, name string) int {
	return slices.IndexFunc(list, func(m Saved) bool { return m.Name == name })
}

// Save keeps a mapping, in place of an earlier one of the same name. It refuses one with
// an ID number in it, and more than MaxSaved of a user.
func (s *Store) Save(ctx context.Context, owner, name string, m Mapping) (Saved, error) {
	saved := Saved{Name: name, Mapping: m, SavedAt: s.now().UTC()}
	if err := saved.check(); err != nil {
		return Saved{}, err
	}
	err := s.change(ctx, owner, func(list []Saved) ([]Saved, error) {
		i := find(list, name)
		switch {
		case i >= 0:
			list[i] = saved
		case len(list) >= MaxSaved:
			return nil, &refusal.Error{Code: refusal.CodeTooManyMappings, Details: map[string]any{"max": MaxSaved},
				Message: fmt.Sprintf("You keep %d mappings already. Delete one first.", MaxSaved)}
		default:
			list = append(list, saved)
		}
		slices.SortFunc(list, func(a, b Saved) int { return strings.Compare(a.Name, b.Name) })
		return list, nil
	})
	if err != nil {
		return Saved{}, fmt.Errorf("save mapping: %w", err)
	}
	return saved, nil
}

// check refuses what is not to be kept.
func (s Saved) check() error {
	bad := func(r rune) bool {
		return unicode.IsControl(r) || r == '/' || r == '\\' || r == unicode.ReplacementChar
	}
	if s.Name == "" || len(s.Name) > maxSavedName || strings.TrimSpace(s.Name) != s.Name || s.Name == "." ||
		s.Name == ".." || strings.ContainsFunc(s.Name, bad) || events.HasID(s.Name) {
		return &refusal.Error{Code: refusal.CodeBadRequest, Details: map[string]any{"parameter": "name"},
			Message: fmt.Sprintf("The name of a mapping must be a word or more, without slashes and ID numbers, of at most "+
				"%d letters.", maxSavedName)}
	}
	if len(s.Mapping) == 0 {
		return Refuse(ReasonMalformed, nil, "A mapping that is kept must name a header at least.")
	}
	var personal []string
	for _, e := range s.Mapping {
		if events.HasID(e.Header) {
			personal = append(personal, e.Header)
		}
	}
	if personal != nil {
		return Refuse(ReasonIDNumber, personal,
			"A mapping with an ID number in it is not kept. Name these columns by their letters: %s.")
	}
	return nil
}

// Remove forgets a mapping of a user.
func (s *Store) Remove(ctx context.Context, owner, name string) error {
	err := s.change(ctx, owner, func(list []Saved) ([]Saved, error) {
		i := find(list, name)
		if i < 0 {
			return nil, errNone()
		}
		return slices.Delete(list, i, i+1), nil
	})
	if err != nil {
		return fmt.Errorf("delete mapping: %w", err)
	}
	return nil
}

// change stores what the edit makes of a user's mappings, unless they have changed
// meanwhile: then it edits them again.
func (s *Store) change(ctx context.Context, owner string, edit func([]Saved) ([]Saved, error)) error {
	for try := 1; ; try++ {
		kv, rev, list, err := s.load(ctx, owner)
		if err != nil {
			return err
		}
		if list, err = edit(list); err != nil {
			return err
		}
		body, err := json.Marshal(list)
		if err != nil {
			return err
		}
		if len(body) > maxSavedBytes {
			return Refuse(ReasonTooLarge, nil, fmt.Sprintf("Your mappings may have %d KB together. Delete one first.",
				maxSavedBytes>>10))
		}
		if _, err = kv.Update(ctx, key(owner), body, rev); err == nil || !events.IsConflict(err) || try == saveTries {
			return err
		}
		if err := events.WaitAfterConflict(ctx, try); err != nil {
			return err
		}
	}
}

func errNone() *refusal.Error { return refusal.New(refusal.CodeNotFound, "There is no such mapping.") }

// Best returns the mapping that says most of those that fit, the newest of equals. Ok is
// false where none does.
func Best(list []Saved, fits func(Mapping) bool) (best Saved, ok bool) {
	for _, m := range list {
		if !fits(m.Mapping) {
			continue
		}
		if !ok || cmp.Or(cmp.Compare(len(m.Mapping), len(best.Mapping)), m.SavedAt.Compare(best.SavedAt)) > 0 {
			best, ok = m, true
		}
	}
	return best, ok
}
