package chaos

import (
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
)

// counter stands before the simulator, whose own counts would die with it, and
// counts the calls about each person that reach it.
type counter struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
}

func newCounter(t *testing.T, simulator string) *counter {
	t.Helper()
	c := &counter{calls: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: simulator})
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	proxy.Transport = transport
	// A simulator that is dead is a connection that breaks, and no answer.
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				WroteRequest: func(info httptrace.WroteRequestInfo) {
					if info.Err == nil {
						c.count(path.Base(r.URL.Path))
					}
				},
			}))
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		c.Close()
		transport.CloseIdleConnections()
	})
	return c
}

func (c *counter) count(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[id]++
}
