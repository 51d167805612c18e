package iec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/services/iec/sim"
)

const someID = "8001015009087"

type simulatedAPI struct {
	*sim.Simulator
	url      string
	acquired atomic.Int64
	opened   atomic.Int64 // connections
	open     atomic.Int64
	maxOpen  atomic.Int64
}

func startAPI(t *testing.T, cfg sim.Config) *simulatedAPI {
	t.Helper()
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := &simulatedAPI{Simulator: s}
	srv := httptest.NewUnstartedServer(s)
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			a.opened.Add(1)
			for n := a.open.Add(1); ; {
				m := a.maxOpen.Load()
				if n <= m || a.maxOpen.CompareAndSwap(m, n) {
					break
				}
			}
		case http.StateClosed, http.StateHijacked:
			a.open.Add(-1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	a.url = srv.URL
	return a
}

// acquire counts the calls that the client was allowed to make.
func (a *simulatedAPI) acquire(context.Context) error { a.acquired.Add(1); return nil }

func (a *simulatedAPI) newClient(t *testing.T, change func(*ClientConfig)) *Client {
	t.Helper()
	cfg := ClientConfig{
		BaseURL: a.url, Username: "user", Password: "hunter2-password",
		Backoff: func(int) time.Duration { return time.Millisecond },
	}
	if change != nil {
		change(&cfg)
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestWorkersShareOneToken(t *testing.T) {
	a := startAPI(t, sim.Config{Faults: sim.Faults{LatencyMS: 2}})
	c := a.newClient(t, func(cfg *ClientConfig) { cfg.Concurrency = 4 })
	var wg sync.WaitGroup
	for _, id := range makeIDs(60) {
		wg.Go(func() {
			v, err := c.Lookup(t.Context(), id, a.acquire)
			if err != nil || v.Status != sim.PersonOf(id).Status {
				t.Errorf("got %v, %v", v.Status, err)
			}
		})
	}
	wg.Wait()
	if st := a.Stats(); st.Tokens != 1 || st.Calls != 60 || st.MaxCalls != 1 {
		t.Errorf("stats %+v, want one token and 60 calls", st)
	}
	if a.maxOpen.Load() > 4 || a.opened.Load() > 4 {
		t.Errorf("%d connections, %d at once, want 4 at most", a.opened.Load(), a.maxOpen.Load())
	}
}

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	clk := newClock()
	a := startAPI(t, sim.Config{TokenTTL: 10 * time.Minute, Now: clk.now})
	c := a.newClient(t, func(cfg *ClientConfig) { cfg.Now = clk.now })
	for range 61 {
		if _, err := c.Lookup(t.Context(), someID, a.acquire); err != nil {
			t.Fatal(err)
		}
		clk.add(time.Minute)
	}
	st := a.Stats()
	if st.Statuses[http.StatusUnauthorized] != 0 || st.Tokens < 6 || st.Tokens > 7 {
		t.Errorf("stats %+v, want 6 or 7 tokens and no 401", st)
	}
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	a := startAPI(t, sim.Config{})
	c := a.newClient(t, nil)
	for range 2 {
		if _, err := c.Lookup(t.Context(), someID, a.acquire); err != nil {
			t.Fatal(err)
		}
		a.RevokeTokens()
	}
	if st := a.Stats(); st.Tokens != 2 || st.Statuses[http.StatusUnauthorized] != 1 || a.acquired.Load() != 3 {
		t.Errorf("stats %+v, %d acquired: want 2 tokens, one 401, 3 acquired", st, a.acquired.Load())
	}
}

// Fetching the token for all may take long; the others need not wait for it.
func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	hold := make(chan struct{})
	fetches := 0
	s := &tokenSource{now: time.Now, fetch: func(context.Context) (string, time.Duration, error) {
		fetches++
		<-hold
		return "token", time.Hour, nil
	}}
	first := make(chan error)
	go func() { _, err := s.get(context.Background()); first <- err }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller whose context ended: %v", err)
	}
	close(hold)
	if err := <-first; err != nil || fetches != 1 {
		t.Errorf("%d fetches, %v", fetches, err)
	}
	if token, err := s.get(t.Context()); token != "token" || err != nil {
		t.Errorf("afterwards: %q, %v", token, err)
	}
}

