package persistence

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"rollcall.example/events/records"
)

// Columns that a line has apart from the others: the value of a new member is another one
// than that of somebody who is a member, or says nothing of whether a member changes.
const (
	regionColumn = "region"
	statusColumn = "iec_status"
	timeColumn   = "verified_at"
)

// lineColumns are the columns with which each line begins.
var lineColumns = func() (list []*column) {
	for i := range columns {
		if c := &columns[i]; c.name != regionColumn && c.name != statusColumn && c.name != timeColumn {
			list = append(list, c)
		}
	}
	return list
}()

// lineColumnsSQL names all columns of a line that have the same value for everybody.
var lineColumnsSQL = func() string {
	names := []string{"id_number"}
	for _, c := range lineColumns {
		names = append(names, c.name)
	}
	return commaList(append(names, timeColumn, "row_digest"))
}()

var verifiedAt = columnNamed(timeColumn)

func columnNamed(name string) *column {
	return &columns[slices.IndexFunc(columns, func(c column) bool { return c.name == name })]
}

// digestSeed begins each digest. Whoever changes what a row does to a member changes the
// number, so that no digest from before counts.
var digestSeed = "1 " + lineColumnsSQL

// lines writes people as lines in the text format of COPY.
type lines struct {
	// clears says that rows may empty fields.
	clears bool
	// regions are the sub-regions of wards, and all stands for the whole of them.
	regions map[string]string
	all     string

	hash []byte // what is digested of the present line
}

// arrival is somebody of a job. The text of the line is in three parts: what is the same
// in each table, and how it ends for a new member and for somebody who may be a member.
type arrival struct {
	id                    uint64 // the ID number
	at                    int64  // where the line is spooled
	same, asNew, asMember int32  // sizes of its parts
	n                     int32
	vd                    int32 // the code of the voting district; -1 for none
	// compare says that the database has to look at the row itself.
	compare bool
	// unplaced says that the region of a member depends on the stored ward.
	unplaced bool
	fate     fate
}

// fate is what a job does with somebody.
type fate int8

const (
	stranger fate = iota // nobody's member yet
	unchanged
	compared // a member whom the row may change
)

// next writes the line of a person after those that are in b.
func (l *lines) next(b []byte, p person) ([]byte, arrival, string) {
	a := arrival{n: int32(p.row.N), vd: -1}
	broken := ""
	value := func(b []byte, c *column) []byte {
		text := c.valueOf(p)
		if strings.IndexByte(text, 0) >= 0 {
			// PostgreSQL's text cannot hold a NUL.
			text, broken = "", c.name
		}
		return appendCopyValue(b, text)
	}
	from := len(b)
	b = appendCopyValue(b, p.row.ID)
	for _, c := range lineColumns {
		b = value(append(b, '\t'), c)
	}
	region, known := l.regionOf(p)
	status := ""
	if p.verdict.Status != records.Unverified {
		status = string(p.verdict.Status)
	}
	guessed := strings.Join(p.row.Guessed, " ")
	cleared := ""
	if l.clears && len(p.row.Clear) > 0 {
		cleared = "{" + strings.Join(p.row.Clear, ",") + "}" // names of fields need no quotation marks
	}
	digest := l.digest(b[from:], region, status, guessed, cleared, known)
	b = value(append(b, '\t'), verifiedAt)
	b = append(append(b, '\t'), digest...)
	a.same = int32(len(b) - from)

	mark := len(b)
	b = appendCopyValue(append(b, '\t'), region)
	b = appendCopyValue(append(b, '\t'), cmp.Or(status, string(records.Unverified)))
	a.asNew = int32(len(b) - mark)

	mark = len(b)
	if !known {
		region = ""
	}
	b = appendCopyValue(append(b, '\t'), region)
	b = appendCopyValue(append(b, '\t'), status)
	b = strconv.AppendInt(append(b, '\t'), int64(p.row.N), 10)
	b = appendCopyValue(append(b, '\t'), guessed)
	b = appendCopyValue(append(b, '\t'), cleared)
	b = appendCopyValue(append(b, '\t'), broken)
	a.asMember = int32(len(b) - mark)

	var plain bool
	a.id, a.vd, plain = plainNumbers(p)
	a.compare = !plain || broken != ""
	a.unplaced = !known
	return b, a, digest
}

// regionOf returns the region of a person, "" for none. Known is false where that of a
// member depends on the stored ward.
func (l *lines) regionOf(p person) (region string, known bool) {
	region, ward := p.row.Fields["region"], p.row.Fields["ward"]
	switch {
	case region != "" || l.clears && slices.Contains(p.row.Clear, "region"):
		return region, true
	case ward != "":
		return l.regions[ward], true
	case p.verdict.Status != records.Unverified:
		region = l.regions[p.verdict.Ward]
	}
	return region, len(l.regions) == 0
}

// digest returns what tells a row from one that would change a member otherwise. The time
// of a verdict does not: that of the first one is kept until the verdict changes.
func (l *lines) digest(line []byte, region, status, guessed, cleared string, known bool) string {
	if !known {
		region = l.all
	}
	l.hash = append(append(append(l.hash[:0], digestSeed...), 0), line...)
	for _, text := range []string{region, status, guessed, cleared} {
		l.hash = append(append(l.hash, 0), text...)
	}
	sum := sha256.Sum256(l.hash)
	return hex.EncodeToString(sum[:16])
}

// plainNumbers returns the ID number and the code of the voting district. Plain is false
// where they are none: the database refuses such rows.
func plainNumbers(p person) (id uint64, vd int32, plain bool) {
	id, ok := digits(p.row.ID, 13)
	code := vdColumn.valueOf(p)
	if code == "" {
		return id, -1, ok
	}
	number, isCode := digits(code, 8)
	return id, int32(number), ok && isCode
}

var vdColumn = columnNamed("vd_code")

// digits returns the number that is written with exactly count digits.
func digits(text string, count int) (n uint64, ok bool) {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, len(text) == count
}

// appendCopyValue appends a value in the text format of COPY; "" becomes NULL.
func appendCopyValue(b []byte, text string) []byte {
	if text == "" {
		return append(b, `\N`...)
	}
	from := 0
	for i := range len(text) {
		var escape byte
		switch text[i] {
		case '\\':
			escape = '\\'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case '\t':
			escape = 't'
		default:
			continue
		}
		b = append(append(b, text[from:i]...), '\\', escape)
		from = i + 1
	}
	return append(b, text[from:]...)
}

// wholeMapping returns what stands for all regions.
func wholeMapping(regions map[string]string) string {
	sum := sha256.New()
	for _, ward := range slices.Sorted(maps.Keys(regions)) {
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", ward, regions[ward]) // never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}
