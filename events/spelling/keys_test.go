package spelling

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Whatever the finder finds, the index finds.
func TestAFoundTextHasAKeyOfThePerson(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte('0' + byte(r.IntN(10)))
		}
		return b.String()
	}
	gaps := []string{"", "", "", " ", "-", ".", "\u200b", " - ", "\u00a0"}
	spell := func(text string) string {
		gap, often := gaps[r.IntN(len(gaps))], r.IntN(4)
		var b strings.Builder
		for i := range len(text) {
			b.WriteByte(text[i])
			if often > 0 && r.IntN(often+2) == 0 {
				b.WriteString(gap)
			}
		}
		return b.String()
	}
	found := map[Match]int{}
	for range 30_000 {
		id := fmt.Sprintf("%02d%02d%02d%s", r.IntN(100), 1+r.IntN(12), 1+r.IntN(31), digits(7))
		if r.IntN(3) == 0 {
			id = fmt.Sprintf("00%02d%02d%s", 1+r.IntN(12), 1+r.IntN(31), digits(7))
		}
		text, i := id, r.IntN(Length)
		switch r.IntN(9) {
		case 1:
			text = id[:i] + digits(1) + id[i+1:]
		case 2:
			text = id[:i] + id[i+1:]
		case 3:
			text = id[:i] + digits(1) + id[i:]
		case 4:
			if i > 0 {
				text = id[:i-1] + id[i:i+1] + id[i-1:i] + id[i+1:]
			}
		case 5:
			text = id[:6] + strings.Repeat("*", 1+r.IntN(7)) + id[Length-2:]
		case 6:
			text = strings.TrimLeft(id, "0")
		case 7:
			text = id[:1] + "." + id[1:] + "E+12"
		case 8:
			text = id[:6] + "xxx" + id[Length-2:] + "0101**11"
		}
		text = spell(text)
		if r.IntN(3) == 0 {
			text = digits(r.IntN(5)) + gaps[r.IntN(len(gaps))] + text + gaps[r.IntN(len(gaps))] + digits(r.IntN(5))
		}
		if r.IntN(3) == 0 {
			text = "see " + text + " or so"
		}
		f := New(id)
		match := f.Find(text)
		found[match]++
		if match == None {
			continue
		}
		wanted, has := map[string]bool{}, false
		for key := range f.Keys() {
			wanted[key] = true
		}
		for key := range KeysOf(text) {
			has = has || wanted[key]
		}
		if !has {
			t.Fatalf("%q has %s (%d), and no key of it", text, id, match)
		}
	}
	for _, m := range []Match{Near, Masked, Whole} {
		if found[m] < 500 {
			t.Errorf("only %d texts of kind %d: %v", found[m], m, found)
		}
	}
}

// A row of a roll has few keys.
func TestARowHasFewKeys(t *testing.T) {
	n := 0
	for _, cell := range []string{"8001015009087", "Person", "+27 82 000 0000", "0820000000", "79800001", "2024-01-31",
		"12 Long Street, 8001"} {
		for range KeysOf(cell) {
			n++
		}
	}
	if n > 2 {
		t.Errorf("%d keys", n)
	}
}
