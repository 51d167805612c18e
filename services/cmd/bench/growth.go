package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
)

// steepest is the exponent above which a cost is a finding: one that grows with the work
// has 1, and noise takes it a little further.
const steepest = 1.1

// growthMeasurements are jobs of three sizes, each ten times the one before, and three
// numbers of jobs at once. named makes a roll of people who are on no other.
func growthMeasurements(named func(name string, count int) roll, rows int) (list []jobMeasurement) {
	for i, size := range []int{rows / 10, rows, 10 * rows} {
		r := named(fmt.Sprint("rows-", size), size)
		what, target := fmt.Sprintf("growth: a job of %d rows", size), []string{"", "8 s, 400 MB", "40 s, 400 MB"}[i]
		list = append(list, jobMeasurement{what: what, rolls: []roll{r}, people: r,
			run: func(ctx context.Context, s *server) ([]result, error) {
				took, stages, err := s.timeStages(ctx, r.path, false)
				return []result{{what: what, took: took, rows: size, target: target, grows: "rows of a job",
					size: size, stages: stages}}, err
			}})
	}
	each := max(rows/100, 1)
	for _, jobs := range []int{1, 10, 100} {
		people := named(fmt.Sprint("people-", jobs), 0)
		people.count = jobs * each
		var rolls []roll
		for i := range jobs {
			rolls = append(rolls, named(fmt.Sprintf("of-%d-%d", jobs, i+1), each))
		}
		what := fmt.Sprintf("growth: %d jobs of %d rows at once", jobs, each)
		list = append(list, jobMeasurement{what: what, rolls: rolls, people: people,
			run: func(ctx context.Context, s *server) ([]result, error) {
				took, err := s.timeJobs(ctx, rolls)
				return []result{{what: what, took: took, rows: jobs * each, size: jobs,
					grows: fmt.Sprintf("jobs of %d rows at once", each)}}, err
			}})
	}
	return list
}

// curve is what something costs at each size of a series.
type curve struct {
	what  string
	costs []float64
	units func(cost float64) string
}

// printGrowth prints how each cost of a series grows, for the series of which more than one
// size was measured.
func printGrowth(out io.Writer, results []result) error {
	var b strings.Builder
	for len(results) > 0 {
		name, sizes, same := results[0].grows, []float64(nil), 0
		for same < len(results) && results[same].grows == name {
			sizes = append(sizes, float64(results[same].size))
			same++
		}
		if name != "" && same > 1 {
			writeCurves(&b, name, sizes, curvesOf(results[:same]))
		}
		results = results[same:]
	}
	if b.Len() == 0 {
		return nil
	}
	fmt.Fprintf(&b, "\nThe exponent is the slope of log cost over log size (least squares): 1 is as the work grows.\n"+
		"Others on the machine make times longer, and processor time of rollcall and PostgreSQL hardly.\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// curvesOf returns time, processor time, peak memory and the time of each stage. The results have the same
// stages.
func curvesOf(results []result) []curve {
	seconds := func(cost float64) string { return fmt.Sprintf("%.2f s", cost) }
	list := []curve{
		{what: "time", units: seconds},
		{what: "processor time", units: seconds},
		{what: "peak memory", units: func(cost float64) string { return fmt.Sprintf("%.0f MB", cost) }},
	}
	for _, s := range results[0].stages {
		list = append(list, curve{what: s.stage, units: seconds})
	}
	for _, r := range results {
		costs := []float64{r.took.Seconds(), r.cpu.Seconds(), float64(r.peakBytes) / (1 << 20)}
		for _, s := range r.stages {
			costs = append(costs, s.took.Seconds())
		}
		for i := range list {
			list[i].costs = append(list[i].costs, costs[i])
		}
	}
	return list
}

func writeCurves(b *strings.Builder, name string, sizes []float64, curves []curve) {
	head := []string{name}
	for _, size := range sizes {
		head = append(head, fmt.Sprintf("%.0f", size))
	}
	rows := [][]string{append(head, "exponent", "of the last step", "")}
	last := len(sizes) - 2
	for _, c := range curves {
		row := []string{c.what}
		for _, cost := range c.costs {
			row = append(row, c.units(cost))
		}
		all, step := fitExponent(sizes, c.costs), fitExponent(sizes[last:], c.costs[last:])
		finding := ""
		if max(all, step) > steepest {
			finding = fmt.Sprintf("FINDING: more than %.1f", steepest)
		}
		rows = append(rows, append(row, fmt.Sprintf("%.2f", all), fmt.Sprintf("%.2f", step), finding))
	}
	b.WriteString("\n")
	writeTable(b, rows)
}

// fitExponent returns the e of cost = a * size^e that fits best: the slope of the line
// through their logarithms by least squares. Sizes are positive and not all the same. A cost
// below a thousandth counts as one, because 0 has no logarithm.
func fitExponent(sizes, costs []float64) float64 {
	var x, y, xx, xy float64
	for i := range sizes {
		u, v := math.Log(sizes[i]), math.Log(max(costs[i], 0.001))
		x, y, xx, xy = x+u, y+v, xx+u*u, xy+u*v
	}
	n := float64(len(sizes))
	return (n*xy - x*y) / (n*xx - x*x)
}
