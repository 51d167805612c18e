package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.example/events"
	"rollcall.example/gateway/auth"
	"rollcall.example/services/api"
	"rollcall.example/services/openapitest"
)

// accessRow is a line of the table in docs/access.md.
type accessRow struct {
	operation, needs string
	cells            map[string]string // by role
}

// readAccessTable reads the table whose first column is operation.
func readAccessTable(t *testing.T) (roles []string, rows []accessRow) {
	t.Helper()
	page, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "| operation | needs | ")
	if !ok {
		t.Fatal("docs/access.md has no table of operations")
	}
	cells := func(line string) (list []string) {
		for cell := range strings.SplitSeq(strings.Trim(line, "| "), "|") {
			list = append(list, strings.Trim(cell, " `"))
		}
		return list
	}
	lines := strings.Split(table, "\n")
	roles = cells(lines[0])
	for _, line := range lines[2:] {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		list := cells(line)
		row := accessRow{operation: list[0], needs: list[1], cells: map[string]string{}}
		for i, role := range roles {
			row.cells[role] = list[i+2]
		}
		rows = append(rows, row)
	}
	return roles, rows
}

// TestAccessTable makes every request of the table in docs/access.md as every role, and
// as one that nobody knows: for a job of one's own, for one of another person inside of
// one's area, and for one outside.
func TestAccessTable(t *testing.T) {
	roles, rows := readAccessTable(t)
	checkTableIsWhole(t, rows)
	s := newAccessSite(t)
	sees := map[string]string{}
	for _, row := range rows {
		if row.operation == "GET /status/{jobId}" {
			sees = row.cells
		}
	}
	for _, row := range rows {
		for _, role := range append(slices.Clone(roles), "unheard_of") {
			cell, ok := row.cells[role]
			if !ok {
				cell = "–"
			}
			if row.needs == "no token" || row.needs == "a token" { // of whichever role
				cell = "yes"
			}
			for _, whose := range []string{"own", "inside", "outside"} {
				if !strings.Contains(row.operation, "Id}") && !strings.Contains(row.operation, "subscribe_") && whose != "own" {
					continue // it is about no job
				}
				want := expectedAccess(row.operation, cell, sees[role], role, whose)
				if got := s.try(row.operation, role, whose); got != want {
					t.Errorf("%s as %s, %s: %s, and the table says %s", row.operation, role, whose, got, want)
				}
			}
		}
	}
}

// expectedAccess is what the table says: allowed, forbidden or hidden.
func expectedAccess(operation, cell, sees, role, whose string) string {
	everywhere := role == "national_admin" || role == "super_admin"
	switch {
	case operation == "/ws: unsubscribe_bulk_upload_job", operation == "Socket.IO: unsubscribe_bulk_upload_job":
		// It ends the connection's own subscription, and tells nothing.
		if cell == "yes" {
			return "allowed"
		}
		return "forbidden"
	case cell == "yes", strings.Contains(cell, "own") && whose == "own":
		return "allowed"
	case strings.Contains(cell, "others") && (whose == "inside" || whose == "outside" && everywhere):
		return "allowed"
	case whose == "own":
		return "forbidden"
	case strings.Contains(operation, "{uploadId}"), strings.Contains(operation, "{webhookId}"),
		strings.Contains(operation, "{caseId}"):
		if cell == "own" {
			return "hidden"
		}
		return "forbidden"
	case strings.HasPrefix(operation, "/ws"), strings.HasPrefix(operation, "Socket.IO"):
		if cell == "–" {
			return "forbidden" // the connection is refused
		}
		return "hidden"
	case strings.Contains(sees, "others") && (whose == "inside" || everywhere):
		return "forbidden"
	}
	return "hidden"
}

// checkTableIsWhole looks for each operation of openapi.yaml and each event of a client.
func checkTableIsWhole(t *testing.T, rows []accessRow) {
	t.Helper()
	var described, told []string
	for path, item := range openapitest.Document(t).Paths.Map() {
		if below, ok := strings.CutPrefix(path, api.Base); ok {
			for method := range item.Operations() {
				described = append(described, method+" "+below)
			}
		}
	}
	described = append(described,
		"/ws: connect", "/ws: authenticate", "/ws: subscribe_bulk_upload_job", "/ws: unsubscribe_bulk_upload_job",
		"/ws: ping", "Socket.IO: connect", "Socket.IO: subscribe_bulk_upload_job",
		"Socket.IO: unsubscribe_bulk_upload_job")
	for _, row := range rows {
		told = append(told, row.operation)
	}
	slices.Sort(described)
	slices.Sort(told)
	if !slices.Equal(described, told) {
		t.Errorf("there are  %q\nthe table has %q", described, told)
	}
}

