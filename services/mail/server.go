package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Server is an SMTP server that takes messages on for others.
type Server struct {
	// Addr is host:port. Required.
	Addr string
	// From is the sender, "rollcall <rollcall@example.org>" or the address alone. Required.
	From string
	// User signs in with Password; "" does not sign in.
	User, Password string
	// TLS says how the connection is encrypted.
	TLS TLS
	// CA is a PEM file with the authorities that sign the server's certificate; "" are the
	// system's.
	CA string
	// Timeout limits signing in, and each message; 0 means 15 s.
	Timeout time.Duration
}

// TLS is how a connection is encrypted.
type TLS string

// The ways. With TLSStart, a server that offers no STARTTLS is refused.
const (
	TLSStart    TLS = "starttls"
	TLSImplicit TLS = "implicit"
	TLSNone     TLS = "none"
)

// Validate says what cannot be. It does not look for the server.
func (s *Server) Validate() error {
	_, port, err := net.SplitHostPort(s.Addr)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 1 || n > 1<<16-1 {
		return errors.New("smtp-addr must be HOST:PORT")
	}
	if _, err := mail.ParseAddress(s.From); err != nil {
		return errors.New(`smtp-from must be an address, such as "rollcall <rollcall@example.org>"`)
	}
	if s.TLS == TLSNone && s.User != "" {
		return errors.New("smtp-user: a password is never sent in the clear: use --smtp-tls starttls or implicit")
	}
	_, err = s.authorities()
	return err
}

// authorities returns those of the file, nil for the system's.
func (s *Server) authorities() (*x509.CertPool, error) {
	if s.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, fmt.Errorf("smtp-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("smtp-ca: %s has no certificate", s.CA)
	}
	return pool, nil
}

// dial connects and signs in. Close the client.
func (s *Server) dial(ctx context.Context) (*gomail.Client, error) {
	host, portText, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, err
	}
	roots, err := s.authorities()
	if err != nil {
		return nil, err
	}
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(cmp.Or(s.Timeout, 15*time.Second)),
		gomail.WithTLSConfig(&tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12}),
	}
	switch s.TLS {
	case TLSImplicit:
		options = append(options, gomail.WithSSL())
	case TLSNone:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return nil, err
	}
	if err := client.DialWithContext(ctx); err != nil {
		_ = client.Close() // of what was not opened whole
		return nil, fmt.Errorf("smtp server: %w", err)
	}
	return client, nil
}

// Check connects, signs in, and sends nothing.
func (s *Server) Check(ctx context.Context) error {
	client, err := s.dial(ctx)
	if err != nil {
		return err
	}
	return client.Close()
}
