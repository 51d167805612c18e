package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestFitExponent(t *testing.T) {
	for _, c := range []struct {
		what         string
		sizes, costs []float64
		want         float64
	}{
		{"as the work grows", []float64{10, 100, 1000}, []float64{2, 20, 200}, 1},
		{"with the square", []float64{1, 10, 100}, []float64{0.5, 50, 5000}, 2},
		{"not at all", []float64{1, 10, 100}, []float64{3, 3, 3}, 0},
		{"two sizes", []float64{50, 200}, []float64{1, 8}, 1.5},
		// The logarithms of the costs are 0, 2 and 2: their line rises by 1 from size to size.
		{"beside the line", []float64{1, 10, 100}, []float64{1, 100, 100}, 1},
		{"nothing at first", []float64{1, 10}, []float64{0, 0.01}, 1},
	} {
		if got := fitExponent(c.sizes, c.costs); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestPrintGrowthMarksWhatGrowsFaster(t *testing.T) {
	at := func(size int, took, quick, slow time.Duration, peak int64) result {
		return result{what: "a job", grows: "rows of a job", size: size, took: took, cpu: quick, peakBytes: peak << 20,
			stages: []stageTime{{"quick", quick}, {"slow", slow}}}
	}
	var out strings.Builder
	if err := printGrowth(&out, []result{
		at(10, 2*time.Second, time.Second, time.Second, 50),
		at(100, 12*time.Second, 2*time.Second, 10*time.Second, 100),
		at(1000, 512*time.Second, 12*time.Second, 500*time.Second, 200),
		{what: "alone", grows: "of a series that was not measured", size: 1},
		{what: "of none"},
	}); err != nil {
		t.Fatal(err)
	}
	want := `
| rows of a job  | 10     | 100     | 1000     | exponent | of the last step |                        |
|----------------|--------|---------|----------|----------|------------------|------------------------|
| time           | 2.00 s | 12.00 s | 512.00 s | 1.20     | 1.63             | FINDING: more than 1.1 |
| processor time | 1.00 s | 2.00 s  | 12.00 s  | 0.54     | 0.78             |                        |
| peak memory    | 50 MB  | 100 MB  | 200 MB   | 0.30     | 0.30             |                        |
| quick          | 1.00 s | 2.00 s  | 12.00 s  | 0.54     | 0.78             |                        |
| slow           | 1.00 s | 10.00 s | 500.00 s | 1.35     | 1.70             | FINDING: more than 1.1 |

The exponent is the slope of log cost over log size (least squares): 1 is as the work grows.
Others on the machine make times longer, and processor time of rollcall and PostgreSQL hardly.
`
	if out.String() != want {
		t.Errorf("printed\n%s", out.String())
	}
}

// Nobody may be a member before their job, or be known only by chance.
func TestEachJobOfTheBenchHasPeopleOfItsOwn(t *testing.T) {
	end := 0
	for _, m := range (&bench{}).jobMeasurements(1000) {
		if m.people.first != end {
			t.Errorf("%s: people from %d on, want %d", m.what, m.people.first, end)
		}
		for _, r := range m.rolls {
			if r.first != end {
				t.Errorf("%s: %s is from %d on, want %d", m.what, r.path, r.first, end)
			}
			end += r.count
		}
		if want := m.people.first + m.people.count; end != want {
			t.Errorf("%s: its rolls end at %d, its people at %d", m.what, end, want)
		}
	}
}
