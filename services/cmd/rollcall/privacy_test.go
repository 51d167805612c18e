package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/jmoiron/sqlx"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/tealeg/xlsx/v3"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/sim"
)

// canary is part of every text about the people on the test's roll, and phone of their numbers.
const (
	canary = "Canary"
	phone  = "820001234"
)

// people are valid ID numbers, faults are invalid ones.
var (
	people  = []string{"8001015009087", "9001010001088", "8506155000084", "8001015009285"}
	refused = people[1] // by the database
	unlucky = people[2] // at the IEC
	faults  = []string{"8001015009086", "9913315000088", "80010150090871", "Canary 8001015009087"}
)

// canaryRoll returns a roll of the people, with faults and with a repeated row.
func canaryRoll(t *testing.T) []byte {
	t.Helper()
	file := xlsx.NewFile()
	sheet, err := file.AddSheet("Canary")
	if err != nil {
		t.Fatal(err)
	}
	add := func(cells ...string) {
		row := sheet.AddRow()
		for _, c := range cells {
			row.AddCell().SetString(c)
		}
	}
	add("ID Number", "Firstname", "Surname", "Cell Number", "Email", "Residential Address", "Gender", "Ward",
		"Date Joined", "Remark") // the name of a column that is not used is told, what it holds is not
	for i, id := range append(append([]string{}, people...), faults...) {
		add(id, canary, canary+"son", "0"+phone, "canary@example.org", "7 Canary Street", canary, fmt.Sprint("7980000", i),
			"Canary 31", canary)
	}
	add(people[0], canary+"again", canary, "not a number "+phone, "canary", "", "", "", "", "=Canary()")
	var b bytes.Buffer
	if err := file.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// replacePart returns an archive with one part changed.
func replacePart(t *testing.T, data []byte, name string, change func(string) string) []byte {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	zw := zip.NewWriter(&b)
	for _, f := range zr.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			t.Fatal(err)
		}
		if f.Name == name {
			body = []byte(change(string(body)))
		}
		w, err := zw.Create(f.Name)
		if err == nil {
			_, err = w.Write(body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// leakyIEC is an IEC whose failures quote the person that was asked about. tokens are the
// ones that it issued.
type leakyIEC struct {
	sim    http.Handler
	mu     sync.Mutex
	tokens []string
	calls  map[string]int
}

func (i *leakyIEC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.URL.Path == "/token" {
		answer := httptest.NewRecorder()
		i.sim.ServeHTTP(answer, r)
		var token struct {
			Text string `json:"access_token"`
		}
		if json.Unmarshal(answer.Body.Bytes(), &token) == nil && token.Text != "" {
			i.tokens = append(i.tokens, token.Text)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client may be gone
		return
	}
	if strings.HasSuffix(r.URL.Path, unlucky) {
		i.calls[unlucky]++
		w.Header().Set("X-Failed", unlucky)
		switch i.calls[unlucky] {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
			fallthrough
		case 2:
			_, _ = fmt.Fprintf(w, "{%q: cannot find Canary of %s", unlucky, unlucky)
			return
		case 3:
			http.Redirect(w, r, "/elsewhere/"+unlucky, http.StatusFound)
			return
		}
	}
	i.sim.ServeHTTP(w, r)
}

// leakCheck collects what everybody may read, and the secrets that must not be in it.
type leakCheck struct {
	t       *testing.T
	seen    map[string]string // by where it stands
	secrets []string
}

func (s *leakCheck) add(where, text string) { s.seen[where] += text + "\n" }

var personal = regexp.MustCompile(`(?i)\b[0-9]{13}\b|canary|` + phone)

// streamSetting is a setting of streams, an hour in nanoseconds, which has 13 digits, too.
var streamSetting = regexp.MustCompile(`duplicate_window[\\"]+:[0-9]+`)

func (s *leakCheck) check() {
	s.t.Helper()
	for where, text := range s.seen {
		for _, line := range strings.Split(text, "\n") {
			line = streamSetting.ReplaceAllString(line, "")
			if found := personal.FindString(line); found != "" {
				s.t.Errorf("%s has %q: %.300s", where, found, line)
			}
			for _, secret := range s.secrets {
				if strings.Contains(line, secret) {
					s.t.Errorf("%s has the secret %.8s...: %.300s", where, secret, line)
				}
			}
		}
	}
}

// A job meets every kind of failure, with debug logs. No log, error, metric, trace, subject,
// header or event names a person on the roll or holds a token.
func TestNothingPublicNamesAPerson(t *testing.T) {
	t.Parallel()
	handler, err := sim.New(sim.Config{Username: "rollcall", Password: "the password of the IEC"})
	if err != nil {
		t.Fatal(err)
	}
	iec := &leakyIEC{sim: handler, calls: map[string]int{}}
	iecServer := httptest.NewServer(iec)
	t.Cleanup(iecServer.Close)
	traces, tracesURL := startCollector(t)
	database := privateDatabase(t)
	natsAddr, metricsAddr := freeAddr(t), freeAddr(t)
	p := rollcall(t, []string{
		"ROLLCALL_IEC_USERNAME=rollcall", "ROLLCALL_IEC_PASSWORD=the password of the IEC",
		"ROLLCALL_IEC_CACHE_KEY=the key of the cache",
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + tracesURL,
	}, "--log-level", "debug", "up", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--jwt-secret", secret,
		"--database", database,
		"--nats-addr", natsAddr, "--nats-conf", confWithOwner(t), "--metrics-addr", metricsAddr, "--iec-url", iecServer.URL)
	p.waitHealthy()
	// The users have ID numbers for ids, as in some organisations.
	alice, eve := token(t, people[0], "member"), token(t, people[1], "member")
	s := &leakCheck{t: t, seen: map[string]string{},
		secrets: []string{secret, alice, eve, "the password of", "the key of the cache"}}
	for _, tok := range []string{alice, eve} {
		s.secrets = append(s.secrets, tok[strings.LastIndex(tok, ".")+1:])
	}
	refuseInDatabase(t, database)

	roll := canaryRoll(t)
	jobs := map[string]string{"good": s.upload(p, alice, people[0]+".xlsx", roll)}
	if jobs["broken"] = s.upload(p, alice, "b.xlsx",
		replacePart(t, roll, "xl/worksheets/sheet1.xml", func(sheet string) string {
			rows := "" // more than are looked at before an upload is accepted
			for n := 11; n < 3000; n++ {
				rows += fmt.Sprintf(`<row r="%d"><c r="A%d" t="str"><v>%s</v></c></row>`, n, n, canary)
			}
			return strings.Replace(sheet, "</sheetData>", rows+`<row r="9999"><c r="A9999" t="x">`+people[0]+`</b></sheetData>`,
				1)
		})); jobs["broken"] == "" {
		t.Fatalf("the broken roll was refused at once: %s", s.seen["answers"])
	}
	for name, data := range map[string]string{
		"no workbook": "PK\x03\x04" + canary + people[0], "a page": "<html>" + canary + people[0], "nothing": "",
		"no ID column":   "Canary," + people[0] + "\nCanary," + people[1] + "\n",
		"two ID columns": "ID Number,ID No,Remark\n" + people[0] + "," + people[1] + ",Canary\n",
		"no text":        "ID Number\n" + people[0] + "\x00\xff\xfe" + canary,
	} {
		if id := s.upload(p, alice, people[0]+".xlsx", []byte(data)); id != "" {
			jobs[name] = id
		}
	}
	s.sendBadRequests(p, alice, eve)
	end := func(id string) string {
		out, err := runCommand(t, "watch", id, "--server", p.url(), "--token", alice)
		s.add("watch", out)
		if err != nil {
			s.add("watch", err.Error())
		}
		return out
	}
	shown := end(jobs["good"])
	for name, id := range jobs {
		if name != "good" {
			end(id)
		}
		s.add("history", mustRun(t, "history", id, "--json", "--server", p.url(), "--token", alice))
		for _, path := range []string{"/status/" + id, "/history", "/stats", "/rate-limit-status"} {
			s.get(p, alice, "/api/v1/bulk-upload"+path)
		}
	}
	if !strings.Contains(shown, "completed") || !strings.Contains(s.seen["watch"], "failed") {
		t.Errorf("want one job that completes and one that fails:\n%s", s.seen["watch"])
	}
	// All failures have happened.
	status := mustRun(t, "history", jobs["good"], "--json", "--server", p.url(), "--token", alice)
	for _, want := range []string{`"errors":1`, `"invalid_ids":4`, `"duplicates":1`} {
		if !strings.Contains(status, want) {
			t.Errorf("the job has no %s: %s", want, status)
		}
	}
	// The rejects and the report name people: they are for those who may read them.
	file := filepath.Join(t.TempDir(), "rejects.xlsx")
	mustRun(t, "report", jobs["good"], "--rejects", "-o", file, "--server", p.url(), "--token", alice)
	book, err := xlsx.OpenFile(file)
	if err != nil || book.Sheets[0].MaxRow < len(faults) {
		t.Errorf("rejects: %+v, %v", book, err)
	}

	s.get(p, "", "/healthz")
	s.readMetrics(metricsAddr)
	s.readStreams(natsAddr)
	p.stop(syscall.SIGTERM)
	s.add("standard output", p.out.String())
	s.add("log", p.err.String())
	if n := strings.Count(p.err.String(), "level=DEBUG"); n == 0 {
		t.Error("nothing was logged at the level debug")
	}
	traces.mu.Lock()
	for _, one := range traces.spans {
		s.add("traces", fmt.Sprint(one.name, one.attributes))
	}
	traces.mu.Unlock()
	iec.mu.Lock()
	s.secrets = append(s.secrets, iec.tokens...)
	if len(iec.tokens) == 0 || iec.calls[unlucky] < 3 {
		t.Errorf("the IEC gave out %d tokens and failed %v", len(iec.tokens), iec.calls)
	}
	iec.mu.Unlock()
	for _, where := range []string{"watch", "history", "answers", "metrics", "NATS", "log", "traces"} {
		if len(s.seen[where]) < 100 {
			t.Errorf("%s: only %q was looked at", where, s.seen[where])
		}
	}
	s.check()
}

// refuseInDatabase makes the database refuse one of the people, with an error that quotes them.
func refuseInDatabase(t *testing.T, url string) {
	t.Helper()
	db, err := sqlx.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.id_number = '`+refused+`' THEN
    RAISE EXCEPTION 'Canary % is refused', NEW.id_number USING DETAIL = NEW.firstname;
  END IF;
  RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON members FOR EACH ROW EXECUTE FUNCTION refuse()`); err != nil {
		t.Fatal(err)
	}
}

// upload returns the id of the job, "" when the file was refused.
func (s *leakCheck) upload(p *program, token, name string, data []byte) string {
	s.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	w, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = w.Write(data)
	}
	if err := errors.Join(err, form.Close()); err != nil {
		s.t.Fatal(err)
	}
	return jobIDs.FindString(s.request(p, http.MethodPost, "/api/v1/bulk-upload/process", token,
		form.FormDataContentType(),
		&b))
}

func (s *leakCheck) get(p *program, token, path string) {
	s.t.Helper()
	s.request(p, http.MethodGet, path, token, "", nil)
}

// request makes a request and collects its answer.
func (s *leakCheck) request(p *program, method, path, token, contentType string, body io.Reader) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, p.url()+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // follows nothing
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.add("answers", fmt.Sprint(resp.StatusCode, resp.Header, string(text)))
	return string(text)
}

// sendBadRequests sends what people and programs send by mistake, or as an attack.
func (s *leakCheck) sendBadRequests(p *program, alice, eve string) {
	s.t.Helper()
	const api = "/api/v1/bulk-upload"
	for _, token := range []string{alice, eve, alice + "x", people[0], ""} {
		for _, path := range []string{"/status/" + people[0], "/report/" + people[0], "/history?status=" + people[0],
			"/history?page=" + people[0], "/" + people[0],
			"/webhooks/" + people[0] + "/deliveries", "/template?x=" + eve} {
			s.get(p, token, api+path)
		}
		s.request(p, http.MethodPost, api+"/cancel/"+people[0], token, "", nil)
		s.request(p, people[0], api+"/stats", token, "", nil)
		for _, form := range []string{"--b\r\nContent-Disposition: form-data; name=\"" + people[0] + canary,
			"--b\r\n" + people[0] + "\r\n\r\n" + canary,
			"--b\r\nContent-Disposition: form-data; name=\"dry_run\"\r\n\r\n" + people[0] + "\r\n--b--", canary} {
			s.request(p, http.MethodPost, api+"/process", token, "multipart/form-data; boundary=b", strings.NewReader(form))
		}
		s.request(p, http.MethodPost, api+"/webhooks", token, "application/json",
			strings.NewReader(`{"url":"`+people[0]+canary+`"}`))
		s.request(p, http.MethodPost, api+"/process?dry_run="+people[0], token, people[0], strings.NewReader(canary))
	}
	for _, path := range []string{"/ws?token=" + eve, "/socket.io/?EIO=4&transport=websocket&token=" + eve} {
		for _, text := range []string{`{"event":"authenticate","data":{"token":"` + alice + `x"}}`,
			`{"event":"` + people[0] + canary + `"}`, `{"` + canary,
			`{"event":"authenticate","data":{"token":"` + alice +
				`"}}`, `{"event":"subscribe_bulk_upload_job","data":{"job_id":"` + people[0] + `"}}`,
			`40{"token":"` + alice + `x"}`, `42["` + people[0] + canary + `"]`} {
			s.sendFrame(p.url()+path, text)
		}
	}
}

// sendFrame sends a frame on a new connection and reads until nothing more comes.
func (s *leakCheck) sendFrame(url, text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer ws.CloseNow()
	// Each frame is answered or closes the connection. An answered ping shows that the
	// server has handled everything sent before it.
	err = ws.Write(ctx, websocket.MessageText, []byte(text))
	if err == nil {
		go func() { // without which there is no pong
			var err error
			for err == nil {
				_, _, err = ws.Read(ctx)
			}
		}()
		_ = ws.Ping(ctx) // the connection may be closed
	}
}

func (s *leakCheck) readMetrics(addr string) {
	s.t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.add("metrics", string(text))
}

// confWithOwner writes a nats.conf with a user who may read all streams.
func confWithOwner(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, eventstest.WithOwner(embedded.Conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readStreams reads all stored subjects, headers and bodies, except the bodies of artifacts:
// rows belong there.
func (s *leakCheck) readStreams(addr string) {
	s.t.Helper()
	js, err := events.Connect(events.Connection{URL: "nats://" + addr, User: eventstest.Owner,
		Password: eventstest.Owner})
	if err != nil {
		s.t.Fatal(err)
	}
	defer js.Conn().Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		stream, err := js.Stream(ctx, name)
		if err != nil {
			s.t.Fatal(err)
		}
		state := stream.CachedInfo().State
		for seq := state.FirstSeq; seq <= state.LastSeq && state.Msgs > 0; seq++ {
			m, err := stream.GetMsg(ctx, seq)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				s.t.Fatalf("%s: %v", name, err)
			}
			s.add("NATS", fmt.Sprint(m.Subject, m.Header))
			if !strings.HasPrefix(m.Subject, "$O.") || !strings.Contains(m.Subject, ".C.") {
				s.add("NATS", string(m.Data))
			}
		}
	}
	if err := names.Err(); err != nil {
		s.t.Fatal(err)
	}
}
