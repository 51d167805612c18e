package upload_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"rollcall.example/events/eventstest"
	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
)

// limited fails the test unless the answer refuses a user who has reached a limit.
func limited(t *testing.T, a apitest.Reply, of string, limit int, from, to time.Duration) {
	t.Helper()
	after, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if a.Status != http.StatusTooManyRequests || a.Error.Code != "too_many_uploads" || err != nil ||
		a.Error.Details["of"] != of || a.Error.Details["limit"] != float64(limit) {
		t.Fatalf("%d %s %v", a.Status, a.Raw, a.Header)
	}
	if wait := time.Duration(after) * time.Second; wait < from || wait > to {
		t.Errorf("Retry-After is %s, want %s to %s", wait, from, to)
	}
}

func TestAUserUploadsSoManyFilesAnHour(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(c *apitest.Config) {
		c.Upload.UserUploads = 2
		c.Upload.Now = func() time.Time { return now }
	})
	for range 2 {
		id := r.Upload("alice member")
		if a := r.Post("alice member", "/cancel/"+id); a.Status != 200 { // jobs that have ended count as well
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
	}
	a := r.SendForm("alice member", "file", apitest.Roll(t))
	limited(t, a, "uploads_per_hour", 2, 50*time.Minute, time.Hour+time.Second)
	r.Upload("bob member")
	now = now.Add(time.Hour + time.Minute)
	r.Upload("alice member")
}

func TestAUserHasSoManyJobsUnderWay(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) { c.Upload.UserJobs = 1 })
	id := r.Upload("alice member")
	limited(t, r.SendForm("alice member", "file", apitest.Roll(t)), "jobs", 1, time.Second, 5*time.Minute)
	if a := r.Post("alice member", "/cancel/"+id); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	r.Upload("alice member")
}

// Two replicas with one database and one log are as strict as one, also when all
// files arrive at the same moment.
func TestTheLimitHoldsAcrossReplicas(t *testing.T) {
	const limit, tries = 3, 8
	r := newRig(t, func(c *apitest.Config) {
		c.Upload.UserUploads, c.Upload.MaxUploads, c.Upload.UserTransfers = limit, tries, tries
	})
	other := &rig{r.Replica()}
	files := make([]string, tries)
	for i := range files {
		files[i] = apitest.Roll(t)
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	answers := make([]apitest.Reply, tries)
	for i := range tries {
		one := []*rig{r, other}[i%2]
		wg.Go(func() {
			<-start
			answers[i] = one.SendForm("alice member", "file", files[i])
		})
	}
	close(start)
	wg.Wait()
	count := map[int]int{}
	for _, a := range answers {
		count[a.Status]++
	}
	if count[http.StatusAccepted] != limit || count[http.StatusTooManyRequests] != tries-limit {
		t.Errorf("answers by status: %v", count)
	}
}

func TestAUserSendsSoManyFilesAtOnce(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) { c.Upload.UserTransfers = 2 })
	conns := []*apitest.Conn{r.begin("alice"), r.begin("alice")}
	eventstest.Wait(t, "two transfers", func() bool {
		return r.Intake.Transfers()["alice"] == 2
	})
	limited(t, r.SendForm("alice member", "file", apitest.Roll(t)), "transfers", 2, time.Second, time.Minute)
	r.Upload("bob member")
	for _, c := range conns {
		c.Hangup()
	}
	eventstest.Wait(t, "the end of the transfers", func() bool {
		return len(r.Intake.Transfers()) == 0
	})
	r.Upload("alice member")
}

// begin sends only the beginning of an upload.
func (r *rig) begin(user string) *apitest.Conn {
	r.T.Helper()
	c := r.Dial()
	c.Send(fmt.Sprintf("POST %s/process HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s member\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\n", api.Base, user))
	return c
}
