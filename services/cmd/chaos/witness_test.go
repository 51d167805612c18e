package chaos

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/refusal"
	"rollcall.example/gateway/client"
	"rollcall.example/services/postgres"
)

// witness remembers everything that was acknowledged to clients: accepted uploads,
// frames with a sequence, and reports.
type witness struct {
	t       *testing.T
	reports string // folder of the downloads
	order   *order
	// approver lets jobs write that change many members.
	approver *user
	// reader reads the status of each job meanwhile; nil is the job's own user.
	reader *user
	atOnce int           // jobs of a user that are under way
	pause  time.Duration // of a user between two uploads
	behind atomic.Int64  // subscriptions that a server refused, as it did not know the job yet

	mu     sync.Mutex
	jobs   []*job
	frames map[uint64]witnessed
	sums   map[string][]byte // of the reports, by job
	// changes are the accepted cancels and retries, by job.
	changes map[string][]change
}

// witnessed is a frame, and the job of whose room it came.
type witnessed struct {
	job   string
	frame client.Frame
}

func newWitness(t *testing.T) *witness {
	return &witness{t: t, reports: t.TempDir(), order: newOrder(), atOnce: 4, frames: map[uint64]witnessed{},
		sums: map[string][]byte{}, changes: map[string][]change{}}
}

// uploadUntil uploads one file after the other until stop is closed, and follows each job
// to its end. It has a few jobs under way.
func (w *witness) uploadUntil(ctx context.Context, stop <-chan struct{}, u *user, files <-chan *file) {
	var following sync.WaitGroup
	defer following.Wait()
	underWay := make(chan struct{}, w.atOnce)
	for n := 0; ; n++ {
		var f *file
		select {
		case <-stop:
			return
		case f = <-files:
			underWay <- struct{}{}
		}
		sleepUntil(ctx, time.Now().Add(w.pause))
		id, err := u.upload(ctx, f)
		if err != nil {
			w.t.Errorf("upload %s: %v", f.name, err)
			return
		}
		w.mu.Lock()
		w.jobs = append(w.jobs, &job{id: id, file: f, user: u})
		w.mu.Unlock()
		following.Go(func() {
			defer func() { <-underWay }()
			if n%6 == 5 && !f.broken {
				following.Go(func() {
					w.noteChanges(id, w.order.cancelAndRetry(ctx, u, id)...)
				})
			}
			reading, ended := context.WithCancel(ctx)
			defer ended()
			following.Go(func() { w.order.readUntil(reading, cmp.Or(w.reader, u), id) })
			w.follow(ctx, u, id, f, u.gateways[n%len(u.gateways)])
			if f.dry || n%5 == 4 && !f.broken {
				w.derive(ctx, u, id, f)
			}
		})
	}
}

func (w *witness) noteChanges(id string, done ...change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes[id] = append(w.changes[id], done...)
}

// derive commits a dry run, or undoes another job, and follows the job that this makes.
func (w *witness) derive(ctx context.Context, u *user, of string, f *file) {
	id, made := events.UndoJobID(of), &file{name: "undo of " + f.name, undoes: of}
	begin := (*client.Client).Undo
	if f.dry {
		committed := *f
		committed.name, committed.dry = "commit of "+f.name, false
		id, made, begin = events.CommitJobID(of), &committed, (*client.Client).Commit
	}
	reading, ended := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer ended()
	looking.Go(func() { w.order.lookUntil(reading, cmp.Or(w.reader, u), id) })
	if err := w.order.begin(ctx, u, of, id, begin); err != nil {
		w.t.Errorf("%s: %v", made.name, err)
		return
	}
	w.mu.Lock()
	w.jobs = append(w.jobs, &job{id: id, file: made, user: u})
	w.mu.Unlock()
	looking.Go(func() { w.order.readUntil(reading, cmp.Or(w.reader, u), id) })
	w.follow(ctx, u, id, made, u.gateways[0])
}

// uploadOne uploads a file and waits until its job has ended.
func (w *witness) uploadOne(ctx context.Context, u *user, f *file) {
	w.t.Helper()
	files, stop := make(chan *file), make(chan struct{})
	go func() { files <- f; close(stop) }()
	w.uploadUntil(ctx, stop, u, files)
}

