// Package wards holds which sub-region each metro ward belongs to: an optional
// mapping that an organisation keeps as a CSV file, stored in the table
// ward_regions. Persistence gives its regions to members whose file names none.
package wards

// Region is the sub-region that a ward belongs to.
type Region struct {
	Ward      string // 8 digits
	SubRegion string // not empty
}
