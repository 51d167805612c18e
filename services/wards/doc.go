// Package wards holds what an organisation knows of its wards: the sub-region that a
// metro ward belongs to, and the municipality and province that a ward lies in. It
// keeps them as a CSV file and imports them into the table ward_regions. All of it is
// optional. Persistence gives members their sub-region from it where the file names
// none; intake gives an area the wards that lie in it.
package wards

// Region says where a ward belongs to. At least one of the names is not empty.
type Region struct {
	Ward      string // 8 digits
	SubRegion string // "" for none
	// Municipality and Province are codes, as package access writes them; "" for
	// not known.
	Municipality string
	Province     string
}
