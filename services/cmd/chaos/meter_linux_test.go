package chaos

import (
	"bufio"
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var plotFlag = flag.String("plot", "", "folder for soak.svg and soak.csv: what each process used in TestFaultsTogether")

// isSoak reports whether the run is long enough for what processes use to be judged.
func isSoak() bool { return *fullFlag && *spanFlag >= 20*time.Minute }

// measures are what is sampled of each process; disk is in MB, as memory is.
var measures = []string{"memory", "goroutines", "files", "disk"}

// sample is what a process used at a moment. A value below 0 is not known.
type sample struct {
	at     time.Duration
	jobs   int // accepted so far
	pid    int
	values [4]float64 // by measures
}

// meter samples the processes of an installation.
type meter struct {
	i       *installation
	w       *witness
	began   time.Time
	names   []string
	samples map[string][]sample
}

func newMeter(i *installation, w *witness) *meter {
	return &meter{i: i, w: w, began: time.Now(), samples: map[string][]sample{}}
}

// run samples until ctx ends.
func (m *meter) run(ctx context.Context, every time.Duration) {
	via := &http.Transport{DialContext: m.i.dial, DisableKeepAlives: true}
	for ctx.Err() == nil {
		m.w.mu.Lock()
		jobs := len(m.w.jobs)
		m.w.mu.Unlock()
		for n, p := range m.i.processes() {
			s := sample{at: time.Since(m.began), jobs: jobs, pid: p.pid(), values: [4]float64{-1, -1, -1, -1}}
			s.values[0], s.values[2] = used(s.pid)
			if p.goroutines != "" {
				s.values[1] = goroutinesOf(ctx, &http.Client{Transport: via, Timeout: 8 * time.Second}, p.goroutines)
			}
			switch {
			case n < len(m.i.nats) && len(m.i.disks) > 1:
				s.values[3] = float64(m.i.disks[n].Size()) / (1 << 20)
			case p == m.i.database:
				s.values[3] = float64(m.i.disks[len(m.i.disks)-1].Size()) / (1 << 20)
			}
			if m.samples[p.name] == nil {
				m.names = append(m.names, p.name)
			}
			m.samples[p.name] = append(m.samples[p.name], s)
		}
		sleepUntil(ctx, time.Now().Add(every))
	}
}

// used returns the resident memory of a process and its children in MB, and its open
// files; -1 for one that has ended.
func used(pid int) (memory, files float64) {
	memory, files = -1, -1
	for _, pid := range append([]int{pid}, childrenOf(pid)...) {
		dir := fmt.Sprintf("/proc/%d/", pid)
		if text, err := os.ReadFile(dir + "status"); err == nil {
			for line := range strings.Lines(string(text)) {
				if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
					kb, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
					memory = max(memory, 0) + kb/1024
				}
			}
		}
		if list, err := os.ReadDir(dir + "fd"); err == nil {
			files = max(files, 0) + float64(len(list))
		}
	}
	return memory, files
}

// goroutinesOf asks a process, by its metrics or by a profile.
func goroutinesOf(ctx context.Context, c *http.Client, url string) float64 {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return -1
	}
	resp, err := c.Do(req)
	if err != nil {
		return -1 // it is down
	}
	defer func() { _ = resp.Body.Close() }() // only read
	lines := bufio.NewScanner(io.LimitReader(resp.Body, 1<<20))
	for lines.Scan() {
		for _, name := range []string{"go_goroutines ", "goroutine profile: total "} {
			if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
				n, err := strconv.ParseFloat(rest, 64)
				if err == nil {
					return n
				}
			}
		}
	}
	return -1
}