func TestCredentialsRefused(t *testing.T) {
	a := startAPI(t, sim.Config{Password: "another"})
	_, err := a.newClient(t, nil).Lookup(t.Context(), someID, a.acquire)
	if !errors.Is(err, ErrCredentials) || a.acquired.Load() != 0 {
		t.Errorf("got %v, %d acquired", err, a.acquired.Load())
	}
}

func TestTheAPIsOwnQuotaIsRespected(t *testing.T) {
	clk := newClock()
	a := startAPI(t, sim.Config{Faults: sim.Faults{Quota: 1}, Now: clk.now})
	c := a.newClient(t, func(cfg *ClientConfig) { cfg.Now = clk.now })
	if _, err := c.Lookup(t.Context(), someID, a.acquire); err != nil {
		t.Fatal(err)
	}
	clk.add(10 * time.Minute)
	_, err := c.Lookup(t.Context(), someID, a.acquire)
	var limited *RateLimitedError
	if !errors.As(err, &limited) || limited.RetryAfter != 50*time.Minute {
		t.Errorf("got %v, want to wait 50 minutes", err)
	}
	if n := a.Stats().Statuses[http.StatusTooManyRequests]; n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
}

func TestSpentQuotaIsPassedOn(t *testing.T) {
	a := startAPI(t, sim.Config{})
	spent := &SpentError{Quota: events.Quota{Limit: 5, Used: 5}}
	_, err := a.newClient(t, nil).Lookup(t.Context(), someID, func(context.Context) error { return spent })
	var got *SpentError
	if !errors.As(err, &got) || a.Calls(someID) != 0 {
		t.Errorf("got %v after %d calls", err, a.Calls(someID))
	}
}

// Every kind of failure: how often it is retried, and that each attempt was
// acquired.
func TestFailuresAreRetriedAndCounted(t *testing.T) {
	for _, tc := range []struct {
		name   string
		faults sim.Faults
		calls  int
	}{
		{"server error", sim.Faults{Errors: 1}, 1 + maxRetries},
		{"page instead of json", sim.Faults{HTML: 1}, 1 + maxRetries},
		{"json of no use", sim.Faults{Malformed: 1}, 1 + maxRetries},
		{"timeout", sim.Faults{Timeouts: 1}, 1 + maxRetries},
		{"reset", sim.Faults{Resets: 1}, 1 + maxRetries},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := startAPI(t, sim.Config{})
			c := a.newClient(t, func(cfg *ClientConfig) { cfg.Timeout = 150 * time.Millisecond })
			if _, err := c.Lookup(t.Context(), makeIDs(1)[0],
				a.acquire); err != nil { // leaves a connection that can be used again
				t.Fatal(err)
			}
			a.acquired.Store(0)
			if err := a.SetFaults(tc.faults); err != nil {
				t.Fatal(err)
			}
			_, err := c.Lookup(t.Context(), someID, a.acquire)
			var down *UnavailableError
			var malformed *MalformedError
			if !errors.As(err, &down) && !errors.As(err, &malformed) {
				t.Errorf("got %v", err)
			}
			if n, acquired := a.Calls(someID), int(a.acquired.Load()); n != tc.calls || acquired != n {
				t.Errorf("%d calls, %d acquired, want %d", n, acquired, tc.calls)
			}
			checkNoSecrets(t, err)
		})
	}
}