// accessSite is a running rollcall with a job of alice, who administers a ward.
type accessSite struct {
	t   *testing.T
	app *App
	job string
}

const (
	aliceWard = "79800001"
	bobWard   = "19100001"
)

func newAccessSite(t *testing.T) *accessSite {
	t.Helper()
	cfg := DefaultUp()
	cfg.Addr, cfg.Data = "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
	s := newAccessSiteOf(t, cfg)
	answer := s.upload(s.token("alice", "ward_admin", "own"))
	if answer.status != http.StatusAccepted {
		t.Fatalf("upload: %d %s", answer.status, answer.body)
	}
	s.job = answer.text("job_id")
	return s
}

// newAccessSiteOf runs an App without any job until the test ends.
func newAccessSiteOf(t *testing.T, cfg UpConfig) *accessSite {
	t.Helper()
	a, err := Up(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, a)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &accessSite{t: t, app: a}
}

// token signs a token of alice for her own, and of bob for hers inside or outside of his area.
func (s *accessSite) token(user, role, whose string) string {
	s.t.Helper()
	g := auth.Grant{User: events.User{ID: user, Role: role}, TTL: time.Hour,
		Provinces: []string{"GP"}, Municipalities: []string{"JHB"}, Wards: []string{aliceWard}}
	if whose == "outside" {
		g.Provinces, g.Municipalities, g.Wards = []string{"WC"}, []string{"CPT"}, []string{bobWard}
	}
	token, err := g.Sign(s.app.settings.Tokens.Secret, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// text returns a text of the data.
func (a answer) text(name string) string {
	a.t.Helper()
	var got struct{ Data map[string]any }
	if err := json.Unmarshal(a.body, &got); err != nil {
		a.t.Fatalf("%s: %v", a.body, err)
	}
	text, _ := got.Data[name].(string)
	return text
}

// access is how the request was taken.
func (a answer) access() string {
	var got struct{ Error struct{ Code string } }
	_ = json.Unmarshal(a.body, &got) // a workbook is no JSON
	switch {
	case a.status == http.StatusForbidden && (got.Error.Code == "forbidden" || len(a.body) == 0): // HEAD has no body
		return "forbidden"
	case a.status == http.StatusNotFound && (got.Error.Code == "not_found" || len(a.body) == 0):
		return "hidden"
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status >= 500:
		return fmt.Sprintf("%d %s", a.status, a.body)
	}
	return "allowed"
}

func (s *accessSite) do(token, method, path string, body io.Reader, headers ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.app.URL()+api.Base+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{s.t, resp.StatusCode, resp.Header, text}
}

// upload sends a roll of one person.
func (s *accessSite) upload(token string) answer { return s.send(token, "/process") }

// send sends a roll of one person to a path.
func (s *accessSite) send(token, path string) answer {
	s.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "roll.csv")
	if err != nil {
		s.t.Fatal(err)
	}
	fmt.Fprintf(part, "ID Number,Ward\n8001015009087,%s\n", aliceWard)
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return s.do(token, "POST", path, &form, "Content-Type", w.FormDataContentType())
}

// openCase asks for the export of a person. Another one has to approve it.
func (s *accessSite) openCase(token string) answer {
	s.t.Helper()
	return s.do(token, "POST", "/cases",
		strings.NewReader(`{"kind":"export","id_number":"8001015009087","reason":"Asked for."}`))
}

// try makes one request of the table.
func (s *accessSite) try(operation, role, whose string) string {
	s.t.Helper()
	user := "bob"
	if whose == "own" {
		user = "alice"
	}
	token, alice := s.token(user, role, whose), s.token("alice", "ward_admin", "own")
	if event, ok := strings.CutPrefix(operation, "/ws: "); ok {
		return s.trySocket(token, event)
	}
	if event, ok := strings.CutPrefix(operation, "Socket.IO: "); ok {
		return s.trySocketIO(token, event)
	}
	method, path, _ := strings.Cut(operation, " ")
	ids := map[string]string{"jobId": s.job, "n": "2", "ward": aliceWard}
	switch {
	case strings.Contains(path, "{uploadId}"):
		begun := s.do(alice, "POST", "/tus", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "9")
		location := begun.header.Get("Location")
		ids["uploadId"] = location[strings.LastIndex(location, "/")+1:]
		defer s.do(alice, "DELETE", "/tus/"+ids["uploadId"], nil, "Tus-Resumable", "1.0.0")
	case strings.Contains(path, "{name}"):
		ids["name"] = "ward"
		s.do(alice, "PUT", "/mappings/ward", strings.NewReader(`{"Qwx":"surname"}`))
		defer s.do(alice, "DELETE", "/mappings/ward", nil)
	case strings.Contains(path, "{webhookId}"):
		hook := s.do(alice, "POST", "/webhooks", strings.NewReader(`{"url":"https://hook.example/"}`))
		ids["webhookId"] = hook.text("id")
		defer s.do(alice, "DELETE", "/webhooks/"+ids["webhookId"], nil)
	}
	if strings.Contains(path, "{caseId}") {
		ids["caseId"] = s.openCase(s.token("olga", "information_officer", "own")).text("case_id")
	}
	path = pathParameter.ReplaceAllStringFunc(path, func(p string) string { return ids[strings.Trim(p, "{}")] })
	switch operation {
	case "POST /process", "POST /inspect":
		return s.send(token, path).access()
	case "POST /webhooks":
		made := s.do(token, method, path, strings.NewReader(`{"url":"https://hook.example/"}`))
		if made.status == http.StatusCreated {
			s.do(token, "DELETE", "/webhooks/"+made.text("id"), nil)
		}
		return made.access()
	case "PUT /mappings/{name}":
		defer s.do(token, "DELETE", path, nil)
		return s.do(token, method, path, strings.NewReader(`{"Qwx":"surname"}`)).access()
	case "POST /cases":
		return s.openCase(token).access()
	case "POST /revocations":
		return s.do(token, method, path, strings.NewReader(`{"jti":"a token that nobody has"}`)).access()
	case "POST /decline/{jobId}", "POST /cases/{caseId}/approve", "POST /cases/{caseId}/decline":
		return s.do(token, method, path, strings.NewReader(`{"reason":"No."}`)).access()
	case "POST /tus":
		begun := s.do(token, method, path, nil, "Tus-Resumable", "1.0.0", "Upload-Length", "9")
		location := begun.header.Get("Location")
		s.do(token, "DELETE", "/tus/"+location[strings.LastIndex(location, "/")+1:], nil, "Tus-Resumable", "1.0.0")
		return begun.access()
	}
	return s.do(token, method, path, nil, "Tus-Resumable", "1.0.0", "Upload-Offset", "0",
		"Content-Type", "application/offset+octet-stream").access()
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// trySocket sends one event over /ws.
func (s *accessSite) trySocket(token, event string) string {
	s.t.Helper()
	protocols := []string{"rollcall"}
	if event != "authenticate" {
		protocols = append(protocols, "bearer."+token)
	}
	ws, resp, err := websocket.Dial(s.t.Context(), s.app.URL()+"/ws", &websocket.DialOptions{Subprotocols: protocols})
	if err != nil {
		if resp != nil && resp.StatusCode == http.StatusForbidden {
			return "forbidden"
		}
		return err.Error()
	}
	defer func() { _ = ws.CloseNow() }() // the test has seen enough
	if event == "connect" {
		return "allowed"
	}
	data := map[string]string{"job_id": s.job}
	if event == "authenticate" {
		data = map[string]string{"token": token}
	}
	text, err := json.Marshal(map[string]any{"event": event, "data": data, "id": 1})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := ws.Write(s.t.Context(), websocket.MessageText, text); err != nil {
		return err.Error()
	}
	return readReply(s.t, ws, func(frame string) (reply string, ok bool) {
		return frame, strings.Contains(frame, `"id":1`)
	})
}

// trySocketIO sends one event over Socket.IO.
func (s *accessSite) trySocketIO(token, event string) string {
	s.t.Helper()
	ws, _, err := websocket.Dial(s.t.Context(), s.app.URL()+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = ws.CloseNow() }() // the test has seen enough
	send := func(text string) {
		if err := ws.Write(s.t.Context(), websocket.MessageText, []byte(text)); err != nil {
			s.t.Fatal(err)
		}
	}
	send(`40{"token":"` + token + `"}`)
	got := readReply(s.t, ws, func(frame string) (string, bool) {
		return frame, strings.HasPrefix(frame, "40") || strings.HasPrefix(frame, "44")
	})
	if got != "allowed" || event == "connect" {
		return got
	}
	send(`421["` + event + `",{"job_id":"` + s.job + `"}]`)
	return readReply(s.t, ws, func(frame string) (string, bool) { return frame, strings.HasPrefix(frame, "431") })
}

// readReply reads frames up to the reply and says how the request was taken.
func readReply(t *testing.T, ws *websocket.Conn, isReply func(string) (string, bool)) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, text, err := ws.Read(ctx)
		if err != nil {
			return err.Error()
		}
		reply, ok := isReply(string(text))
		switch {
		case !ok:
			continue
		case strings.Contains(reply, `"forbidden"`):
			return "forbidden"
		case strings.Contains(reply, `"not_found"`):
			return "hidden"
		}
		return "allowed"
	}
}
