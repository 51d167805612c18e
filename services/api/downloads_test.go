package api_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/api"
	"rollcall.example/services/api/apitest"
)

// reported is a job of alice with a report that no client takes without reading.
func (r *rig) reported() (id string) {
	r.T.Helper()
	id = r.Upload("alice member")
	report := events.NewStore(eventstest.Connect(r.T, r.NATS, "report"))
	data := make([]byte, 24<<20)
	chaos := rand.NewChaCha8([32]byte{1})
	if _, err := chaos.Read(data); err != nil {
		r.T.Fatal(err)
	}
	artifact, err := report.Put(r.T.Context(), events.BucketReports, id+"/report.xlsx", bytes.NewReader(data))
	if err != nil {
		r.T.Fatal(err)
	}
	facts := eventstest.Facts(id)
	facts[3].(*events.Reported).Report = artifact
	r.Append(id, facts...)
	return id
}

// startDownload asks for a report and reads no more than the beginning of the answer.
func (r *rig) startDownload(token, id string) *apitest.Conn {
	r.T.Helper()
	c := r.Dial()
	c.Send(fmt.Sprintf("GET %s/report/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", api.Base, id, token))
	return c
}

func tooMany(t *testing.T, a apitest.Reply, of string, limit int) {
	t.Helper()
	after, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if a.Status != http.StatusTooManyRequests || a.Error.Code != "too_many_downloads" || err != nil || after < 1 ||
		a.Error.Details["of"] != of || a.Error.Details["limit"] != float64(limit) {
		t.Fatalf("%d %s %v", a.Status, a.Raw, a.Header)
	}
}

func TestAUserDownloadsSoManyFilesAtOnce(t *testing.T) {
	r := newRig(t, func(c *apitest.Config) { c.API.UserDownloads, c.API.Downloads = 2, 3 })
	id := r.reported()
	conns := []*apitest.Conn{r.startDownload("alice member", id), r.startDownload("alice member", id)}
	eventstest.Wait(t, "two downloads", func() bool {
		return r.Get("alice member", "/report/"+id+"?part=odd").Status == http.StatusTooManyRequests
	})
	tooMany(t, r.Get("alice member", "/report/"+id), "user", 2)
	tooMany(t, r.Get("alice member", "/report/"+id+"?part=rejects"), "user", 2)
	// Others are not kept waiting, until there are too many in all.
	if a := r.Get("bob national_admin", "/report/"+id+"?part=odd"); a.Status != http.StatusBadRequest {
		t.Fatalf("somebody else: %d %s", a.Status, a.Raw)
	}
	conns = append(conns, r.startDownload("bob national_admin", id))
	eventstest.Wait(t, "three downloads", func() bool {
		return r.Get("carol national_admin", "/report/"+id+"?part=odd").Status == http.StatusTooManyRequests
	})
	tooMany(t, r.Get("carol national_admin", "/report/"+id), "all", 3)
	for _, c := range conns {
		c.Hangup()
	}
	eventstest.Wait(t, "the end of the downloads", func() bool {
		return r.Get("alice member", "/report/"+id+"?part=odd").Status == http.StatusBadRequest &&
			r.Get("carol national_admin", "/report/"+id+"?part=odd").Status == http.StatusBadRequest
	})
}

// What is kept of a user's jobs is bounded, and told.
func TestAUserKeepsSoManyBytes(t *testing.T) {
	const limit = 64 << 20
	r := newRig(t, func(c *apitest.Config) { c.Upload.UserStorage = limit })
	stored := func() (used, most float64) {
		a := r.Get("alice member", "/rate-limit-status")
		storage, ok := a.Data["storage"].(map[string]any)
		if !ok {
			t.Fatalf("%d %s", a.Status, a.Raw)
		}
		return storage["used_bytes"].(float64), storage["limit_bytes"].(float64)
	}
	if used, most := stored(); used != 0 || most != limit {
		t.Fatalf("%v of %v bytes", used, most)
	}
	r.Project()
	id := r.reported()
	r.reported()
	eventstest.Wait(t, "both reports to be counted", func() bool {
		used, _ := stored()
		return used > 48<<20 && used < limit
	})
	r.Upload("alice member")
	r.reported()
	a := r.SendForm("alice member", "file", apitest.Roll(t))
	eventstest.Wait(t, "a refusal", func() bool {
		if a.Status == http.StatusAccepted { // the third report was not counted yet
			a = r.SendForm("alice member", "file", apitest.Roll(t))
		}
		return a.Status != http.StatusAccepted
	})
	if a.Status != http.StatusInsufficientStorage || a.Error.Code != "storage_quota_exceeded" ||
		a.Error.Details["limit_bytes"] != float64(limit) || !strings.Contains(a.Message, "64 MB") {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	r.Upload("bob member")
	// What is removed makes room.
	privacy := events.NewLog(eventstest.Connect(t, r.NATS, "privacy"), "privacy", nil)
	job, err := privacy.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	fact := &events.Erased{Reason: events.ErasedExpired, Status: job.Status,
		Removed: []events.Artifact{job.Reported.Report}}
	if _, err := privacy.Append(t.Context(), &job, job.Seq, fact); err != nil {
		t.Fatal(err)
	}
	eventstest.Wait(t, "room", func() bool {
		return r.SendForm("alice member", "file", apitest.Roll(t)).Status == http.StatusAccepted
	})
}