// maxBehind is the longest that a server may not know yet of an upload that was accepted.
const maxBehind = 30 * time.Second

// follow follows a job to its end and downloads its report. A server that is cut off, or has
// to catch up, may not know the job yet. Then follow asks again.
func (w *witness) follow(ctx context.Context, u *user, id string, f *file, gateway string) {
	accepted := time.Now()
	err := u.watch(ctx, id, gateway, func(f client.Frame) { w.see(id, f) })
	for isUnknown(err) && time.Since(accepted) < maxBehind {
		w.behind.Add(1)
		sleepUntil(ctx, time.Now().Add(retryDelay))
		err = u.watch(ctx, id, gateway, func(f client.Frame) { w.see(id, f) })
	}
	if err != nil {
		w.t.Errorf("follow %s: %v", id, err)
		return
	}
	if f.broken {
		return
	}
	sum, err := w.download(ctx, u, id)
	if err != nil {
		w.t.Errorf("report of %s: %v", id, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sums[id] = sum
}

func isUnknown(err error) bool {
	e, ok := errors.AsType[*refusal.Error](err)
	return ok && e.Code == refusal.CodeNotFound
}

// see notes a frame. Another one with its sequence would be a fact that was replaced.
func (w *witness) see(id string, f client.Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order.note(id, saw{}, w.order.now(), f.Seq) // when it came, at the latest
	if before, ok := w.frames[f.Seq]; ok && (before.job != id || !same(before.frame, f)) {
		w.t.Errorf("event %d was %s of %s, and is %s of %s", f.Seq, before.frame.Event, before.job, f.Event, id)
	}
	w.frames[f.Seq] = witnessed{id, f}
}

func same(a, b client.Frame) bool { return a.Event == b.Event && bytes.Equal(a.Data, b.Data) }

func (w *witness) download(ctx context.Context, u *user, id string) ([]byte, error) {
	path := filepath.Join(w.reports, id+".xlsx")
	err := u.tryReplicas(ctx, func(c *client.Client) error { return c.Save(ctx, id, client.Report, path) })
	if err != nil {
		return nil, err
	}
	sum, err := sumOf(path)
	return sum, err
}

// steer retries what has failed because of a fault, until ctx ends.
func (w *witness) steer(ctx context.Context, u *user) (retries int) {
	for ctx.Err() == nil {
		sleepUntil(ctx, time.Now().Add(time.Second))
		page, err := u.uploads[0].Jobs(ctx, client.JobQuery{Status: events.StatusFailed})
		if err != nil {
			continue // the next time
		}
		for _, j := range page.Jobs {
			if w.isBroken(j.JobID) {
				continue
			}
			if _, err := u.uploads[0].Retry(ctx, j.JobID); err == nil {
				retries++
			}
		}
		w.approve(ctx)
	}
	return retries
}

// approve approves the jobs that wait for it.
func (w *witness) approve(ctx context.Context) {
	c := w.approver.uploads[len(w.approver.uploads)-1]
	page, err := c.Jobs(ctx, client.JobQuery{Status: events.StatusAwaiting})
	if err != nil {
		return // the next time
	}
	for _, j := range page.Jobs {
		called := w.order.now()
		if _, err := c.Approve(ctx, j.JobID, ""); err == nil {
			w.noteChanges(j.JobID, change{events.KindApproved, called, w.order.now()})
		}
	}
}

func (w *witness) isBroken(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.jobs, func(j *job) bool { return j.id == id && j.file.broken })
}

// commits is what the ledger is ordered by.
func (w *witness) commits() string {
	if w.atOnce == 1 {
		return orderOfTransactions
	}
	return orderOfCommits
}

// kept has the figures of what was acknowledged, and is there.
type kept struct {
	jobs, frames, reports, members int
	operations                     int      // recorded for the model
	disordered                     []string // jobs whose operations the model refuses
	stale                          int      // reads that said that the job may have come further
}

// check checks that everything acknowledged is there, and that members, ledger and
// stream agree. All jobs must have ended.
func (w *witness) check(s *site, u *user) (k kept) {
	t := w.t
	t.Helper()
	js := s.connect("operator")
	log := events.NewLog(js, "", nil)
	accepted := map[string]bool{}
	for _, j := range w.jobs {
		accepted[j.id] = true
		k.jobs++
		k.frames += w.checkFrames(log, u, j)
		if sum := w.sums[j.id]; sum != nil {
			k.reports++
			if again, err := w.download(t.Context(), u, j.id); err != nil || !bytes.Equal(sum, again) {
				t.Errorf("the report of %s is another one, %v", j.id, err)
			}
		}
	}
	checkGapless(t, js)
	if n := w.behind.Load(); n > 0 && len(s.nats) == 1 {
		t.Errorf("the only server did not know an accepted upload, %d times", n)
	}
	uploaded := 0
	for m, err := range events.Messages(t.Context(), js, events.StreamFacts, "bulk.*.uploaded", 1) {
		if err != nil {
			t.Fatal(err)
		}
		if uploaded++; !accepted[strings.Split(m.Subject, ".")[1]] {
			t.Errorf("%s is in the stream, and no upload was answered with it", m.Subject)
		}
	}
	if uploaded != len(w.jobs) {
		t.Errorf("%d uploads in the stream, %d accepted", uploaded, len(w.jobs))
	}
	eventstest.CheckSchemas(t, s.connect("operator"))
	db, err := postgres.Open(t.Context(), s.databaseFromHere)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // only read from
	if k.operations, k.disordered = w.order.check(t); len(k.disordered) > 0 {
		t.Errorf("reads and changes have no order: %v", k.disordered)
	}
	k.stale = w.order.stale
	k.members = checkMembers(t, db, log, w.jobs, w.commits())
	checkProjection(t, db, log, w.jobs)
	return k
}

// checkFrames compares what clients saw of a job with its history. It returns the number
// of frames that they saw.
func (w *witness) checkFrames(log *events.Log, u *user, j *job) (seen int) {
	t := w.t
	t.Helper()
	list, err := log.Replay(t.Context(), j.id, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[events.Kind]int{}
	for _, e := range list {
		kinds[e.Kind]++
	}
	for _, kind := range []events.Kind{events.KindUploaded, events.KindValidated, events.KindVerified,
		events.KindPersisted, events.KindReported} {
		if kinds[kind] > 1 || kinds[kind] < 1 && !j.file.broken {
			t.Errorf("%s, %s: %d events %s", j.id, j.file.name, kinds[kind], kind)
		}
	}
	c, err := client.New(client.Config{URL: u.gateways[0], Token: u.token, HTTPClient: &http.Client{Transport: u.via}})
	if err != nil {
		t.Fatal(err)
	}
	w.order.noteChanges(j.id, w.changes[j.id], list)
	now := map[uint64]client.Frame{}
	for f, err := range c.History(t.Context(), j.id) {
		if err != nil {
			t.Fatal(err)
		}
		now[f.Seq] = f
	}
	if len(now) != len(list) {
		t.Errorf("%s has %d events, its history %d frames", j.id, len(list), len(now))
	}
	for seq, before := range w.frames {
		if before.job != j.id {
			continue
		}
		seen++
		if f, ok := now[seq]; !ok || !same(before.frame, f) {
			t.Errorf("event %d of %s, %s, is lost or another one: %s %s", seq, j.id, before.frame.Event, f.Event, f.Data)
		}
	}
	return seen
}

// checkGapless checks that no sequence of the facts is missing.
func checkGapless(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	stream, err := js.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	state := stream.CachedInfo().State
	if state.FirstSeq > 1 || state.NumDeleted > 0 || state.Msgs != state.LastSeq {
		t.Errorf("facts %d to %d, %d of them, %d deleted", state.FirstSeq, state.LastSeq, state.Msgs, state.NumDeleted)
	}
}

func sumOf(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	sum := sha256.Sum256(text)
	return sum[:], err
}

func (k kept) String() string {
	return fmt.Sprintf("%d jobs, %d frames, %d reports, %d members kept; "+
		"%d operations in an order that the model allows, but for %d jobs; %d reads that said that they may be stale",
		k.jobs, k.frames, k.reports, k.members, k.operations, len(k.disordered), k.stale)
}
