package gateway_test

import (
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// front is a proxy before a gateway that can be replaced.
type front struct {
	url string
	at  atomic.Pointer[url.URL]
}

func newFront(t *testing.T, to string) *front {
	t.Helper()
	f := &front{}
	f.forwardTo(to)
	srv := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { forward(r, f) },
		ErrorLog: log.New(io.Discard, "", 0), // gateways end in the middle
	})
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	f.url = srv.URL
	return f
}

// forward sends a request on with the host that the client has asked for, which must be
// that of its pages.
func forward(r *httputil.ProxyRequest, to *front) {
	r.SetURL(to.at.Load())
	r.Out.Host = r.In.Host
}

func (f *front) forwardTo(target string) {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	f.at.Store(u)
}

// newBlockingFront is a front that lets no WebSocket through, as some proxies do.
func newBlockingFront(t *testing.T, to *front) (url string) {
	t.Helper()
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { forward(r, to) },
		ErrorLog: log.New(io.Discard, "", 0)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no upgrades here", http.StatusBadGateway)
			return
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL
}

// newBalancer sends each request to another front than the one before, or, when not
// inTurn, to one that chance has chosen.
func newBalancer(t *testing.T, inTurn bool, to ...*front) (url string) {
	t.Helper()
	var turn atomic.Uint64
	srv := httptest.NewServer(&httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			i := turn.Add(1)
			if !inTurn {
				i = rand.Uint64()
			}
			forward(r, to[i%uint64(len(to))])
		}})
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL
}
