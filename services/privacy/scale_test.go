package privacy

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
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

var (
	scaleJobs = flag.Int("scale-jobs", 1000, "how many ended jobs BenchmarkScale makes")
	scaleAge  = flag.String("scale-age", "new", "what is left of them: all (new), their events as after a year (old), "+
		"or an archive (archived)")
	scaleStart = flag.Bool("scale-start", false, "time only the start of NATS and the status of a job")
)

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
	oldest, newest := "", ""
	switch *scaleAge {
	case "new":
		oldest, newest = makeEndedJobs(b, srv, *scaleJobs)
	case "old", "archived":
		oldest, newest = copyOldJob(b, srv, *scaleJobs)
	default:
		b.Fatalf("no age %q", *scaleAge)
	}
	srv.Stop()
	srv = nil // its memory is not that of the next one

	report := func(what string, f func()) {
		began := time.Now()
		f()
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, what+"-ms")
	}
	before, cpu := heapInUse(), cpuTime(b)
	report("start", func() { srv = start(eventstest.WithOwner(embedded.Conf)) })
	b.ReportMetric(float64((cpuTime(b) - cpu).Milliseconds()), "start-cpu-ms")
	defer srv.Stop()
	b.ReportMetric((heapInUse()-before)/(1<<20), "heap-MB")

	js := eventstest.Connect(b, srv, "privacy")
	if *scaleStart {
		timeLoads(b, events.NewLog(js, "privacy", nil), oldest, newest)
		b.ReportMetric(0, "ns/op")
		return
	}
	db := postgrestest.New(b)
	key, err := person.NewKey(person.NewSecret())
	if err != nil {
		b.Fatal(err)
	}
	s := New(Config{Log: events.NewLog(js, "privacy", nil), Store: events.NewStore(js), DB: db, Key: key,
		Keep: Keep{Uploads: 30 * day, Artifacts: 90 * day, Reports: 90 * day, Events: 730 * day}})
	timeLoads(b, s.cfg.Log, oldest, newest)
	table := jobs.New(jobs.Config{DB: db, Log: s.cfg.Log})
	report("rebuild", func() {
		if n, err := table.Rebuild(b.Context()); err != nil || n != *scaleJobs {
			b.Fatal(n, err)
		}
	})
	for _, what := range []string{"first-sweep", "sweep"} {
		report(what, func() {
			swept, err := s.Sweep(b.Context())
			if *scaleAge != "new" {
				swept.Objects, swept.Bytes = 0, 0 // of the job that the others are copies of
			}
			if err != nil || swept != (Swept{}) {
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

func timeLoads(b *testing.B, log *events.Log, oldest, newest string) {
	b.Helper()
	for what, id := range map[string]string{"oldest": oldest, "newest": newest} {
		const times = 100
		began := time.Now()
		for range times {
			if _, err := log.Load(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000/times, what+"-ms")
	}
}

// cpuTime is what this process has computed for, which others on the machine do not change.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func heapInUse() float64 {
	for range 3 { // what ends has pools, and finalizers
		runtime.GC()
	}
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

// copyOldJob stores jobs of which only events and progress are left, or their archives, as
// copies of one.
func copyOldJob(b *testing.B, srv *embedded.Server, n int) (oldest, newest string) {
	b.Helper()
	js := eventstest.Connect(b, srv, eventstest.Owner)
	_, oldest = makeEndedJobs(b, srv, 1)
	log := events.NewLog(js, "privacy", nil)
	job, err := log.Load(b.Context(), oldest)
	if err != nil {
		b.Fatal(err)
	}
	for _, bucket := range []string{events.BucketUploads, ""} { // after 30 and 90 days
		gone := &events.Erased{Reason: events.ErasedExpired, Status: job.Status}
		for _, a := range job.Artifacts() {
			if bucket == "" || a.Bucket == bucket {
				gone.Removed = append(gone.Removed, a)
			}
		}
		eventstest.Append(b, log, &job, gone)
	}
	progress := events.Progress{Service: events.StageReport, Step: events.ReportGeneration, Percent: 99,
		Message: "Writing the report", Status: events.StatusProcessing, Processed: 500, Total: 500, Trigger: job.Trigger}
	if err := log.SetProgress(b.Context(), &job, progress); err != nil {
		b.Fatal(err)
	}
	model := readAll(b, js, events.StreamFacts, oldest)
	if *scaleAge == "old" {
		model = append(model, readAll(b, js, events.StreamProgress, oldest)...)
	} else {
		if _, err := log.Archive(b.Context(), oldest, job.Seq); err != nil {
			b.Fatal(err)
		}
		model = readAll(b, js, events.StreamFacts, oldest)
		b.ReportMetric(float64(len(model[0].Data)), "archive-B")
	}
	end, err := events.ReadEnd(b.Context(), js, events.StreamFacts, "bulk.>")
	if err != nil {
		b.Fatal(err)
	}
	writer, err := jetstream.New(js.Conn(), jetstream.WithPublishAsyncMaxPending(2048))
	if err != nil {
		b.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = enc.Close() }() // of memory
	c := copier{b: b, js: writer, seq: end.Seq, was: oldest, enc: enc}
	for range n - 1 {
		newest = events.NewJobID()
		c.copy(model, newest)
	}
	<-writer.PublishAsyncComplete()
	if end, err = events.ReadEnd(b.Context(), js, events.StreamFacts, "bulk.>"); err != nil || end.Seq != c.seq {
		b.Fatal(end, c.seq, err)
	}
	return oldest, newest
}

func readAll(b *testing.B, js jetstream.JetStream, stream, id string) (list []*jetstream.RawStreamMsg) {
	b.Helper()
	for m, err := range events.Messages(b.Context(), js, stream, events.JobFilter(id), 1) {
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

// copier stores copies of a job. It is the only writer, so it knows each sequence.
type copier struct {
	b   *testing.B
	js  jetstream.JetStream
	seq uint64
	was string
	enc *zstd.Encoder
}

func (c *copier) copy(model []*jetstream.RawStreamMsg, id string) {
	c.b.Helper()
	last := uint64(0)
	for _, m := range model {
		renamed := func(s string) string { return strings.ReplaceAll(s, c.was, id) }
		msg := nats.NewMsg(renamed(m.Subject))
		msg.Data = []byte(renamed(string(m.Data)))
		if events.IsArchive(m) {
			doc, err := events.UnpackArchive(m.Data)
			if err != nil {
				c.b.Fatal(err)
			}
			msg.Data = c.enc.EncodeAll([]byte(renamed(string(doc))), m.Data[:1:1])
		}
		for name, values := range m.Header {
			if strings.HasPrefix(name, "ce-") || name == events.HeaderMsgID {
				msg.Header.Set(name, renamed(values[0]))
			}
		}
		if !strings.HasSuffix(m.Subject, string(events.KindProgress)) {
			c.seq++
			if !events.IsArchive(m) { // what it follows is not there
				msg.Header.Set(events.HeaderExpectedFilter, events.JobFilter(id))
				msg.Header.Set(events.HeaderExpectedSeq, strconv.FormatUint(last, 10))
			}
			last = c.seq
		}
		if _, err := c.js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute)); err != nil {
			c.b.Fatal(err)
		}
	}
}
