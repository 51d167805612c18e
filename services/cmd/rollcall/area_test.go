package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/records"
	"rollcall.example/gateway"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/frames"
	"rollcall.example/services/api"
	"rollcall.example/services/workbook"
)

// uploadIn begins a job of an area, as intake does for whoever works there.
func (p *pipeline) uploadIn(owner string, area events.Area, roll string, options events.Options) events.Job {
	p.t.Helper()
	id := events.NewJobID()
	file, err := p.store("upload").Put(p.t.Context(), events.BucketUploads, id+"/upload.csv", strings.NewReader(roll))
	if err != nil {
		p.t.Fatal(err)
	}
	return p.begin(&events.Uploaded{Owner: events.User{ID: owner, Role: "member"}, FileName: "roll.csv", File: file,
		Area: &area, Options: options}, id)
}

func (p *pipeline) begin(fact *events.Uploaded, id string) (job events.Job) {
	p.t.Helper()
	fact.JobID = id
	if _, err := p.log.Append(p.t.Context(), &job, 0, fact); err != nil {
		p.t.Fatal(err)
	}
	return job
}

// fetch returns all that the API answers, each text of a workbook by itself.
func (p *pipeline) fetch(path string, headers ...string) string {
	p.t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.url+api.Base+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %s, %v", path, resp.StatusCode, data, err)
	}
	if !bytes.HasPrefix(data, []byte("PK")) {
		return string(data)
	}
	book, err := workbook.Open(p.t.Context(), bytes.NewReader(data), int64(len(data)), workbook.StoredBudget())
	if err != nil {
		p.t.Fatal(err)
	}
	defer book.Close()
	var all strings.Builder
	for _, sheet := range book.Sheets {
		for row, err := range sheet.Rows() {
			if err != nil {
				p.t.Fatal(err)
			}
			for _, c := range row.Cells {
				all.WriteString(c.Text + "\n")
			}
		}
	}
	return all.String()
}

// A ward's administrator learns of members elsewhere that their rows wait, and
// nothing else, wherever she looks.
func TestNothingIsShownOfMembersOfAnotherArea(t *testing.T) {
	t.Parallel()
	const header = "ID Number,Firstname,Surname,Ward,Residential Address\n"
	p := newPipeline(t)
	p.start()
	first := p.uploadIn("root", events.Country(), strings.TrimSpace(header)+",Title,Full Name,Date of Birth,District\n"+
		rollIDs[0]+",Secretname,Secretsurname,19100001,1 Hidden Road,Secrettitle,Secret Names,1971-02-03,Secretplace\n",
		events.Options{})
	p.waitForEnd(first.ID, events.KindReported)
	stored := p.dumpDatabase()
	live := p.serveLive()

	ward := events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}
	roll := header + rollIDs[0] + ",Some,Mine,79800001,\n" + rollIDs[1] + ",Some,Mine,79800001,\n" +
		rollIDs[2] + ",Some,Mine,79800002,\n8001015009285,Some,Mine,,\n"
	for _, dry := range []bool{true, false} {
		job := p.waitForEnd(p.uploadIn("alice", ward, roll, events.Options{DryRun: dry}).ID, events.KindReported)
		if got := job.Reported; got.Database.Transfers != 1 || got.Database.Inserts != 1 || got.Database.Total != 2 ||
			got.Validation.OutOfArea != 2 || got.Validation.ExistingMembers != 0 {
			t.Errorf("%+v %+v", got.Validation, got.Database)
		}
		var verdict records.Verdict
		for v, err := range records.Each[records.Verdict](t.Context(), p.store("report"), job.Verified.Verdicts, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if v.N == 2 {
				verdict = *v
			}
		}
		if job.Persisted.IEC == nil || job.Persisted.IEC.Total != 1 {
			t.Errorf("counts of the IEC: %+v", job.Persisted.IEC)
		}
		secrets := []string{"Secret", "Hidden", "19100001", "1971-02-03", first.ID}
		if verdict.VD != "" {
			secrets = append(secrets, verdict.VD)
		}
		facts, err := json.Marshal(job.Reported) // what a webhook and the last frame are made of
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]string{"fact": string(facts)}
		paths := []string{"/status/" + job.ID, "/history", "/report/" + job.ID, "/report/" + job.ID + "?part=rejects"}
		for n := 2; n <= 5; n++ {
			paths = append(paths, fmt.Sprintf("/jobs/%s/rows/%d", job.ID, n))
		}
		for _, path := range paths {
			seen[path] = p.fetch(path)
		}
		maps.Copy(seen, rowLists(p, job.ID))
		seen["frames"] = readFrames(t, live+"/ws", p.token,
			`{"event":"subscribe_bulk_upload_job","data":{"job_id":"`+job.ID+`"}}`)
		seen["packets"] = readFrames(t, live+"/socket.io/?EIO=4&transport=websocket", "",
			`40{"token":"`+p.token+`"}`, `42["subscribe_bulk_upload_job","`+job.ID+`"]`)
		for path, text := range seen {
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s shows %q", path, secret)
				}
			}
		}
		if text := seen[paths[4]]; !strings.Contains(text, `"result":"transfer"`) {
			t.Errorf("the passport says %s", text)
		}
		list := seen["/jobs/"+job.ID+"/rows"]
		if !strings.Contains(list, `"row":2,"status":"transfer","statuses":["valid","transfer"]`) {
			t.Errorf("the list says %s", list)
		}
	}
	if now := p.dumpDatabase(); !strings.Contains(now, strings.Split(stored, "\n")[0]) {
		t.Error("what was stored of the member has changed")
	}
}