// report writes the table and the plot, and in a soak fails the test for what is not flat.
func (m *meter) report(t *testing.T, took time.Duration) {
	t.Helper()
	if *plotFlag != "" {
		if err := m.write(*plotFlag, took); err != nil {
			t.Error(err)
		}
	}
	for _, name := range m.names {
		for n, what := range measures {
			v := judge(m.samples[name], n, took)
			if !v.known {
				continue
			}
			t.Logf("%-10s %-10s %s", name, what, v)
			if isSoak() && !v.flat {
				t.Errorf("%s of %s is not flat: %s", what, name, v)
			}
		}
	}
}

// verdict compares the two halves of a run. All but disk are levels: what is added in the
// last half. Disk grows with the jobs, which are kept: it is what each job adds.
type verdict struct {
	known, flat         bool
	level               float64
	firstHalf, lastHalf float64
	perJob              bool
	lives               int
}

func (v verdict) String() string {
	if v.perJob {
		return fmt.Sprintf("%.0f MB at last, %+.0f KB a job in the first half, %+.0f in the last", v.level, v.firstHalf,
			v.lastHalf)
	}
	return fmt.Sprintf("%.0f in the middle, %+.1f in the first half, %+.1f in the last, started %d times",
		v.level, v.firstHalf, v.lastHalf, v.lives)
}

const (
	warmUp = 0.1 // the share of the run that is not judged: what a process allocates once
	// What may be added in the last half: a tenth, or as much as differs from sample to sample.
	slackShare, slackMB, slackCount = 0.1, 8, 12
	// natsPerJob is what NATS holds in memory for each job that is kept, in MB.
	natsPerJob = 8.0 / 1024
)

// judge judges one measure of one process.
func judge(list []sample, n int, took time.Duration) (v verdict) {
	var first, last []sample
	pids := map[int]bool{}
	for _, s := range list {
		share := float64(s.at) / float64(took)
		if s.values[n] < 0 || share < warmUp || share > 1 {
			continue
		}
		pids[s.pid] = true
		if share < (1+warmUp)/2 {
			first = append(first, s)
		} else {
			last = append(last, s)
		}
	}
	if len(first) < 10 || len(last) < 10 {
		return v
	}
	v.known, v.lives = true, len(pids)
	grown := func(of []sample) float64 { return slope(of, n) * float64(of[len(of)-1].at-of[0].at) }
	jobs := func(of []sample) float64 { return max(float64(of[len(of)-1].jobs-of[0].jobs), 1) }
	v.firstHalf, v.lastHalf = grown(first), grown(last)
	if measures[n] == "disk" {
		v.perJob, v.level = true, last[len(last)-1].values[n]
		v.firstHalf, v.lastHalf = v.firstHalf/jobs(first)*1024, v.lastHalf/jobs(last)*1024
		v.flat = v.lastHalf <= 1.25*v.firstHalf || v.lastHalf < 64
		return v
	}
	v.level = last[0].values[n]
	allowed := max(slackShare*v.level, slackCount)
	if measures[n] == "memory" {
		allowed = max(slackShare*v.level, slackMB) + natsPerJob*jobs(last)
	}
	// One that was started again has no level of its own yet.
	v.flat = v.lives > 1 || v.lastHalf <= allowed || v.lastHalf <= v.firstHalf/2
	return v
}

// slope is that of the line through the samples by least squares, in a nanosecond.
func slope(list []sample, n int) float64 {
	var x, y, xx, xy float64
	for _, s := range list {
		at := float64(s.at - list[0].at)
		x, y, xx, xy = x+at, y+s.values[n], xx+at*at, xy+at*s.values[n]
	}
	count := float64(len(list))
	if d := count*xx - x*x; d != 0 {
		return (count*xy - x*y) / d
	}
	return 0
}

func (m *meter) write(dir string, took time.Duration) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var table strings.Builder
	w := csv.NewWriter(&table)
	_ = w.Write(append([]string{"seconds", "jobs", "process", "pid"}, measures...)) // into memory
	for _, name := range m.names {
		for _, s := range m.samples[name] {
			cells := []string{fmt.Sprintf("%.0f", s.at.Seconds()), strconv.Itoa(s.jobs), name, strconv.Itoa(s.pid)}
			for _, v := range s.values {
				cells = append(cells, fmt.Sprintf("%.1f", v))
			}
			_ = w.Write(cells)
		}
	}
	w.Flush()
	if err := os.WriteFile(filepath.Join(dir, "soak.csv"), []byte(table.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "soak.svg"), []byte(m.plot(took)), 0o644)
}

