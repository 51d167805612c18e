package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"rollcall.example/events"
)

// auditTime is how long it may take to record an access.
const auditTime = 5 * time.Second

// recordAccess records that somebody reads about people. Only then they may.
func (a *API) recordAccess(r *http.Request, who Principal, jobID string, what events.AccessKind, row int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTime)
	defer cancel()
	return events.WriteAccess(ctx, a.cfg.Log.JetStream(), events.Access{
		JobID: jobID, What: what, At: a.cfg.Now().UTC(), By: who.User, From: clientAddress(r, a.cfg.TrustedProxies), Row: row,
	})
}

// clientAddress is where a request comes from: the last address of X-Forwarded-For
// that is not one of the trusted proxies'. What a client says of itself counts for
// nothing.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	passed := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(passed) - 1; i >= 0 && isTrusted(host, trusted); i-- {
		addr, err := netip.ParseAddr(strings.TrimSpace(passed[i]))
		if err != nil {
			break
		}
		host = addr.Unmap().String()
	}
	return host
}

func isTrusted(host string, trusted []netip.Prefix) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range trusted {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}
