package chaos

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"

	"rollcall.example/services/iec/sim"
)

// file is a roll to upload.
type file struct {
	name  string
	bytes []byte
	// rows are the rows that must be written, in order.
	rows []row
	// lines is the number of rows below the header.
	lines int
	// dry means a dry run, broken that all rows are blank.
	dry, broken bool
	// first is the first of the people that the rows are about.
	first int
	// undoes is the job whose writes this one takes back; it has no file of its own.
	undoes string
}

// row is a person as a file has them; "" is a blank cell.
type row struct{ id, firstname, surname, email, ward, joined string }

// makeFiles makes n files of different size, up to the given number of rows, that share
// people. One in ten is for a dry run, and one in ten has blank rows only. Of the rows
// of the others, one in ten is invalid and one in fifteen repeats another.
// The dry runs are about people of their own, from dryFrom on.
func makeFiles(r *rand.Rand, n, rows, dryFrom int) (list []*file) {
	people := rows * 3
	for i := range n {
		f := &file{name: fmt.Sprintf("roll-%02d.csv", i+1), dry: i%10 == 3, broken: i%10 == 7}
		if f.dry {
			f.first = dryFrom
		}
		f.addRows(r, int(5*math.Pow(float64(rows)/5, r.Float64())), people)
		list = append(list, f)
	}
	return list
}

func (f *file) addRows(r *rand.Rand, lines, people int) {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	put := func(cells ...string) { _ = w.Write(cells) } // into memory
	put("ID Number", "First Name", "Surname", "Email", "Ward", "Date Joined")
	seen := map[string]bool{}
	if f.broken {
		lines += 100 // upload reads the first hundred rows before it accepts a file
	}
	for range lines {
		if f.broken {
			f.lines++
			put("", "", "", "", "", "")
			continue
		}
		p := newRow(r, f.first, people)
		id := p.id
		switch n := r.IntN(30); {
		case n < 3: // a wrong check digit
			id = fmt.Sprintf("%s%d", id[:12], (id[12]-'0'+1)%10)
		case n < 5 && len(f.rows) > 0:
			p.id = f.rows[r.IntN(len(f.rows))].id
			id = p.id
			fallthrough
		default:
			if !seen[p.id] {
				f.rows = append(f.rows, p)
			}
			seen[p.id] = true
		}
		put(id, p.firstname, p.surname, p.email, p.ward, p.joined)
		f.lines++
	}
	w.Flush()
	f.bytes = text.Bytes()
}

var (
	firstNames = []string{"Thandi", "Sipho", "Zanele", "Pieter", "Naledi", ""}
	surnames   = []string{"Dlamini", "Botha", "Khumalo", "Naidoo", "Mokoena"}
)

func newRow(r *rand.Rand, first, people int) row {
	pick := func(of []string) string { return of[r.IntN(len(of))] }
	id := idNumber(first + r.IntN(people))
	p := row{id: id, firstname: pick(firstNames), surname: pick(surnames), ward: sim.HomeOf(id).Ward}
	if r.IntN(3) > 0 {
		p.email = fmt.Sprintf("someone%d@example.org", r.IntN(4))
	}
	if r.IntN(3) > 0 {
		p.joined = fmt.Sprintf("20%02d-03-%02d", 10+r.IntN(10), 1+r.IntN(28))
	}
	if r.IntN(5) == 0 {
		p.ward = sim.Places[r.IntN(len(sim.Places))].Ward
	}
	return p
}

// idNumber returns the ID number of the ith of a hundred thousand people.
func idNumber(i int) string {
	return sim.WithCheckDigit(fmt.Sprintf("%02d0615%04d08", 60+i/10_000, i%10_000))
}
