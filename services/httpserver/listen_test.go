package httpserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// selfSigned makes a certificate and its key as files.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	err = errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// Old versions of TLS and ciphers that do not authenticate what they encrypt are refused.
func TestOldTLSIsRefused(t *testing.T) {
	cert, key := selfSigned(t)
	ln, err := Listen("127.0.0.1:0", cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // the client knows how it went
			_ = conn.Close()
		}
	}()
	for name, tt := range map[string]struct {
		min, max uint16
		ciphers  []uint16
		refused  bool
	}{
		"TLS 1.3": {tls.VersionTLS13, tls.VersionTLS13, nil, false},
		"TLS 1.2 with GCM": {tls.VersionTLS12, tls.VersionTLS12,
			[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, false},
		"TLS 1.2 with CBC": {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}, true},
		"TLS 1.1":          {tls.VersionTLS10, tls.VersionTLS11, nil, true},
	} {
		// The certificate is nobody's; which versions and ciphers are spoken is asked.
		config := &tls.Config{MinVersion: tt.min, MaxVersion: tt.max, CipherSuites: tt.ciphers, InsecureSkipVerify: true}
		conn, err := tls.Dial("tcp", ln.Addr().String(), config)
		if (err != nil) != tt.refused {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	<-done
}
