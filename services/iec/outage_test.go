package iec

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
)

// front stands before the simulator and answers in its place where broken says so.
type front struct {
	broken atomic.Value // of func(id string) (status int, body string, ok bool)
	mu     sync.Mutex
	calls  map[string]int // that came here, by ID number
}

type breakage func(id string) (status int, body string, ok bool)

// putInFront makes the replicas that are started later ask through a front.
func putInFront(t *testing.T, r *rig, b breakage) *front {
	t.Helper()
	f := &front{calls: map[string]int{}}
	f.broken.Store(b)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		id := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
		if req.Method == http.MethodGet {
			f.mu.Lock()
			f.calls[id]++
			f.mu.Unlock()
			if status, body, ok := f.broken.Load().(breakage)(id); ok {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
				return
			}
		}
		r.sim.ServeHTTP(w, req)
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return f
}

func (f *front) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, calls := range f.calls {
		n += calls
	}
	return n
}

func (f *front) callsOf(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[id]
}

func (r *rig) usedCalls(t *testing.T) int {
	t.Helper()
	q, err := NewQuota(openBucket(t, r.nats, events.KVQuota), QuotaConfig{Limit: 10_000, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	st, err := q.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Used
}

func (r *rig) reasons(t *testing.T, job events.Job) map[string]int {
	t.Helper()
	store := events.NewStore(eventstest.Connect(t, r.nats, "persistence"))
	found := map[string]int{}
	for verdict, err := range records.Each[records.Verdict](t.Context(), store, job.Verified.Verdicts, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if verdict.Status == records.Unverified {
			found[verdict.Reason]++
		}
	}
	return found
}

// Whatever the API answers about a few people that is no answer, the others get their
// verdicts and the job goes on.
func TestAPersonWithoutAValidAnswerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	people := makeIDs(60)
	bad := map[string]int{people[0]: 500, people[30]: 200, people[59]: 502}
	r := newStage(t, sim.Config{})
	f := putInFront(t, r, func(id string) (int, string, bool) {
		return bad[id], "<html>proxy</html>", bad[id] != 0
	})
	r.addReplica(t, 10_000, withHourWindow)
	job := r.waitVerified(t, r.addJob(t, people, events.Options{}).ID)
	if got := r.reasons(t, job); len(got) != 1 || got[ReasonNoAnswer] != len(bad) {
		t.Errorf("unverified: %v", got)
	}
	if s := job.Verified.Stats; s.Unverified != len(bad) || s.Total != 60 {
		t.Errorf("%+v", s)
	}
	for id := range bad {
		if n := f.callsOf(id); n != 1+maxRetries+moreRounds {
			t.Errorf("asked %d times", n)
		}
	}
	list, err := r.log.Replay(t.Context(), job.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if p, ok := e.Fact.(*events.Paused); ok && (p.Reason != events.PauseNoAnswer || p.Processed != 57) {
			t.Errorf("paused %+v", p)
		}
	}
	if n := f.total() - len(people) - len(bad)*(maxRetries+moreRounds); n > moreRounds+1 {
		t.Errorf("%d calls to see whether the API works", n)
	}
}

// A job of which nobody is answered waits, and the jobs of others do not.
func TestAJobWithoutAnyAnswerHoldsNoOtherUp(t *testing.T) {
	t.Parallel()
	people := makeIDs(40)
	r := newStage(t, sim.Config{})
	putInFront(t, r, func(id string) (int, string, bool) { return 500, "", id == people[0] })
	r.addReplica(t, 10_000, withHourWindow)
	alone := r.addJob(t, people[:1], events.Options{})
	eventstest.Wait(t, "the first pause", func() bool {
		list, err := r.log.Replay(t.Context(), alone.ID, 0)
		return err == nil && len(list) > 2
	})
	others := r.addJob(t, people[1:], events.Options{})
	r.checkVerdicts(t, r.waitVerified(t, others.ID), people[1:])
	if got := r.reasons(t, r.waitVerified(t, alone.ID)); got[ReasonNoAnswer] != 1 {
		t.Errorf("unverified: %v", got)
	}
}

// An API that refuses everybody says nothing about anybody.
func TestTheSameRefusalForEverybodyIsAnOutage(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]struct {
		status int
		body   string
	}{
		"the contract has ended":       {403, `{"error":"forbidden"}`},
		"the page of a firewall":       {200, "<html>blocked</html>"},
		"a page that is not there":     {404, "<html>not found</html>"},
		"answers of another contract":  {200, `{"bRegistered":"yes","VoterStatus":7}`},
		"a redirect to another server": {302, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people := makeIDs(50)
			r := newStage(t, sim.Config{})
			f := putInFront(t, r, func(string) (int, string, bool) { return refusal.status, refusal.body, true })
			r.addReplica(t, 10_000, withHourWindow)
			job := r.addJob(t, people, events.Options{})
			paused := eventstest.WaitKind(t, r.log, job.ID, events.KindPaused)
			if paused.Paused.Reason != events.PauseRefused || paused.Paused.Processed != 0 {
				t.Errorf("%+v", paused.Paused)
			}
			if n := f.total(); n > 30 {
				t.Errorf("%d calls before the pause", n)
			}
			f.broken.Store(breakage(func(string) (int, string, bool) { return 0, "", false }))
			r.checkVerdicts(t, r.waitVerified(t, job.ID), people)
		})
	}
}

