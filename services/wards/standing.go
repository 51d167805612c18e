package wards

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"rollcall.example/events/access"
)

// Counts count members. All but New add up to Members.
type Counts struct {
	Members int `db:"members" json:"members"`
	// Registered are those whom the IEC has in the ward that they belong to, Elsewhere
	// those whom it has in another one.
	Registered    int `db:"registered" json:"registered"`
	Elsewhere     int `db:"elsewhere" json:"elsewhere"`
	NotRegistered int `db:"not_registered" json:"not_registered"`
	Abroad        int `db:"abroad" json:"abroad"`
	Deceased      int `db:"deceased" json:"deceased"`
	// Unverified are those about whom the IEC was not asked.
	Unverified int `db:"unverified" json:"unverified"`
	// New are those whom the job of a Query has added; 0 without one.
	New int `db:"added" json:"new"`
}

func (c *Counts) add(o Counts) {
	c.Members += o.Members
	c.Registered += o.Registered
	c.Elsewhere += o.Elsewhere
	c.NotRegistered += o.NotRegistered
	c.Abroad += o.Abroad
	c.Deceased += o.Deceased
	c.Unverified += o.Unverified
	c.New += o.New
}

// Ward is where a ward stands.
type Ward struct {
	Ward string `json:"ward"` // 8 digits, "" for members of whom no ward is known
	// SubRegion, Municipality and Province are those of the directory, else what the
	// most members of the ward say; "" for unknown. Province is a code where it is one.
	SubRegion    string `json:"sub_region"`
	Municipality string `json:"municipality"`
	Province     string `json:"province"`
	Counts
	Target  int  `json:"target"`
	Reached bool `json:"reached"` // has as many registered members as the target
}

// Place is where a municipality or a province stands.
type Place struct {
	Province     string `json:"province"`
	Municipality string `json:"municipality,omitempty"` // "" of a province
	Counts
	// Wards counts those with a code, and Reached those of them that reached the target.
	Wards   int `json:"wards"`
	Reached int `json:"wards_reached"`
}

// Query says what is asked for. The zero Query asks for nothing.
type Query struct {
	// Bounds are outside of which nobody is counted.
	Bounds *access.Bounds
	// At is the time up to which changes count; zero means all of them.
	At time.Time
	// Province, Municipality and Ward narrow the answer; "" for all. A province and a
	// municipality are codes, as package access writes them.
	Province, Municipality, Ward string
	// JobID is the job whose new members are counted as New; "" for none.
	JobID string
}

// Standing is where the organisation stands, in the area of whoever asked.
type Standing struct {
	Total          Place   `json:"total"`
	Provinces      []Place `json:"provinces"`
	Municipalities []Place `json:"municipalities"`
	Wards          []Ward  `json:"wards"`
}

// change is a sum of changes, with where they are counted and by what areas decide.
type change struct {
	Day               time.Time `db:"day"`
	Ward              string    `db:"ward"`
	Municipality      string    `db:"municipality"`
	Province          string    `db:"province"`
	PlaceWard         string    `db:"place_ward"`
	PlaceMunicipality string    `db:"place_municipality"`
	PlaceProvince     string    `db:"place_province"`
	Counts
}

func (c *change) place() access.Place {
	return access.Place{Province: c.PlaceProvince, Municipality: c.PlaceMunicipality, Ward: c.PlaceWard}
}

const (
	placesSQL = `ward, municipality, province, place_ward, place_municipality, place_province`
	sumsSQL   = `sum(members) AS members, sum(registered) AS registered, sum(elsewhere) AS elsewhere,
  sum(not_registered) AS not_registered, sum(abroad) AS abroad, sum(deceased) AS deceased,
  sum(unverified) AS unverified`
)

// Book tells where the organisation stands, from the tables ward_changes and
// ward_regions. It is safe for concurrent use.
type Book struct {
	db *sqlx.DB
	// target is how many registered members a ward needs.
	target int
}

// NewBook returns a book.
func NewBook(db *sqlx.DB, target int) *Book { return &Book{db, target} }

// Target is how many registered members a ward needs.
func (b *Book) Target() int { return b.target }

// Stand returns where the organisation stood at a time. Wards of the directory that
// have no members are among its wards.
func (b *Book) Stand(ctx context.Context, q Query) (*Standing, error) {
	var list []change
	err := b.db.SelectContext(ctx, &list, `SELECT `+placesSQL+`, `+sumsSQL+`,
  coalesce(sum(members) FILTER (WHERE job_id = $2 AND $2 <> ''), 0) AS added
FROM ward_changes WHERE at <= coalesce($1, 'infinity'::timestamptz) GROUP BY `+placesSQL, orNull(q.At), q.JobID)
	if err != nil {
		return nil, fmt.Errorf("count wards: %w", err)
	}
	known, err := readDirectory(ctx, b.db)
	if err != nil {
		return nil, err
	}
	t := newTally(q, known, b.target)
	for i := range list {
		t.add(&list[i])
	}
	t.addEmptyWards()
	return t.standing(), nil
}

// orNull returns nil for the zero time.
func orNull(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at
}

// readDirectory returns the directory by ward.
func readDirectory(ctx context.Context, db *sqlx.DB) (map[string]Region, error) {
	var list []Region
	err := db.SelectContext(ctx, &list, `SELECT ward_code AS ward, coalesce(sub_region, '') AS subregion,
  coalesce(municipality, '') AS municipality, coalesce(province, '') AS province FROM ward_regions`)
	if err != nil {
		return nil, fmt.Errorf("read the directory of wards: %w", err)
	}
	known := make(map[string]Region, len(list))
	for _, r := range list {
		known[r.Ward] = r
	}
	return known, nil
}
