package events

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// An upgrade turns the body of a fact into that of the next data version. It
// must keep the body's job, kind, time and cause.
type upgrade func(kind Kind, body []byte) ([]byte, error)

// upgrades are in order: the first one leads from version 1 to 2. Whoever
// removes a field or changes its meaning appends one. A new field needs none,
// because readers skip fields that they do not know; but where skipping one would
// do harm, it appends one that changes nothing, and names the facts in versionOf.
var upgrades = [...]upgrade{
	// Version 2 has options that say what a job may not write, or that it writes a dry run.
	func(_ Kind, body []byte) ([]byte, error) { return body, nil },
	// Version 3 has jobs that go on with the fact resumed. An older program would
	// acknowledge it and do nothing.
	func(_ Kind, body []byte) ([]byte, error) { return body, nil },
	// Version 4 has files without a header. An older program would refuse them.
	func(_ Kind, body []byte) ([]byte, error) { return body, nil },
	// Version 5 has archives. An older program would not find the facts in them.
	func(_ Kind, body []byte) ([]byte, error) { return body, nil },
}

// DataVersion is the newest version of the shape of facts.
const DataVersion = 1 + len(upgrades)

// versionOf returns the lowest version that a program must know to read a fact
// right. Most facts can be read by older programs, so that an upgrade can be taken
// back.
func versionOf(fact Fact) int {
	if fact.FactKind() == KindArchived {
		return 5
	}
	if f, ok := fact.(*Uploaded); ok && f.Mapping.NoHeader() {
		return 4
	}
	if f, ok := fact.(*Uploaded); ok &&
		(f.Options.Mode != ModeUpsert || f.Options.AllowClear || f.Options.Commits != "") {
		return 2
	}
	if f, ok := fact.(*Resumed); ok && f.Wakes {
		return 3
	}
	return 1
}

// ErrNewer marks a fact that a newer rollcall stored in a shape that this
// program does not know. The fact is valid, so readers neither refuse nor skip
// it: they leave the job to a newer process.
var ErrNewer = errors.New("stored by a newer rollcall")

// upgradeBody returns a body in the newest shape. A body without a version
// number is of version 1.
func upgradeBody(upgrades []upgrade, header nats.Header, kind Kind, body []byte) ([]byte, error) {
	version := 1
	if text := header.Get(HeaderDataVersion); text != "" {
		var err error
		if version, err = strconv.Atoi(text); err != nil || version < 1 {
			return nil, fmt.Errorf("%w: data version is not a number from 1", ErrUntrusted)
		}
	}
	if version > 1+len(upgrades) {
		return nil, fmt.Errorf("%w: data version %d, this program knows up to %d", ErrNewer, version, 1+len(upgrades))
	}
	for ; version <= len(upgrades); version++ {
		var err error
		if body, err = upgrades[version-1](kind, body); err != nil {
			return nil, fmt.Errorf("%w: upgrade from data version %d: %s", ErrUntrusted, version, describeFault(err))
		}
	}
	return body, nil
}
