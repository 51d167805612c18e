package gateway

import (
	"fmt"
	"testing"
)

// BenchmarkHub hands a fact to everybody who follows its job, of 10,000
// connections that follow 1,000 jobs, up to each one's queue.
func BenchmarkHub(b *testing.B) {
	const connections, jobs = 10_000, 1000
	g := &Gateway{cfg: Config{Queue: 256}}
	h := newHub()
	var all []*conn
	for i := range connections {
		c := &conn{g: g, q: newQueue(g.cfg.Queue, 0, &g.sums, func() {}), subs: map[string]*subscription{}}
		job := fmt.Sprint("job-", i%jobs)
		c.subs[job] = &subscription{}
		h.arrive(c)
		h.join(c, job)
		h.enter(c, fmt.Sprint("user-", i), connections)
		all = append(all, c)
	}
	drain := func() {
		for _, c := range all {
			for text, ok := c.q.take(); ok && text != nil; text, ok = c.q.take() {
			}
		}
	}
	for name, live := range map[string]bool{"fact": true, "progress": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				f := frame{jobID: fmt.Sprint("job-", i%jobs), owner: fmt.Sprint("user-", i%jobs)}
				f.texts[0] = []byte(`{"event":"bulk_upload_progress"}`)
				if live {
					f.seq = all[0].g.last.Add(1)
				}
				h.route(f)
				if i%(jobs*100) == jobs*100-1 {
					b.StopTimer()
					drain()
					b.StartTimer()
				}
			}
			b.StopTimer()
			drain()
			for _, c := range all {
				if c.q.full {
					b.Fatal("a queue was full: nothing was handed over to it")
				}
			}
			b.ReportMetric(float64(b.N*connections/jobs)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}
