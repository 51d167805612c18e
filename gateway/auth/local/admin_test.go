package local

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.example/events/refusal"
)

const good = "four words nobody expects"

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T, file string) (*Admin, *clock) {
	t.Helper()
	c := &clock{now: time.Now()}
	a, err := Open(Config{File: file, Sign: func() (string, error) { return "a token", nil }, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

func codeOf(err error) string {
	if refused, ok := errors.AsType[*refusal.Error](err); ok {
		return refused.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestThePasswordIsSetOnceAndSignsInFromThenOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admin-password")
	a, clock := open(t, file)
	code := a.Code()
	if _, err := a.SignIn("x", good); codeOf(err) != refusal.CodeUnauthenticated {
		t.Errorf("without a password: %v", err)
	}
	if _, err := a.SetPassword("x", "another code", good); codeOf(err) != refusal.CodeUnauthenticated {
		t.Errorf("with another code: %v", err)
	}
	if token, err := a.SetPassword("x", code, good); err != nil || token != "a token" {
		t.Fatalf("%q %v", token, err)
	}
	if _, err := a.SetPassword("x", code, good+" again"); codeOf(err) != refusal.CodeUnauthenticated || a.Code() != "" {
		t.Errorf("a second time: %v", err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info.Mode(), err)
	}
	text, err := os.ReadFile(file)
	const head = "$argon2id$v=19$m=47104,t=1,p=1$"
	if err != nil || strings.Contains(string(text), "words") || !strings.HasPrefix(string(text), head) {
		t.Errorf("the file has %s %v", text, err)
	}
	again, _ := open(t, file)
	clock.add(time.Minute)
	for _, admin := range []*Admin{a, again} {
		if token, err := admin.SignIn("y", good); err != nil || token != "a token" {
			t.Errorf("%q %v", token, err)
		}
		if _, err := admin.SignIn("y", good+" "); codeOf(err) != refusal.CodeUnauthenticated {
			t.Errorf("with another password: %v", err)
		}
	}
	if again.Code() != "" || !again.HasPassword() {
		t.Error("after a restart the password can be set again")
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("left in the folder: %v %v", entries, err)
	}
}

func TestTheLinkEndsAfterAnHour(t *testing.T) {
	a, clock := open(t, filepath.Join(t.TempDir(), "admin-password"))
	clock.add(setupTime + time.Second)
	if _, err := a.SetPassword("x", a.Code(), good); codeOf(err) != refusal.CodeUnauthenticated || a.HasPassword() {
		t.Errorf("%v", err)
	}
}

// Of several who have the link at once, one sets the password.
func TestOneOfManySetsThePassword(t *testing.T) {
	a, _ := open(t, filepath.Join(t.TempDir(), "admin-password"))
	code := a.Code()
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			_, err := a.SetPassword(string(rune('a'+i)), code, good)
			switch {
			case err == nil:
				won.Add(1)
			case codeOf(err) != refusal.CodeUnauthenticated:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d set the password", won.Load())
	}
}

func TestPasswordsThatAreEasilyGuessedAreRefused(t *testing.T) {
	for _, password := range []string{
		"", "short", strings.Repeat("ab", 10), "my password is long", "rollcall rollcall x", "abc 123456 xyz def",
		strings.Repeat("four words nobody expects ", 30),
	} {
		if err := checkPassword(password); codeOf(err) != refusal.CodeBadRequest {
			t.Errorf("%q: %v", password, err)
		}
	}
	for _, password := range []string{good, "ilanga liphuma empumalanga", "éèàùç ñandú größe"} {
		if err := checkPassword(password); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	c := &clock{now: time.Now()}
	l := newLimits(c.Now)
	for i := range addressBurst {
		if err := l.attempt("a"); err != nil {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if err := l.attempt("a"); codeOf(err) != refusal.CodeTooManyAttempts {
		t.Errorf("one more: %v", err)
	}
	if err := l.attempt("b"); err != nil {
		t.Errorf("from another address: %v", err)
	}
	c.add(addressEvery)
	if err := l.attempt("a"); err != nil {
		t.Errorf("later: %v", err)
	}
	refused := 0
	for i := range 2 * maxAddresses {
		if l.attempt("many "+strings.Repeat("x", i%7)+string(rune(i+1000))) != nil {
			refused++
		}
	}
	if len(l.addresses) > maxAddresses || refused < 2*maxAddresses-allBurst {
		t.Errorf("from many addresses %d of %d were refused, and %d are kept", refused, 2*maxAddresses, len(l.addresses))
	}
}

func TestABrokenFileIsToldOf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admin-password")
	for _, text := range []string{"", "secret", "$argon2id$v=19$m=1,t=0,p=1$AAAA$AAAA", "$argon2i$v=19$m=1,t=1,p=1$a$b"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{File: file}); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOtherSitesCannotSignIn(t *testing.T) {
	a, _ := open(t, filepath.Join(t.TempDir(), "admin-password"))
	mux := http.NewServeMux()
	Face{Admin: a}.Mount(mux)
	body := `{"code":"` + a.Code() + `","password":"` + good + `"}`
	for name, c := range map[string]struct {
		kind, site, body string
		want             int
	}{
		"another site":  {"application/json", "cross-site", body, http.StatusForbidden},
		"a form":        {"text/plain", "", body, http.StatusBadRequest},
		"unknown field": {"application/json", "", `{"codes":"x"}`, http.StatusBadRequest},
		"too long":      {"application/json", "", `{"code":"` + strings.Repeat("x", maxBody) + `"}`, http.StatusBadRequest},
	} {
		r := httptest.NewRequest("POST", "http://rollcall.example/signin/setup", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != c.want || a.HasPassword() {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest("POST", "http://rollcall.example/signin/setup", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"token":"a token"`) ||
		w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
