// Package mailtest is a real SMTP server for tests, which speaks STARTTLS with a certificate
// of its own and wants a password. Imported from _test.go files only.
package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// User and Password are what the server takes.
const (
	User     = "rollcall"
	Password = "the password of mail"
)

// ErrDrop has the server close the connection without an answer.
var ErrDrop = errors.New("drop the connection")

// Temporary and Permanent are answers of a server that refuses.
var (
	Temporary = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "come again"}
	Permanent = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody here"}
)

// Message is what the server has taken.
type Message struct {
	From, To string
	Text     []byte
}

// Server is an SMTP server on 127.0.0.1.
type Server struct {
	// Addr is where it listens, also after it was stopped and started again.
	Addr string
	// CA is a file with its certificate.
	CA string

	t        testing.TB
	tls      *tls.Config
	implicit bool

	mu       sync.Mutex
	running  *smtp.Server
	ended    chan struct{}
	messages []Message
	refuse   func(step string) error
	tries    int
}

// Start runs a server until the test ends.
func Start(t testing.TB) *Server { return start(t, false) }

// StartImplicit runs one that speaks TLS from the first byte on.
func StartImplicit(t testing.TB) *Server { return start(t, true) }

func start(t testing.TB, implicit bool) *Server {
	t.Helper()
	s := &Server{t: t, implicit: implicit, Addr: "127.0.0.1:0"}
	s.makeCertificate()
	s.Resume()
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) makeCertificate() {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.CA = filepath.Join(s.t.TempDir(), "mail.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(s.CA, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// Stop ends the server, as if its machine were off.
func (s *Server) Stop() {
	s.mu.Lock()
	running, ended := s.running, s.ended
	s.running = nil
	s.mu.Unlock()
	if running == nil {
		return
	}
	_ = running.Close() // what it was doing is of no interest
	<-ended
}

// Resume runs the server again, at the same address.
func (s *Server) Resume() {
	s.t.Helper()
	ln, err := net.Listen("tcp", s.Addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Addr = ln.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	server.Domain, server.TLSConfig = "127.0.0.1", s.tls
	server.ErrorLog = discard{}
	if s.implicit {
		ln = tls.NewListener(ln, s.tls)
		server.TLSConfig = nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(ln) // ends with Stop
	}()
	s.mu.Lock()
	s.running, s.ended = server, ended
	s.mu.Unlock()
}

type discard struct{}

func (discard) Printf(string, ...any) {}
func (discard) Println(...any)        {}

// Refuse has f asked at each step, which is rcpt, data (before the text is taken) or taken
// (after it). nil accepts everything.
func (s *Server) Refuse(f func(step string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// Messages returns what was taken.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Tries returns how many messages were begun.
func (s *Server) Tries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

// session is a connection. It may send once it has signed in over TLS.
type session struct {
	server *Server
	conn   *smtp.Conn
	signed bool
	from   string
	to     string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return smtp.ErrAuthFailed
		}
		s.signed = true
		return nil
	}), nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if _, secure := s.conn.TLSConnectionState(); !s.signed || !secure && !s.server.implicit {
		return smtp.ErrAuthRequired
	}
	s.server.mu.Lock()
	s.server.tries++
	s.server.mu.Unlock()
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.ask("rcpt")
}

func (s *session) Data(r io.Reader) error {
	if err := s.ask("data"); err != nil {
		return err
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	s.server.messages = append(s.server.messages, Message{s.from, s.to, text})
	s.server.mu.Unlock()
	return s.ask("taken")
}

func (s *session) ask(step string) error {
	s.server.mu.Lock()
	refuse := s.server.refuse
	s.server.mu.Unlock()
	if refuse == nil {
		return nil
	}
	err := refuse(step)
	if errors.Is(err, ErrDrop) {
		_ = s.conn.Conn().Close() // the client sees an end
	}
	return err
}
