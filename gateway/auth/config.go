// Package auth checks and makes the JSON Web Tokens that REST and WebSocket
// requests carry. It is the only verifier of both.
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// Config says which tokens are good. Exactly one source of keys must be given.
type Config struct {
	// Secret is the key of HS256 tokens. Whoever knows or guesses it can be
	// anybody: in production use 32 random bytes or more.
	Secret string
	// JWKSFile names a JSON Web Key Set of public keys for RS256 and ES256
	// tokens. It is read once.
	JWKSFile string
	// JWKSURL is the same from a URL, fetched again every hour and when a
	// token names a key that is not known yet.
	JWKSURL string
	// Issuer and Audience, where not empty, must be those of the token.
	Issuer, Audience string
	// Leeway is the difference of clocks that is forgiven; 0 means none.
	Leeway time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Verifier checks tokens. Close it to end the refreshing of keys.
type Verifier struct {
	keys   jwt.Keyfunc
	parser *jwt.Parser
	stop   context.CancelFunc
}

// New returns a verifier. Keys from a URL are refreshed until ctx ends or the
// verifier is closed.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	sources := 0
	for _, s := range []string{cfg.Secret, cfg.JWKSFile, cfg.JWKSURL} {
		if s != "" {
			sources++
		}
	}
	if sources == 0 {
		return nil, errors.New("auth: no key: give a JWT secret, a JWKS file or a JWKS URL")
	}
	if sources > 1 {
		return nil, errors.New("auth: give only one of JWT secret, JWKS file and JWKS URL")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	// The algorithm follows from the source of keys, never from the token:
	// else a public key could be taken for the secret of an HS256 token.
	methods := []string{"RS256", "ES256"}
	if cfg.Secret != "" {
		methods = []string{"HS256"}
	}
	opts := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Leeway), jwt.WithTimeFunc(cfg.Now),
	}
	if cfg.Issuer != "" {
		opts = append(opts, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		opts = append(opts, jwt.WithAudience(cfg.Audience))
	}
	ctx, stop := context.WithCancel(ctx)
	keys, err := source(ctx, cfg)
	if err != nil {
		stop()
		return nil, err
	}
	return &Verifier{keys: keys, parser: jwt.NewParser(opts...), stop: stop}, nil
}

// Close ends the refreshing of keys.
func (v *Verifier) Close() { v.stop() }

func source(ctx context.Context, cfg Config) (jwt.Keyfunc, error) {
	switch {
	case cfg.JWKSFile != "":
		raw, err := os.ReadFile(cfg.JWKSFile)
		if err != nil {
			return nil, fmt.Errorf("auth: read JWKS: %w", err)
		}
		set, err := keyfunc.NewJWKSetJSON(json.RawMessage(raw))
		if err != nil {
			return nil, fmt.Errorf("auth: read JWKS %s: %w", cfg.JWKSFile, err)
		}
		return set.Keyfunc, nil
	case cfg.JWKSURL != "":
		set, err := keyfunc.NewDefaultCtx(ctx, []string{cfg.JWKSURL})
		if err != nil {
			return nil, fmt.Errorf("auth: fetch JWKS: %w", err)
		}
		return set.Keyfunc, nil
	}
	return func(*jwt.Token) (any, error) { return []byte(cfg.Secret), nil }, nil
}
