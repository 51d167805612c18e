package rows

import (
	"math/bits"
	"slices"

	"rollcall.example/events/records"
)

// Statuses that are no result of a rule, a verdict or an outcome of package records.
const (
	// Valid: the row has an ID number that is valid and new in the file, and went on.
	Valid = "valid"
	// Invalid: the row has no valid ID number.
	Invalid = "invalid"
	// DifferentWard: the person is registered in another ward than the file says.
	DifferentWard = "different_ward"
)

// statuses are the names of the bits of a set. A row may have several. The last one
// that it has says the most about it.
var statuses = []string{
	Valid,
	string(records.Registered), string(records.NotRegistered), string(records.Deceased),
	string(records.International), string(records.Unverified), DifferentWard,
	Invalid, records.RejectDuplicate, records.RejectOutOfArea, records.Objected,
	records.Inserted, records.Updated, records.Unchanged, records.Refused, records.Removed, records.Kept,
	records.Transfer, records.Known, records.Unknown,
}

// outcomes are the bits of what the database did.
var outcomes = setOf(records.Objected, records.Inserted, records.Updated, records.Unchanged, records.Refused,
	records.Removed, records.Kept, records.Transfer, records.Known, records.Unknown)

// waiting is what people call the status transfer.
const waiting = "waiting"

// set is a set of statuses.
type set uint32

// setOf returns the set of names. It leaves out those that are no status.
func setOf(names ...string) (s set) {
	for _, name := range names {
		if i := slices.Index(statuses, name); i >= 0 {
			s |= 1 << i
		}
	}
	return s
}

// names lists the statuses of a set, in their order.
func (s set) names() []string {
	list := make([]string, 0, bits.OnesCount32(uint32(s)))
	for i, name := range statuses {
		if s&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

// last returns the status that says the most; "" for the empty set.
func (s set) last() string {
	if s == 0 {
		return ""
	}
	return statuses[bits.Len32(uint32(s))-1]
}
