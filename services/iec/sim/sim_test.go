package sim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
)

func startSim(t *testing.T, cfg sim.Config) (*sim.Simulator, string) {
	t.Helper()
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv.URL
}

func sendRequest(t *testing.T, req *http.Request) (int, http.Header, map[string]any) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	_ = json.Unmarshal(data, &body) // refusals are not JSON
	return resp.StatusCode, resp.Header, body
}

func getToken(t *testing.T, base string) string {
	t.Helper()
	req, _ := http.NewRequest("POST", base+"/token", strings.NewReader(url.Values{"grant_type": {"password"}}.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, _, body := sendRequest(t, req)
	text, _ := body["access_token"].(string)
	if status != 200 || text == "" || body["expires_in"] == nil {
		t.Fatalf("token: %d %v", status, body)
	}
	return text
}

func askAbout(t *testing.T, base, token, id string) (int, http.Header, map[string]any) {
	t.Helper()
	req, _ := http.NewRequest("GET", base+"/api/Voters/IDNumber/"+id, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	return sendRequest(t, req)
}

func TestAnswersAreFixedByTheCSV(t *testing.T) {
	answers, err := sim.ReadAnswers(strings.NewReader(`id,status,ward,vd,station,municipality,province_id,province
8001015009087,registered,79800001,32840011,Hall,JHB - City of Johannesburg,3,Gauteng
9001010001088,deceased,,,,,,
8506155000084,registered,10105003,,Hall,WC015 - Swartland,9,Western Cape
`))
	if err != nil {
		t.Fatal(err)
	}
	s, base := startSim(t, sim.Config{Answers: answers})
	tok := getToken(t, base)
	_, _, body := askAbout(t, base, tok, "8001015009087")
	d := body["VotingStation"].(map[string]any)["Delimitation"].(map[string]any)
	if body["bRegistered"] != true || d["WardID"] != 79800001.0 || d["VDNumber"] != 32840011.0 ||
		d["ProvinceID"] != 3.0 {
		t.Errorf("registered: %v", body)
	}
	_, _, body = askAbout(t, base, tok, "9001010001088")
	if body["bRegistered"] != false || body["VoterStatus"] != "Deceased" || body["VotingStation"] != nil {
		t.Errorf("deceased: %v", body)
	}
	_, _, body = askAbout(t, base, tok, "8506155000084")
	d = body["VotingStation"].(map[string]any)["Delimitation"].(map[string]any)
	if body["bRegistered"] != true || d["VDNumber"] != nil {
		t.Errorf("without a district: %v", body)
	}
	if s.Calls("8001015009087") != 1 || s.Stats().Calls != 3 || s.Stats().MaxCalls != 1 {
		t.Errorf("stats %+v", s.Stats())
	}
}

func TestBadAnswers(t *testing.T) {
	const head = "id,status,ward,vd,station,municipality,province_id,province\n"
	for name, text := range map[string]string{
		"empty": "", "header": "id,status\n", "status": head + "8001015009087,gone,,,,,,\n", "short id": head +
			"800,deceased,,,,,,\n",
		"letters for an id": head + "80010150090xx,deceased,,,,,,\n", "the same id twice": head +
			strings.Repeat("8001015009087,deceased,,,,,,\n", 2),
		"ward": head + "8001015009087,registered,7980,,,,,\n", "province 10": head +
			"8001015009087,registered,79800001,,,,10,\n",
	} {
		if _, err := sim.ReadAnswers(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPeopleHaveEveryStatus(t *testing.T) {
	n := map[records.VerdictStatus]int{}
	withoutVD := 0
	for i := range 20000 {
		p := sim.PersonOf(fmt.Sprintf("800101%07d", i))
		n[p.Status]++
		if p.Place != nil && p.Place.VD == "" {
			withoutVD++
		}
	}
	for _, c := range []struct{ got, min, max int }{
		{n[records.Registered], 15000, 18000}, {n[records.NotRegistered], 1600, 2800}, {n[records.Deceased], 400, 1000},
		{n[records.International], 200, 600}, {withoutVD, 300, 1200},
	} {
		if c.got < c.min || c.got > c.max {
			t.Errorf("%d of 20000, want %d to %d: %v", c.got, c.min, c.max, n)
		}
	}
}

func TestFailuresAreReproducible(t *testing.T) {
	run := func() (got []int) {
		_, base := startSim(t, sim.Config{Seed: 7, Faults: sim.Faults{Errors: 0.4}})
		tok := getToken(t, base)
		for i := range 40 {
			status, _, _ := askAbout(t, base, tok, fmt.Sprintf("800101%07d", i%20))
			got = append(got, status)
		}
		return got
	}
	first, second := run(), run()
	if fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("two runs differ:\n%v\n%v", first, second)
	}
	failed := strings.Count(fmt.Sprint(first), "500")
	if failed < 8 || failed > 24 {
		t.Errorf("%d of 40 failed, want about 16", failed)
	}
}

func TestQuotaIsOfARollingHour(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, base := startSim(t, sim.Config{Faults: sim.Faults{Quota: 2}, TokenTTL: 5 * time.Hour,
		Now: func() time.Time { return at }})
	tok := getToken(t, base)
	call := func() (int, string) {
		status, h, _ := askAbout(t, base, tok, "8001015009087")
		return status, h.Get("Retry-After")
	}
	call()
	at = at.Add(40 * time.Minute)
	call()
	if status, wait := call(); status != 429 || wait != "1200" {
		t.Errorf("third: %d, %s", status, wait)
	}
	at = at.Add(20 * time.Minute)
	if status, _ := call(); status != 200 {
		t.Errorf("after an hour: %d", status)
	}
	if status, wait := call(); status != 429 || wait != "2400" {
		t.Errorf("again: %d, %s", status, wait)
	}
	if st := s.Stats(); st.Calls != 3 || st.Statuses[429] != 2 {
		t.Errorf("stats %+v", st)
	}
}

func TestTokensExpire(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, base := startSim(t, sim.Config{TokenTTL: time.Minute, Now: func() time.Time { return at }})
	tok := getToken(t, base)
	for _, c := range []struct {
		token string
		later time.Duration
		want  int
	}{{"", 0, 401}, {"made up", 0, 401}, {tok, 59 * time.Second, 200}, {tok, time.Second, 401}} {
		at = at.Add(c.later)
		if status, _, _ := askAbout(t, base, c.token, "8001015009087"); status != c.want {
			t.Errorf("%q after %s: %d, want %d", c.token, c.later, status, c.want)
		}
	}
	if s.Calls("8001015009087") != 1 {
		t.Errorf("%d calls, want 1", s.Calls("8001015009087"))
	}
}

func TestFaultsChangeWhileItRuns(t *testing.T) {
	_, base := startSim(t, sim.Config{})
	tok := getToken(t, base)
	post := func(body string) int {
		req, _ := http.NewRequest("POST", base+"/sim/config", strings.NewReader(body))
		status, _, _ := sendRequest(t, req)
		return status
	}
	for _, bad := range []string{"", "{", `{"errors":2}`, `{"errors":0.6,"html":0.6}`, `{"nonsense":1}`,
		`{"latency_ms":-1}`} {
		if status := post(bad); status != 400 {
			t.Errorf("%s: %d, want 400", bad, status)
		}
	}
	if status := post(`{"down":true,"retry_after":30}`); status != 200 {
		t.Fatalf("config: %d", status)
	}
	if status, h, _ := askAbout(t, base, tok, "8001015009087"); status != 503 || h.Get("Retry-After") != "30" {
		t.Errorf("down: %d %s", status, h.Get("Retry-After"))
	}
	post(`{"down":false}`)
	if status, _, _ := askAbout(t, base, tok, "8001015009087"); status != 200 {
		t.Errorf("up again: %d", status)
	}
	req, _ := http.NewRequest("GET", base+"/sim/calls/8001015009087", nil)
	if _, _, body := sendRequest(t, req); body["calls"] != 1.0 {
		t.Errorf("calls %v, want 1", body)
	}
}

func TestWithCheckDigit(t *testing.T) {
	for _, id := range []string{"8001015009087", "9001010001088", "8506155000084", "8001015009285"} {
		if got := sim.WithCheckDigit(id[:12]); got != id {
			t.Errorf("WithCheckDigit(%s) = %s", id[:12], got)
		}
	}
}
