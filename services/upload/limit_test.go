package upload

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"rollcall.example/events/eventstest"
)

// limited demands the refusal of a user who has reached a limit of their own.
func limited(t *testing.T, a reply, of string, limit int, from, to time.Duration) {
	t.Helper()
	after, err := strconv.Atoi(a.header.Get("Retry-After"))
	if a.status != http.StatusTooManyRequests || a.Error.Code != "too_many_uploads" || err != nil ||
		a.Error.Details["of"] != of || a.Error.Details["limit"] != float64(limit) {
		t.Fatalf("%d %s %v", a.status, a.raw, a.header)
	}
	if wait := time.Duration(after) * time.Second; wait < from || wait > to {
		t.Errorf("Retry-After is %s, want %s to %s", wait, from, to)
	}
}

func TestAUserUploadsSoManyFilesAnHour(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(c *Config) {
		c.UserUploads = 2
		c.Now = func() time.Time { return now }
	})
	for range 2 {
		id := r.uploaded("alice member")
		if a := r.post("alice member", "/cancel/"+id); a.status != 200 { // what has ended counts as well
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	limited(t, r.upload("alice member", "file", goodRoll(t)), "uploads_per_hour", 2, 50*time.Minute, time.Hour+time.Second)
	r.uploaded("bob member")
	now = now.Add(time.Hour + time.Minute)
	r.uploaded("alice member")
}

func TestAUserHasSoManyJobsUnderWay(t *testing.T) {
	r := newRig(t, func(c *Config) { c.UserJobs = 1 })
	id := r.uploaded("alice member")
	limited(t, r.upload("alice member", "file", goodRoll(t)), "jobs", 1, time.Second, 5*time.Minute)
	if a := r.post("alice member", "/cancel/"+id); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	r.uploaded("alice member")
}

// Two replicas with one database and one log are as strict as one, also where
// all files arrive at the same moment.
func TestTheLimitHoldsAcrossReplicas(t *testing.T) {
	const limit, tries = 3, 8
	var cfg Config
	r := newRig(t, func(c *Config) {
		c.UserUploads, c.MaxUploads, c.UserTransfers = limit, tries, tries
		cfg = *c
	})
	other := *r
	other.svc, other.url = New(cfg), ""
	other.serve()
	files := make([]string, tries)
	for i := range files {
		files[i] = goodRoll(t)
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	answers := make([]reply, tries)
	for i := range tries {
		one := []*rig{r, &other}[i%2]
		wg.Go(func() {
			<-start
			answers[i] = one.upload("alice member", "file", files[i])
		})
	}
	close(start)
	wg.Wait()
	count := map[int]int{}
	for _, a := range answers {
		count[a.status]++
	}
	if count[http.StatusAccepted] != limit || count[http.StatusTooManyRequests] != tries-limit {
		t.Errorf("answers by status: %v", count)
	}
}

func TestAUserSendsSoManyFilesAtOnce(t *testing.T) {
	r := newRig(t, func(c *Config) { c.UserTransfers = 2 })
	conns := []*raw{r.begin("alice"), r.begin("alice")}
	eventstest.Wait(t, "two transfers", func() bool {
		r.svc.mu.Lock()
		defer r.svc.mu.Unlock()
		return r.svc.transfers["alice"] == 2
	})
	limited(t, r.upload("alice member", "file", goodRoll(t)), "transfers", 2, time.Second, time.Minute)
	r.uploaded("bob member")
	for _, c := range conns {
		c.close()
	}
	eventstest.Wait(t, "the end of the transfers", func() bool {
		r.svc.mu.Lock()
		defer r.svc.mu.Unlock()
		return len(r.svc.transfers) == 0
	})
	r.uploaded("alice member")
}

// begin is an upload of which only the beginning comes.
func (r *rig) begin(user string) *raw {
	r.t.Helper()
	c := r.dial()
	c.send(fmt.Sprintf("POST %s/process HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s member\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\n", Base, user))
	return c
}
