package iec

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/iec/answers"
	"rollcall.example/services/iec/sim"
)

// BenchmarkStage verifies rolls of people whom nobody asked about yet, with the
// shipped nats.conf, which syncs each verdict to disk, and with the simulator over
// HTTP, all in this process. Beside the rows per second it reports their share of
// concurrency/latency, which no client can exceed, and of what the same client
// reaches without the stage around it.
func BenchmarkStage(b *testing.B) {
	for _, latency := range []int{5, 50, 220} {
		for _, concurrency := range []int{1, 15, 50} {
			b.Run(fmt.Sprintf("latency=%dms/concurrency=%d", latency, concurrency), func(b *testing.B) {
				r := newStage(b, sim.Config{Faults: sim.Faults{LatencyMS: latency}})
				client, err := NewClient(ClientConfig{BaseURL: r.url, Concurrency: concurrency})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(client.Close)
				r.addReplica(b, 100_000_000, func(c *Config) {
					quota, err := NewQuota(c.Quota.counts.kv, QuotaConfig{Limit: 100_000_000, Window: time.Hour})
					if err != nil {
						b.Fatal(err)
					}
					c.Quota, c.Client, c.Concurrency = quota, client, concurrency
				})
				most := float64(concurrency) * 1000 / float64(latency)
				rows := min(max(int(3*most), 20), 20_000)
				wire := measureClient(b, client, concurrency)
				next := 0
				var took time.Duration
				for b.Loop() {
					people := make([]string, rows)
					for i := range people {
						people[i] = fmt.Sprintf("%013d", next)
						next++
					}
					_, elapsed := r.timeJob(b, people)
					took += elapsed
				}
				rate := float64(rows*b.N) / took.Seconds()
				b.ReportMetric(rate, "rows/s")
				b.ReportMetric(100*rate/most, "%limit")
				b.ReportMetric(100*rate/wire, "%wire")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// timeJob runs a job of those people and returns it with how long it took.
func (r *rig) timeJob(b *testing.B, people []string) (events.Job, time.Duration) {
	b.Helper()
	job := r.addJob(b, people, events.Options{})
	began := job.Validated.At
	eventstest.WaitFor(b, 10*time.Minute, "the verdicts", func() bool {
		var err error
		if job, err = r.log.Load(b.Context(), job.ID); err != nil || job.Ended() {
			b.Fatalf("%s: %v", job.Status, err)
		}
		return job.Verified != nil
	})
	return job, job.Verified.At.Sub(began)
}

// measureClient returns how many people a second the client alone can ask about.
func measureClient(b *testing.B, client *Client, concurrency int) float64 {
	b.Helper()
	var calls atomic.Int64
	began := time.Now()
	var wg sync.WaitGroup
	for range concurrency {
		wg.Go(func() {
			for time.Since(began) < 2*time.Second {
				if _, err := client.Lookup(b.Context(), fmt.Sprintf("9%012d", calls.Add(1)), allowAll); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(calls.Load()) / time.Since(began).Seconds()
}

// BenchmarkKnown verifies a roll of people who were all asked about before: what a
// job takes without the IEC.
func BenchmarkKnown(b *testing.B) {
	const rows = 20_000
	r := newStage(b, sim.Config{})
	var kept *answers.Store
	r.addReplica(b, 100_000_000, func(c *Config) { kept = c.Answers })
	people := make([]string, rows)
	var wg sync.WaitGroup
	next := make(chan string)
	for range 64 { // each answer is synced to disk, many at a time
		wg.Go(func() {
			for id := range next {
				if err := kept.Put(b.Context(), id, records.Verdict{Status: records.Registered, At: time.Now(),
					Ward: "79800001",
					VD:   "32840001", Station: "EXAMPLE PRIMARY SCHOOL", MunicipalityCode: "JHB",
					Municipality: "City of Johannesburg", Province: "Gauteng"}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range people {
		people[i] = fmt.Sprintf("%013d", i)
		next <- people[i]
	}
	close(next)
	wg.Wait()
	var took time.Duration
	for b.Loop() {
		job, elapsed := r.timeJob(b, people)
		took += elapsed
		if calls := job.Verified.Stats.Calls; calls != 0 {
			b.Fatalf("%d calls", calls)
		}
	}
	b.ReportMetric(float64(rows*b.N)/took.Seconds(), "rows/s")
	b.ReportMetric(took.Seconds()/float64(b.N), "s")
	b.ReportMetric(0, "ns/op")
}
