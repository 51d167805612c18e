package answers

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

// BenchmarkKnown keeps the answers about many people, and looks people up among them: 100,000
// at once, as a big roll does, and one. It reports what the disk and the memory of the
// server and the store together hold.
func BenchmarkKnown(b *testing.B) {
	for _, people := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint("people=", people), func(b *testing.B) {
			dir := b.TempDir()
			srv, err := embedded.Start(embedded.Config{Dir: dir, Conf: eventstest.WithOwner(embedded.Conf)})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(srv.Stop)
			if err := events.Provision(b.Context(), eventstest.Connect(b, srv, eventstest.Owner),
				events.ProvisionConfig{}); err != nil {
				b.Fatal(err)
			}
			s := open(b, srv)
			s.log.foldAt = max(foldAt, people/10)
			began := time.Now()
			keepMany(b, s, people)
			keep := time.Since(began)
			began = time.Now()
			fold(b, s, true)
			sweep := time.Since(began)
			s.Close()
			s.log.state = state{} // its cleanup holds the store

			s = open(b, srv) // with an empty tail
			some := make([]string, min(people, 100_000))
			for i := range some {
				some[i] = idOf(i * (people / len(some)))
			}
			var many, one time.Duration
			for b.Loop() {
				began := time.Now()
				list, _, err := s.GetMany(b.Context(), some, time.Time{})
				if err != nil || list[0].IsZero() || list[len(list)-1].IsZero() {
					b.Fatal(err)
				}
				many += time.Since(began)
				began = time.Now()
				if v, err := s.GetAnyAge(b.Context(), idOf(people/2)); err != nil || v == nil {
					b.Fatal(err)
				}
				one += time.Since(began)
			}
			b.ReportMetric(keep.Seconds(), "s/keep")
			b.ReportMetric(sweep.Seconds(), "s/sweep")
			b.ReportMetric(float64(many.Milliseconds())/float64(b.N), "ms/100000")
			b.ReportMetric(float64(one.Microseconds())/float64(b.N), "µs/one")
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-heap")
			b.ReportMetric(float64(sizeOf(b, dir))/1e6, "MB-disk")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// keepMany keeps the answers about people, 500 in a message, and folds as Run does.
func keepMany(b *testing.B, s *Store, people int) {
	b.Helper()
	for from := 0; from < people; {
		var wg sync.WaitGroup
		for range 4 * mostAtOnce {
			if from == people {
				break
			}
			n := from
			from++
			wg.Go(func() {
				v := verdictOf(n)
				v.At = time.Now()
				if err := s.Put(b.Context(), idOf(n), v); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		if b.Failed() {
			b.FailNow()
		}
		select {
		case <-s.log.full:
			fold(b, s, false)
		default:
		}
	}
}

// sizeOf returns how many bytes the streams of the answers take on the disk.
func sizeOf(b *testing.B, dir string) (n int64) {
	b.Helper()
	for _, name := range []string{events.StreamIEC, "KV_" + events.KVVerdicts, "KV_" + events.KVStations} {
		found, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", name))
		if err != nil || len(found) != 1 {
			b.Fatal(found, err)
		}
		if err := filepath.WalkDir(found[0], func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				n += info.Size()
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	return n
}
