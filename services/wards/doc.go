// Package wards holds the sub-region that each metro ward belongs to. It is an
// optional mapping, which an organisation keeps as a CSV file and imports into the
// table ward_regions. Persistence gives members their sub-region from it where the
// file names none.
package wards

// Region says which sub-region a ward belongs to.
type Region struct {
	Ward      string // 8 digits
	SubRegion string // not empty
}
