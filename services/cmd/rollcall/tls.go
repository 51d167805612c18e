package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// listener is one that may speak TLS, and says so in its URL.
type listener struct {
	net.Listener
	scheme string
}

// url is where the listener is reached.
func (l listener) url() string { return l.scheme + "://" + l.Addr().String() }

// listen takes an address: with a certificate for TLS 1.2 and later, without
// one in the clear.
func listen(addr string, s tlsSettings, log *slog.Logger) (listener, error) {
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return listener{}, errors.New("listen: --tls-cert and --tls-key are given together or not at all")
	}
	ln := listener{scheme: "http"}
	var err error
	if s.TLSCert == "" {
		ln.Listener, err = net.Listen("tcp", addr)
		if err != nil {
			return listener{}, fmt.Errorf("listen: %w", err)
		}
		return ln, nil
	}
	pair := &keyPair{cert: s.TLSCert, key: s.TLSKey, log: log}
	if err := pair.load(); err != nil {
		return listener{}, fmt.Errorf("listen: %w", err)
	}
	ln.scheme = "https"
	ln.Listener, err = tls.Listen("tcp", addr, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: pair.current,
	})
	if err != nil {
		return listener{}, fmt.Errorf("listen: %w", err)
	}
	return ln, nil
}

// keyPair is a certificate with its key, from files that are read again when
// they change: certificates are renewed while processes run.
type keyPair struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	stamp  [2]time.Time // of the files, as they were looked at last
}

// current is the certificate for the next connection. Files that are bad, or
// half replaced, leave the last good one in use.
func (p *keyPair) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.load(); err != nil {
		p.log.Error("the TLS certificate was not read again; the last one stays in use", "err", err)
	}
	return p.loaded, nil
}

func (p *keyPair) load() error {
	var stamp [2]time.Time
	for i, file := range []string{p.cert, p.key} {
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("tls certificate: %w", err)
		}
		stamp[i] = info.ModTime()
	}
	if p.loaded != nil && stamp == p.stamp {
		return nil
	}
	p.stamp = stamp
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("tls certificate: %w", err)
	}
	p.loaded = &pair
	return nil
}
