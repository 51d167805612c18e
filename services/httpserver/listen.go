package httpserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"rollcall.example/events"
)

// ciphers are what TLS 1.2 may use: authenticated ones with forward secrecy. Those of
// TLS 1.3 all are.
var ciphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// Listener is one that may speak TLS, and says so in its URL.
type Listener struct {
	net.Listener
	scheme string
}

// URL is where the listener is reached, as http://127.0.0.1:8080.
func (l Listener) URL() string { return l.scheme + "://" + l.Addr().String() }

// Listen takes an address. With the files of a certificate and its key it speaks
// TLS 1.2 and later, without them plain HTTP. The files are read again when they
// change, since certificates are renewed while processes run. A nil log discards.
func Listen(addr, certFile, keyFile string, log *slog.Logger) (Listener, error) {
	if (certFile == "") != (keyFile == "") {
		return Listener{}, errors.New("listen: a TLS certificate and its key are given together or not at all")
	}
	if certFile == "" {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return Listener{}, fmt.Errorf("listen: %w", err)
		}
		return Listener{ln, "http"}, nil
	}
	pair := &keyPair{cert: certFile, key: keyFile, log: events.Logger(log)}
	if err := pair.load(); err != nil {
		return Listener{}, fmt.Errorf("listen: %w", err)
	}
	ln, err := tls.Listen("tcp", addr, &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: ciphers, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: pair.current,
	})
	if err != nil {
		return Listener{}, fmt.Errorf("listen: %w", err)
	}
	return Listener{ln, "https"}, nil
}

// keyPair is a certificate with its key, from files that are read again when
// they change.
type keyPair struct {
	cert, key string
	log       *slog.Logger

	mu       sync.Mutex
	loaded   *tls.Certificate
	modified [2]time.Time // of the files when they were read last
}

// current returns the certificate for the next connection. Files that are bad,
// or half replaced, leave the last good one in use.
func (p *keyPair) current(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(); err != nil {
		p.log.ErrorContext(hello.Context(), "TLS certificate not read again; the last good one stays in use", "err", err)
	}
	return p.loaded, nil
}

func (p *keyPair) load() error {
	var modified [2]time.Time
	for i, file := range []string{p.cert, p.key} {
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("tls certificate: %w", err)
		}
		modified[i] = info.ModTime()
	}
	if p.loaded != nil && modified == p.modified {
		return nil
	}
	p.modified = modified
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("tls certificate: %w", err)
	}
	p.loaded = &pair
	return nil
}
