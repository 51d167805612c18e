package gateway_test

import (
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
	srv := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(f.at.Load()) }})
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	f.url = srv.URL
	return f
}

func (f *front) forwardTo(target string) {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	f.at.Store(u)
}
