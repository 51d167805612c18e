package spelling

import (
	"strings"
	"testing"
)

const (
	person = "6606066066083"
	young  = "0101015009087"
)

func TestFindReadsEverySpelling(t *testing.T) {
	for _, c := range []struct {
		id, text string
		want     Match
	}{
		{person, person, Whole},
		{person, "660606 6066 08 3", Whole},
		{person, "660606-6066.083", Whole},
		{person, "ID:" + person + ".", Whole},
		{person, "spouse of Zed ID " + person + ", 1 Main Rd", Whole},
		{person, "６６０６０６６０６６０８３", Whole},
		{person, "٦٦٠٦٠٦٦٠٦٦٠٨٣", Whole},
		{person, "۶۶۰۶۰۶۶۰۶۶۰۸۳", Whole},
		{person, "⁶⁶⁰⁶⁰⁶⁶⁰⁶⁶⁰⁸³", Whole},
		{person, "⑥⑥⓪⑥⓪⑥⑥⓪⑥⑥⓪⑧③", Whole},
		{person, "660606\u00a06066\u202f083", Whole},
		{person, "660\u200b606\u20606066\ufeff083\u00ad", Whole},
		{person, "0027" + person + "9", Whole},
		{person, "6.606066066083E+12", Whole},
		{person, "6606066066083.0", Whole},
		{person, "6,606066066083e12", Whole},
		{person, "6.60607E+12", None},
		{person, "660606*****83", Masked},
		{person, "the number 660606xxxxx83 is wrong", Masked},
		{person, "660606606608", Near},    // the last digit is missing
		{person, "ID 606066066083", Near}, // the first one
		{person, "6606066066081", Near},
		{person, "6606066060683", Near},
		{person, "66060660660883", Near},
		{person, "9001010001088", None},
		{person, "660606", None},
		{person, "660606 A 6066083", None},
		{person, "", None},
		{young, "101015009087", Whole},
		{young, "101015009087.0", Whole},
		{young, "1.01015009087E+11", Whole},
		{young, "spouse 101015009087 of", Whole},
		{young, "9101015009087", Near},
		{person, "６．６０６０６６０６６０８３Ｅ＋１２", Whole},
		{person, "6.606066\u200b066083E+12", Whole},
		{person, "6.606066066083E+012", Whole},
		{person, "6606066066083e0", Whole},
		{person, "6606066\u3164066083", Whole},
		{person, strings.Join(strings.Split(person, ""), strings.Repeat("\u200b", 40)), Whole},
		{"0007045006082", "7045006082", Whole},
		{"0007045006082", "7.045006082E+09", Whole},
		{"0007045006082", "17045006082", None},
	} {
		if got := New(c.id).Find(c.text); got != c.want {
			t.Errorf("%s in %q: %d, want %d", c.id, c.text, got, c.want)
		}
	}
}

func TestBlankTakesOutTheNumberAndTheNames(t *testing.T) {
	names := []string{"Zed", "Zaphod Beeble"}
	for text, want := range map[string]string{
		"c/o ZED zaphod beeble 660606 6066 083, 1 Main Rd": "c/o [erased] [erased] [erased], 1 Main Rd",
		"Zedekia " + person:       "Zedekia [erased]",
		person + " and " + person: "[erased] and [erased]",
		"660606*****83":           "[erased]",
		"Zed without a number":    "Zed without a number",
		"٦٦٠٦٠٦٦٠٦٦٠٨٣ Żed zed":   "[erased] Żed [erased]",
		"6.606066066083E+12":      "[erased]",
	} {
		got, found := New(person).Blank(text, names)
		if got != want || found != (text != want) {
			t.Errorf("%q becomes %q, %t, want %q", text, got, found, want)
		}
		if m := New(person).Find(got); m > Near {
			t.Errorf("%q still has the number", got)
		}
	}
}

func TestHideNumbersHidesEverybodys(t *testing.T) {
	for text, want := range map[string]string{
		"Zed 660606 6066 083.csv":             "Zed [erased].csv",
		"9999999999999.csv":                   "[erased].csv",
		"roll 2026-03-01 120000.csv":          "roll 2026-03-01 120000.csv",
		"roll 20260301 v2.xlsx":               "roll 20260301 v2.xlsx",
		"00276606066066083":                   "0027[erased]",
		"８００１０１５００９０８７":                       "[erased]",
		"because 8001015009087 asked it":      "because [erased] asked it",
		"7045006082.csv":                      "[erased].csv", // born in 2000
		"8.001015009087E+12 and 102030005080": "[erased] and [erased]",
		"7045006083.csv":                      "7045006083.csv",
		"8.00102E+12":                         "8.00102E+12",
	} {
		if got := HideNumbers(text); got != want || HasNumber(text) != (text != want) {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestDigitsAreAsManyAsTheirValues(t *testing.T) {
	characters, digits := Digits()
	if a, b := len([]rune(characters)), len(digits); a != b || a < 600 {
		t.Errorf("%d characters, %d digits", a, b)
	}
}

// What Blank leaves never has the number, wherever it stood.
func FuzzBlank(f *testing.F) {
	for _, text := range []string{
		person, "660606 6066 083", "x" + person + person, "6.606066066083E+12", "660606*****83",
	} {
		f.Add(text, "Zed")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		finder := New(person)
		got, found := finder.Blank(text, []string{name})
		if !found && got != text {
			t.Errorf("%q changed to %q", text, got)
		}
		for range 3 { // what stood around the number may be one again
			got, _ = finder.Blank(got, nil)
		}
		if m := finder.Find(got); m > Near && strings.Count(text, "6") < 60 {
			t.Errorf("%q became %q, which has the number", text, got)
		}
	})
}

// What Read reads, all others see: who looks for the number, and who masks numbers.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"8001015009087.0", "='8001015009087", "8,001015009087E+12", "７045006082.0", "8E12"} {
		f.Add(text, false)
	}
	f.Add("7045006082", true)
	f.Fuzz(func(t *testing.T, text string, numeric bool) {
		read := Read(text, numeric)
		if fine := read.Fault == Fine; fine != (len(read.Digits) == Length) || !fine && read != (Reading{Fault: read.Fault}) {
			t.Fatalf("%q reads %+v", text, read)
		}
		if read.Zeros > 0 && (!IsValid(read.Digits) || strings.Trim(read.Digits[:read.Zeros], "0") != "") {
			t.Fatalf("%q reads %+v", text, read)
		}
		if again := Read(read.Digits, false); read.Fault == Fine && again != (Reading{Digits: read.Digits}) {
			t.Fatalf("%q reads %+v, and that %+v", text, read, again)
		}
		if read.Fault != Fine || len(text) > 45 { // longer gaps are none within a number
			return
		}
		if New(read.Digits).Find(text) != Whole {
			t.Fatalf("%q reads %+v and is not found", text, read)
		}
		for w := range AllWritten(text) {
			if w.From < 0 || w.From >= w.To || w.To > len(text) || len(w.ID) != Length {
				t.Fatalf("%q has %+v", text, w)
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	finder := New(person)
	for b.Loop() {
		finder.Find("12 Church Street, Observatory, Cape Town 7925, +27820001234")
		finder.Find("9001010001088")
		finder.Find("Nokuthula")
	}
}
