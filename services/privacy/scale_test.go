package privacy

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/person"
	"rollcall.example/events/spelling"
	"rollcall.example/services/jobs"
	"rollcall.example/services/postgres/postgrestest"
)

var scaleJobs = flag.Int("scale-jobs", 1000, "how many ended jobs BenchmarkScale makes")

// BenchmarkScale times what must not grow with the number of jobs, or little:
//
//	go test ./services/privacy -run '^$' -bench Scale -benchtime 1x -args -scale-jobs 20000
func BenchmarkScale(b *testing.B) {
	dir := b.TempDir()
	conf := bytes.Replace(eventstest.WithOwner(embedded.Conf), []byte("sync_interval: always"),
		[]byte(`sync_interval: "2m"`), 1) // the jobs are made faster so
	start := func(conf []byte) *embedded.Server {
		srv, err := embedded.Start(embedded.Config{Dir: dir, Conf: conf, StoreKey: eventstest.StoreKey})
		if err != nil {
			b.Fatal(err)
		}
		return srv
	}
	srv := start(conf)
	if err := events.Provision(b.Context(), eventstest.Connect(b, srv, "provisioner"),
		events.ProvisionConfig{}); err != nil {
		b.Fatal(err)
	}
	oldest, newest := makeEndedJobs(b, srv, *scaleJobs)
	srv.Stop()

	report := func(what string, f func()) {
		began := time.Now()
		f()
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, what+"-ms")
	}
	before := heapInUse()
	report("start", func() { srv = start(eventstest.WithOwner(embedded.Conf)) })
	defer srv.Stop()
	b.ReportMetric((heapInUse()-before)/(1<<20), "heap-MB")

	db, js := postgrestest.New(b), eventstest.Connect(b, srv, "privacy")
	key, err := person.NewKey(person.NewSecret())
	if err != nil {
		b.Fatal(err)
	}
	s := New(Config{Log: events.NewLog(js, "privacy", nil), Store: events.NewStore(js), DB: db, Key: key,
		Keep: Keep{Uploads: 30 * day, Artifacts: 90 * day, Reports: 90 * day, Events: 730 * day}})
	for what, id := range map[string]string{"oldest": oldest, "newest": newest} {
		const times = 100
		began := time.Now()
		for range times {
			if _, err := s.cfg.Log.Load(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000/times, what+"-ms")
	}
	table := jobs.New(jobs.Config{DB: db, Log: s.cfg.Log})
	report("rebuild", func() {
		if n, err := table.Rebuild(b.Context()); err != nil || n != *scaleJobs {
			b.Fatal(n, err)
		}
	})
	for _, what := range []string{"first-sweep", "sweep"} {
		report(what, func() {
			if swept, err := s.Sweep(b.Context()); err != nil || swept != (Swept{}) {
				b.Fatal(swept, err)
			}
		})
	}
	// Each job has 500 people, none of them the one who is looked for.
	p := &subject{id: "8001015009087", finder: spelling.New("8001015009087")}
	if _, err := db.Exec(`INSERT INTO job_people SELECT job_id, ended_at, $1,
  (SELECT array_agg((random() * 9e18)::bigint) FROM generate_series(1, 500) WHERE job_id <> '')
FROM job_retention`, s.keyCheck()); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Exec(`ANALYZE`); err != nil {
		b.Fatal(err)
	}
	report("find-person", func() {
		ids, err := s.listSuspects(b.Context(), s.hashesOf(p))
		if err != nil || len(ids) != 0 {
			b.Fatal(len(ids), err)
		}
	})
	report("search-person", func() {
		k, err := s.searchJobs(b.Context(), p, 0, false)
		if err != nil || len(k.jobs) != 0 {
			b.Fatal(len(k.jobs), err)
		}
	})
	report("last-page", func() {
		if _, err := table.List(b.Context(), jobs.Filter{Page: *scaleJobs / 20, Size: 20}); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric(0, "ns/op")
}

func heapInUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// makeEndedJobs stores reported jobs: five facts and six objects each.
func makeEndedJobs(b *testing.B, srv *embedded.Server, n int) (oldest, newest string) {
	b.Helper()
	const writers = 4
	ids := make([]string, n)
	var g errgroup.Group
	for w := range writers {
		js, err := jetstream.New(eventstest.Connect(b, srv, eventstest.Owner).Conn(),
			jetstream.WithPublishAsyncMaxPending(512))
		if err != nil {
			b.Fatal(err)
		}
		g.Go(func() error {
			for i := w; i < n; i += writers {
				ids[i] = events.NewJobID()
				if err := makeEndedJob(b, js, ids[i]); err != nil {
					return err
				}
			}
			<-js.PublishAsyncComplete()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	return ids[0], ids[n-1]
}

func makeEndedJob(b *testing.B, js jetstream.JetStream, id string) error {
	artifact := func(bucket, name string) events.Artifact {
		a := events.Artifact{Bucket: bucket, Name: id + "/" + name, Size: 512,
			SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(name)))}
		chunks := uuid.NewString()
		info, _ := json.Marshal(jetstream.ObjectInfo{ObjectMeta: jetstream.ObjectMeta{Name: a.Name}, Bucket: bucket,
			NUID: chunks, Size: 512, Chunks: 1}) // of plain fields
		for subject, body := range map[string][]byte{
			"$O." + bucket + ".C." + chunks:                                            make([]byte, 512),
			"$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(a.Name)): info,
		} {
			if _, err := js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: body}); err != nil {
				b.Error(err)
			}
		}
		return a
	}
	up := &events.Uploaded{Owner: events.User{ID: "alice", Role: "member"}, FileName: "roll.xlsx",
		File: artifact(events.BucketUploads, "upload")}
	up.JobID = id
	var job events.Job
	for i, fact := range []events.Fact{
		up,
		&events.Validated{Rows: artifact(events.BucketRows, "rows"), Rejects: artifact(events.BucketRows, "rejects")},
		&events.Verified{Verdicts: artifact(events.BucketVerdicts, "verdicts")},
		&events.Persisted{Outcomes: artifact(events.BucketOutcomes, "outcomes")},
		&events.Reported{Report: artifact(events.BucketReports, "report")},
	} {
		stage := events.StageUpload
		if i > 0 {
			stage = events.Stages[i-1]
		}
		if _, err := events.NewLog(js, stage, nil).Append(b.Context(), &job, job.Trigger, fact); err != nil {
			return err
		}
	}
	return nil
}
