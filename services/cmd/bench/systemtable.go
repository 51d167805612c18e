package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// print prints a run: the job alone, and a table of the rounds.
func (r systemRun) print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d users, %d rows each, %d replicas of each service, %d processors, %d followers.\n\n", r.users,
		r.rows, replicas, runtime.NumCPU(), r.followers)
	fmt.Fprintf(&b, "A job of %d rows alone:", r.rows)
	for _, s := range r.alone {
		fmt.Fprintf(&b, " %s %s,", s.stage, formatSeconds(s.took))
	}
	fmt.Fprintf(&b, " processor time %s\n\n", formatSeconds(r.aloneCPU))
	r.writeRounds(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

// writeRounds writes a table with a column for each round. The memory of two replicas counts
// together.
func (r systemRun) writeRounds(b *strings.Builder) {
	head := []string{""}
	for i := range r.rounds {
		head = append(head, fmt.Sprint("round ", i+1))
	}
	rows := [][]string{head}
	add := func(what string, cell func(systemRound) string) {
		row := []string{what}
		for _, round := range r.rounds {
			row = append(row, cell(round))
		}
		rows = append(rows, row)
	}
	speed := func(round systemRound) float64 { return float64(r.users*r.rows) / round.took.Seconds() }
	slowest, stages, processors := r.bounds(runtime.NumCPU())
	add("first upload to last report", func(round systemRound) string { return formatSeconds(round.took) })
	add("rows a second", func(round systemRound) string { return fmt.Sprintf("%.0f", speed(round)) })
	add(fmt.Sprintf("of the %.0f that %s can do", stages, slowest.stage), func(round systemRound) string {
		return fmt.Sprintf("%.2f", speed(round)/stages)
	})
	add(fmt.Sprintf("of the %.0f that the processors can do", processors), func(round systemRound) string {
		return fmt.Sprintf("%.2f", speed(round)/processors)
	})
	add("of what they can do beside who follows", func(round systemRound) string {
		return fmt.Sprintf("%.2f", speed(round)/processors/round.leftBy(runtime.NumCPU()))
	})
	add("processors busy with rollcall", func(round systemRound) string {
		return fmt.Sprintf("%.0f %%", 100*round.cpu.Seconds()/round.took.Seconds()/float64(runtime.NumCPU()))
	})
	add(fmt.Sprintf("jobs of %d rows meanwhile: median, slowest", smallRows), func(round systemRound) string {
		median, slowest := rankTimes(round.small, func(stages []stageTime) (sum time.Duration) {
			for _, s := range stages {
				sum += s.took
			}
			return sum
		})
		return fmt.Sprintf("%d: %s, %s", len(round.small), formatSeconds(median), formatSeconds(slowest))
	})
	for i, s := range r.alone {
		add("of that "+s.stage, func(round systemRound) string {
			median, slowest := rankTimes(round.small, func(stages []stageTime) time.Duration { return stages[i].took })
			return fmt.Sprintf("%s, %s", formatSeconds(median), formatSeconds(slowest))
		})
	}
	add("facts followed: lost, doubled", func(round systemRound) string {
		return fmt.Sprintf("%d: %d, %d", round.followed.Facts, round.followed.Lost, round.followed.Doubled)
	})
	add("connections that were lost and made anew", func(round systemRound) string {
		return fmt.Sprint(round.followed.Reconnects)
	})
	for _, name := range slices.Sorted(maps.Keys(r.rounds[0].peaks)) {
		add("peak memory of "+name, func(round systemRound) string { return fmt.Sprintf("%d MB", round.peaks[name]>>20) })
	}
	writeTable(b, rows)

	head[0] = "processor time for 1,000 rows"
	rows = [][]string{slices.Insert(slices.Clone(head), 1, "the job alone")}
	for _, name := range slices.Sorted(maps.Keys(r.aloneUsed)) {
		row := []string{name, perThousand(r.aloneUsed[name], r.rows)}
		for _, round := range r.rounds {
			row = append(row, perThousand(round.used[name], r.users*r.rows))
		}
		rows = append(rows, row)
	}
	b.WriteString("\n")
	writeTable(b, rows)
}

func perThousand(took time.Duration, rows int) string {
	return fmt.Sprintf("%.1f ms", took.Seconds()*1e6/float64(rows))
}

// leftBy returns which part of the processors is left by the clients, which are on the same
// machine, and the gateways, which serve them.
func (r systemRound) leftBy(cpus int) float64 {
	return 1 - (r.used[clients]+r.used["gateway"]).Seconds()/r.took.Seconds()/float64(cpus)
}

// rankTimes returns the median and the longest of the times that jobs took; 0 without jobs.
func rankTimes(jobs [][]stageTime, took func([]stageTime) time.Duration) (median, slowest time.Duration) {
	var list []time.Duration
	for _, stages := range jobs {
		list = append(list, took(stages))
	}
	if len(list) == 0 {
		return 0, 0
	}
	slices.Sort(list)
	return list[len(list)/2], list[len(list)-1]
}

// bounds returns the rows a second that the slowest stage can do, and those that the
// processors can do.
//
// The slowest stage is measured by the job alone: so many of it as there are places for big
// jobs in all replicas, or processors, if these are fewer. All stages share the processors
// of this machine, so together they can do no more than the processor time of the job alone
// allows, which leaves out that of the clients.
func (r systemRun) bounds(cpus int) (slowest stageTime, stages, processors float64) {
	for _, s := range r.alone[1:] { // the first is the upload
		if s.took > slowest.took {
			slowest = s
		}
	}
	stages = float64(r.rows) / slowest.took.Seconds() * float64(min(replicas*stageWorkers, cpus))
	return slowest, stages, float64(r.rows) / max(r.aloneCPU, time.Millisecond).Seconds() * float64(cpus)
}

// stageWorkers is how many big jobs a stage works on at once by default (--workers).
const stageWorkers = 2