// serveLive starts a gateway and returns its URL.
func (p *pipeline) serveLive() string {
	p.t.Helper()
	v, err := auth.New(p.t.Context(), auth.Config{Secret: secret})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(v.Close)
	g, err := gateway.New(gateway.Config{JetStream: eventstest.Connect(p.t, p.nats, "gateway"), Verifier: v})
	if err != nil {
		p.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", g)
	mux.HandleFunc("/socket.io/", g.ServeSocketIO)
	srv := httptest.NewServer(mux)
	p.t.Cleanup(srv.Close)
	p.runInBackground("gateway", g.Run)
	eventstest.Wait(p.t, "the gateway", func() bool { return g.Ready() == nil })
	return srv.URL
}

// readFrames sends frames on a new connection and returns all that comes, up to the fact
// that a job is done.
func readFrames(t *testing.T, url, token string, sent ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for _, f := range sent {
		if err := ws.Write(ctx, websocket.MessageText, []byte(f)); err != nil {
			t.Fatal(err)
		}
	}
	var all strings.Builder
	for !strings.Contains(all.String(), frames.EventComplete) {
		_, text, err := ws.Read(ctx)
		if err != nil {
			t.Fatalf("%v after %s", err, all.String())
		}
		all.Write(text)
	}
	return all.String()
}

// Somebody whose area covers both takes the waiting rows over. Twice is harmless.
func TestWaitingRowsAreTakenOver(t *testing.T) {
	t.Parallel()
	const header = "ID Number,Firstname,Ward\n"
	p := newPipeline(t)
	p.start()
	p.waitForEnd(p.uploadIn("root", events.Country(), header+rollIDs[0]+",Old,19100001\n", events.Options{}).ID,
		events.KindReported)
	ward := events.Area{Level: events.AreaWard, Codes: []string{"79800001"}}
	roll := header + rollIDs[1] + ",New,79800001\n" + rollIDs[0] + ",New,79800001\n"
	job := p.waitForEnd(p.uploadIn("alice", ward, roll, events.Options{}).ID, events.KindReported)
	take := func(area events.Area) *events.Reported {
		fact := &events.Uploaded{Owner: events.User{ID: "olga", Role: "member"}, FileName: "Waiting rows", Area: &area,
			File: job.Uploaded.File, Options: events.Options{Completes: job.ID}}
		return p.waitForEnd(p.begin(fact, events.NewJobID()).ID, events.KindReported).Reported
	}
	elsewhere := take(events.Area{Level: events.AreaWard, Codes: []string{"19100001"}})
	if elsewhere.Validation.OutOfArea != 1 || elsewhere.Database.Total != 0 {
		t.Errorf("%+v %+v", elsewhere.Validation, elsewhere.Database)
	}
	if again := take(ward); again.Database != (events.DatabaseStats{Total: 1, Transfers: 1}) {
		t.Errorf("%+v", again.Database)
	}
	if got := take(events.Country()); got.Database != (events.DatabaseStats{Total: 1, Updates: 1}) ||
		got.Validation.TotalRecords != 1 {
		t.Errorf("%+v %+v", got.Validation, got.Database)
	}
	if got := take(events.Country()); got.Database != (events.DatabaseStats{Total: 1, Unchanged: 1}) {
		t.Errorf("the second time: %+v", got.Database)
	}
}