var plotColours = []string{"#0072b2", "#56b4e9", "#009e73", "#d55e00", "#e69f00", "#555555"}

// plot draws one chart for each measure, with a line for each process.
func (m *meter) plot(took time.Duration) string {
	const width, height, margin, left = 760.0, 150.0, 34.0, 60.0
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" `+
		`font-size="11"><rect width="100%%" height="100%%" fill="white"/>`+"\n",
		width+left+20, float64(len(measures))*(height+margin)+40)
	for n, what := range measures {
		top := float64(n)*(height+margin) + margin
		most := 1.0
		for _, name := range m.names {
			for _, s := range m.samples[name] {
				most = max(most, s.values[n])
			}
		}
		unit := ""
		if what == "memory" || what == "disk" {
			unit = " (MB)"
		}
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f">%s%s</text><text x="%.0f" y="%.0f" text-anchor="end">%.0f</text>`+
			`<text x="%.0f" y="%.0f" text-anchor="end">0</text><path d="M%.0f %.0fV%.0fH%.0f" fill="none" stroke="#999"/>`+"\n",
			left, top-6, what, unit, left-4, top+8, most, left-4, top+height, left, top, top+height, left+width)
		for c, name := range m.names {
			var points []string
			for _, s := range m.samples[name] {
				if s.values[n] >= 0 {
					points = append(points, fmt.Sprintf("%.1f,%.1f", left+width*min(float64(s.at)/float64(took), 1),
						top+height*(1-s.values[n]/most)))
				}
			}
			fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.2" points="%s"/>`+"\n",
				plotColours[c%len(plotColours)], strings.Join(points, " "))
		}
	}
	bottom := float64(len(measures))*(height+margin) + 16
	for c, name := range m.names {
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" fill="%s">%s</text>`+"\n", left+float64(c)*100, bottom+12,
			plotColours[c%len(plotColours)], name)
	}
	fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="end">%s</text></svg>`+"\n", left+width, bottom+12,
		took.Round(time.Second))
	return b.String()
}

// What grows as long as a run lasts is not flat; what levels off is, and what only trembles.
func TestWhatGrowsIsNotFlat(t *testing.T) {
	t.Parallel()
	const took = time.Hour
	series := func(value func(share float64) float64) (list []sample) {
		for n := range 200 {
			share := float64(n) / 200
			s := sample{at: time.Duration(share * float64(took)), jobs: n, pid: 1}
			for i := range s.values {
				s.values[i] = value(share) + float64(n%3)
			}
			list = append(list, s)
		}
		return list
	}
	leak := series(func(share float64) float64 { return 100 + 100*share })
	calm := series(func(float64) float64 { return 100 })
	levels := series(func(share float64) float64 { return 200 - 100/(1+20*share) })
	for n, what := range measures[:3] {
		if judge(leak, n, took).flat || !judge(calm, n, took).flat || !judge(levels, n, took).flat {
			t.Errorf("%s: a leak %s, calm %s, levels off %s", what, judge(leak, n, took), judge(calm, n, took),
				judge(levels, n, took))
		}
	}
	even := series(func(share float64) float64 { return 100 * share })
	more := series(func(share float64) float64 { return 400 * share * share })
	if disk := slices.Index(measures, "disk"); !judge(even, disk, took).flat || judge(more, disk, took).flat {
		t.Errorf("disk: evenly %s, more and more %s", judge(even, disk, took), judge(more, disk, took))
	}
	if v := judge(calm[:5], 0, took); v.known {
		t.Errorf("judged by five samples: %s", v)
	}
}
