package security

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddress is where a request comes from: the last address of X-Forwarded-For
// that is not one of the trusted proxies'. What a client says of itself counts for
// nothing.
func ClientAddress(r *http.Request, trusted []netip.Prefix) string {
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

// neighbourhood is what counts as one client: an address of IPv4, and 64 bits of
// IPv6, for each customer of a network has as many addresses as that leaves.
func neighbourhood(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Is4() {
		return address
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