// While the API answers nobody, one call in each wait tries again, whatever waits.
func TestAnOutageSpendsOneCallATry(t *testing.T) {
	t.Parallel()
	r := newStage(t, sim.Config{})
	f := putInFront(t, r, func(string) (int, string, bool) { return 503, "", true })
	const wait = time.Second
	slow := func(c *Config) { withHourWindow(c); c.Outage = wait }
	r.addReplica(t, 10_000, slow)
	r.addReplica(t, 10_000, slow)
	const jobs = 6
	var list []events.Job
	for j := range jobs {
		people := make([]string, 40)
		for i := range people {
			people[i] = fmt.Sprintf("8001015%06d", j*1000+i)
		}
		list = append(list, r.addJob(t, people, events.Options{}))
	}
	for _, job := range list {
		eventstest.Wait(t, "a pause", func() bool {
			all, err := r.log.Replay(t.Context(), job.ID, 0)
			return err == nil && len(all) > 2
		})
	}
	first, began := f.total(), time.Now()
	if first > 80 {
		t.Errorf("%d calls until all of %d jobs waited", first, jobs)
	}
	eventstest.Wait(t, "some tries", func() bool { return f.total() >= first+3 })
	tries := int(time.Since(began)/wait) + 2 // the clocks of two replicas may differ by a moment
	if n := f.total() - first; n > tries {
		t.Errorf("%d calls in %d waits", n, tries)
	}
	f.broken.Store(breakage(func(string) (int, string, bool) { return 0, "", false }))
	for _, job := range list {
		r.waitVerified(t, job.ID)
	}
}

// A call that never reached the IEC is not counted.
func TestAnIECThatCannotBeReachedSpendsNothing(t *testing.T) {
	t.Parallel()
	r := newStage(t, sim.Config{})

	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	r.url = closed.URL
	r.addReplica(t, 10_000, withHourWindow, func(c *Config) {
		c.Outage = time.Hour
		c.Client.token.fetch = func(context.Context) (string, time.Duration, error) { return "t", time.Hour, nil }

	})
	job := r.addJob(t, makeIDs(50), events.Options{})
	if p := eventstest.WaitKind(t, r.log, job.ID, events.KindPaused).Paused; p.Reason != events.PauseUnavailable {
		t.Errorf("%+v", p)
	}
	eventstest.Wait(t, "nothing spent", func() bool { return r.usedCalls(t) == 0 })
}