func TestAnOutageTellsHowLongToWait(t *testing.T) {
	a := startAPI(t, sim.Config{})
	c := a.newClient(t, nil)
	if _, err := c.Lookup(t.Context(), someID, a.acquire); err != nil {
		t.Fatal(err)
	}
	if err := a.SetFaults(sim.Faults{Down: true, RetryAfter: 90}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Lookup(t.Context(), someID, a.acquire)
	var down *UnavailableError
	if !errors.As(err, &down) || down.RetryAfter != 90*time.Second {
		t.Errorf("got %v", err)
	}
	if n := a.Stats().Statuses[http.StatusServiceUnavailable]; n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
}

func TestACancelledCallIsNoOutage(t *testing.T) {
	a := startAPI(t, sim.Config{Faults: sim.Faults{Timeouts: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := a.newClient(t, nil).Lookup(ctx, someID, func(context.Context) error {
		time.AfterFunc(20*time.Millisecond, cancel)
		return nil
	})
	var down *UnavailableError
	if !errors.Is(err, context.Canceled) || errors.As(err, &down) {
		t.Errorf("got %v (%T), want the context's error", err, err)
	}
}

// startFixedAPI serves an API that hands out a token and gives the same answer to
// every call.
func startFixedAPI(t *testing.T, answer http.HandlerFunc) (*Client, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			_, _ = w.Write([]byte(`{"access_token":"secret-token","expires_in":3600}`))
			return
		}
		calls.Add(1)
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	c, err := NewClient(ClientConfig{BaseURL: srv.URL, Password: "hunter2-password",
		Backoff: func(int) time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, &calls
}

func TestAnswers(t *testing.T) {
	const place = `"VotingStation":{"Name":" Town Hall ","Delimitation":{"ProvinceID":9,"Province":"x",` +
		`"Municipality":"WC015 - Swartland - West","WardID":10105003,"VDNumber":%s}}`
	with := func(s, vd string) string { return fmt.Sprintf("{"+s+","+place+"}", vd) }
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   records.VerdictStatus // "" for unavailable, malformed
		vd     string
	}{
		{"registered", 200, with(`"Id":"8001015009087","VoterStatus":"Registered","bRegistered":true`, "97540035"),
			records.Registered, "97540035"},
		{"id as number", 200, with(`"Id":8001015009087,"VoterStatus":"Registered","bRegistered":true`, "97540035"),
			records.Registered, "97540035"},
		{"no vd", 200, with(`"Id":"8001015009087","VoterStatus":"Registered","bRegistered":true`, "null"),
			records.Registered, ""},
		{"vd zero", 200, with(`"Id":"8001015009087","VoterStatus":"Registered","bRegistered":true`, "0"),
			records.Registered, ""},
		{"not registered", 200,
			`{"Id":"8001015009087","VoterStatus":"Not registered","bRegistered":false,"VotingStation":null}`,
			records.NotRegistered, ""},
		{"deceased", 200, `{"Id":"8001015009087","VoterStatus":"DECEASED","bRegistered":false,"VotingStation":null}`,
			records.Deceased, ""},
		{"international", 200,
			`{"Id":"8001015009087","VoterStatus":"International","bRegistered":true,"VotingStation":null}`,
			records.International, ""},
		{"404 of the api", 404,
			`{"Id":"8001015009087","VoterStatus":"Not registered","bRegistered":false,"VotingStation":null}`,
			records.NotRegistered, ""},
		{"404 of a proxy", 404, `<h1>not found</h1>`, "", ""},
		{"404 in json", 404, `{"Message":"No HTTP resource was found"}`, "", ""},
		{"404 that says registered", 404,
			`{"Id":"8001015009087","VoterStatus":"Registered","bRegistered":true,"VotingStation":null}`, "malformed",
			""},
		{"page", 200, `<!DOCTYPE html><h1>sign in, 8001015009087</h1>`, "", ""},
		{"empty", 200, ``, "", ""},
		{"null", 200, `null`, "", ""},
		{"without bRegistered", 200, `{"Id":"8001015009087","VoterStatus":"Registered","VotingStation":null}`,
			"malformed", ""},
		{"bRegistered null", 200,
			`{"Id":"8001015009087","VoterStatus":"Registered","bRegistered":null,"VotingStation":null}`, "malformed",
			""},
		{"bRegistered as text", 200, `{"Id":"8001015009087","bRegistered":"no"}`, "malformed", ""},
		{"without id", 200, `{"bRegistered":false}`, "malformed", ""},
		{"another person", 200,
			`{"Id":"8001015009285","VoterStatus":"Registered","bRegistered":true,"VotingStation":null}`, "malformed",
			""},
		{"vd as text", 200, with(`"Id":"8001015009087","VoterStatus":"Registered","bRegistered":true`, `"97540035"`),
			"malformed", ""},
		{"trailing page", 200, `{"Id":"8001015009087","bRegistered":false}<html>`, "", ""},
		{"redirect", 302, ``, "", ""},
		{"no content", 204, ``, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := startFixedAPI(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere"+r.URL.Path)
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			})
			v, err := c.Lookup(t.Context(), someID, allowAll)
			if tc.want == "" || tc.want == "malformed" {
				var down *UnavailableError
				var malformed *MalformedError
				if errors.As(err, &down) != (tc.want == "") || errors.As(err, &malformed) == (tc.want == "") {
					t.Fatalf("got %q, %v (%T)", v.Status, err, err)
				}
				checkNoSecrets(t, err)
				return
			}
			if err != nil || v.Status != tc.want || v.VD != tc.vd {
				t.Fatalf("got %+v, %v", v, err)
			}
			if v.Status == records.Registered &&
				(v.Ward != "10105003" || v.Station != "Town Hall" || v.MunicipalityCode != "WC015" ||
					v.Municipality != "Swartland - West" || v.Province != "Western Cape") {
				t.Errorf("got %+v", v)
			}
		})
	}
}

// A server that prefers HTTP/2 is asked over HTTP/1.1, with one connection a call.
func TestCallsOverTLS(t *testing.T) {
	s, err := sim.New(sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(s)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	a := &simulatedAPI{Simulator: s, url: srv.URL}
	c := a.newClient(t, nil)
	trusted := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = trusted
	if v, err := c.Lookup(t.Context(), someID, a.acquire); err != nil || v.Status == "" {
		t.Fatalf("%+v, %v", v, err)
	}
}

func TestRefusedRow(t *testing.T) {
	for _, status := range []int{400, 403, 410, 422} {
		c, calls := startFixedAPI(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.Path, status) })
		_, err := c.Lookup(t.Context(), someID, allowAll)
		var row *RowError
		if !errors.As(err, &row) || row.Status != status || calls.Load() != 1 {
			t.Errorf("%d: got %v after %d calls", status, err, calls.Load())
		}
		checkNoSecrets(t, err)
	}
}

func TestATokenThatIsAlwaysRefused(t *testing.T) {
	c, calls := startFixedAPI(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
	_, err := c.Lookup(t.Context(), someID, allowAll)
	if !errors.Is(err, ErrCredentials) || calls.Load() != 2 {
		t.Errorf("got %v after %d calls, want 2", err, calls.Load())
	}
	checkNoSecrets(t, err)
}

// net/http's errors quote what is not even HTTP.
func TestErrorsQuoteNothingOfTheWire(t *testing.T) {
	for name, reply := range map[string]string{
		"no http":    "GET " + someID + " secret-token\r\n\r\n",
		"bad status": "HTTP/1.1 " + someID + " secret-token\r\n\r\n",
		"bad header": "HTTP/1.1 200 OK\r\n" + someID + " secret-token\r\n\r\n",
		"bad length": "HTTP/1.1 200 OK\r\nContent-Length: -" + someID + "\r\n\r\n",
		"bad coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: x" + someID + "\r\n\r\n",
		"cut off":    "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"Id\":\"" + someID,
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := startFixedAPI(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = rw.WriteString(reply)
				_ = rw.Flush()
				_ = conn.Close()
			})
			_, err := c.Lookup(t.Context(), someID, allowAll)
			var down *UnavailableError
			if !errors.As(err, &down) {
				t.Errorf("got %v", err)
			}
			checkNoSecrets(t, err)
		})
	}
}

var (
	digits   = regexp.MustCompile(`[0-9]{10,}`)
	pointers = regexp.MustCompile(`0x[0-9a-f]+`) // %#v shows pointers, whose digits may all be decimal
)

func checkNoSecrets(t *testing.T, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if digits.MatchString(pointers.ReplaceAllString(text, "")) || strings.Contains(text, "/api/Voters") ||
			strings.Contains(text, "secret-token") || strings.Contains(text, "hunter2") {
			t.Errorf("the error quotes a secret: %s", text)
		}
	}
}

func TestNewClientRefusesImpossibleSettings(t *testing.T) {
	for name, cfg := range map[string]ClientConfig{
		"no base": {}, "no scheme": {BaseURL: "localhost:80"}, "ftp": {BaseURL: "ftp://x"},
		"credentials in the base": {BaseURL: "http://u:p@x"}, "query in the base": {BaseURL: "http://x?a=b"},
		"negative timeout":     {BaseURL: "http://x", Timeout: -1},
		"negative concurrency": {BaseURL: "http://x", Concurrency: -1},
	} {
		if _, err := NewClient(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// allowAll allows every call.
func allowAll(context.Context) error { return nil }
