package gateway

import (
	"fmt"
	"testing"
)

// BenchmarkHub measures how long it takes until a fact is in the queues of the 10 clients
// that follow its job, with 10,000 clients of 1,000 jobs.
func BenchmarkHub(b *testing.B) {
	const connections, jobs = 10_000, 1000
	g := &Gateway{cfg: Config{Queue: 256}}
	h := newHub()
	var all []*conn
	for i := range connections {
		c := &conn{g: g, queue: newQueue(g.cfg.Queue, 0, &g.counters, func() {}), subs: map[string]*subscription{}}
		job := fmt.Sprint("job-", i%jobs)
		c.subs[job] = &subscription{}
		h.add(c)
		h.joinJob(c, job)
		h.joinUser(c, fmt.Sprint("user-", i), connections)
		all = append(all, c)
	}
	drain := func() {
		for _, c := range all {
			for o, ok := c.queue.next(); ok && o.text != nil; o, ok = c.queue.next() {
			}
		}
	}
	for name, live := range map[string]bool{"fact": true, "progress": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				f := frame{jobID: fmt.Sprint("job-", i%jobs), owner: fmt.Sprint("user-", i%jobs)}
				f.encodings[0] = []byte(`{"event":"bulk_upload_progress"}`)
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
				if c.queue.full {
					b.Fatal("a queue was full, so it got nothing")
				}
			}
			b.ReportMetric(float64(b.N*connections/jobs)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}
