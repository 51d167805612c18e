package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"rollcall.example/services/iec/sim"
)

type person struct {
	id           string
	first, last  string
	gender, race string
	citizenship  string
	language     string
	born         time.Time
	joined, paid time.Time
	at           sim.Place
}

// newPerson makes up a person who is of age on the day. The last digit but one of
// the ID number is below 8. Numbers of today have 8 or 9 there, so the number hardly
// belongs to a real person.
func newPerson(r *rand.Rand, day time.Time) person {
	p := person{
		born: day.AddDate(-18-r.IntN(70), 0, -1-r.IntN(364)),
		race: pickOne(r, []string{"African", "Black", "Coloured", "Indian", "White", "W"}),
		last: surname(r),
		language: pickOne(r, []string{"isiZulu", "Xhosa", "Afrikaans", "English", "Setswana", "Sesotho", "Sepedi",
			"Tshivenda", "Tsonga", "SiSwati", "Ndebele"}),
		joined: day.AddDate(-r.IntN(8), 0, -r.IntN(365)),
	}
	p.paid = p.joined.AddDate(0, r.IntN(12), 0)
	if p.paid.After(day) {
		p.paid = day
	}
	serial := r.IntN(5000)
	if r.IntN(2) == 0 {
		serial += 5000
		p.first, p.gender = pickOne(r, males), pickOne(r, []string{"Male", "M", "male"})
	} else {
		p.first, p.gender = pickOne(r, females), pickOne(r, []string{"Female", "F", "FEMALE"})
	}
	citizen := 0
	p.citizenship = pickOne(r, []string{"South African", "RSA", "SA Citizen"})
	if r.IntN(25) == 0 {
		citizen, p.citizenship = 1, "Permanent Resident"
	}
	p.id = sim.WithCheckDigit(fmt.Sprintf("%s%04d%d%d", p.born.Format("060102"), serial, citizen, r.IntN(8)))
	p.at = sim.HomeOf(p.id)
	return p
}

func (p person) email(n int) string {
	return fmt.Sprintf("%s.%s%d@example.org", strings.ToLower(p.first), strings.ToLower(p.last), n)
}
