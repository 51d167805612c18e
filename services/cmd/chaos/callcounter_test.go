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

// callCounter is a proxy in front of the simulator. It counts the calls about each
// person, because the simulator's own counts are lost when it is killed.
type callCounter struct {
	*httptest.Server
	mu    sync.Mutex
	calls map[string]int
}

func newCallCounter(t *testing.T, simulator string) *callCounter {
	t.Helper()
	c := &callCounter{calls: map[string]int{}}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: simulator})
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	proxy.Transport = transport
	// While the simulator is dead, break the connection instead of answering 502.
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

func (c *callCounter) count(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[id]++
}
