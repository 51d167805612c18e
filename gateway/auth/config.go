// Package auth checks and makes the JSON Web Tokens that REST and WebSocket
// requests carry. It is the only verifier of both.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
)

// Config says which tokens are valid. Exactly one source of keys must be given.
type Config struct {
	// Secret is the key of HS256 tokens; empty means that tokens are signed in
	// another way. Any length is accepted, but whoever guesses the secret can act as
	// anybody, and one token is enough to test guesses: in production use 32 random
	// bytes or more.
	Secret string
	// JWKSFile names a JSON Web Key Set of public keys for RS256 and ES256
	// tokens. It is read once; empty means none.
	JWKSFile string
	// JWKSURL is the same from an http or https URL without a password; empty means
	// none. It is fetched at the start, every hour, and when a token names an unknown
	// key, then at most every 10 s. A token without a kid causes no fetch. Over plain
	// http whoever sits between can act as anybody.
	JWKSURL string
	// Issuer and Audience, where not empty, must be those of the token.
	Issuer, Audience string
	// Places are the names of the claims that say where a user works.
	Places PlaceClaims
	// Leeway is the difference between clocks that is forgiven, at least 0.
	Leeway time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger is told when keys could not be fetched again; nil discards that.
	Logger *slog.Logger

	// transport fetches the keys; nil means over the network.
	transport http.RoundTripper
}

// Verifier checks tokens. It is safe for concurrent use. Close stops the refreshing of
// keys.
type Verifier struct {
	keys   jwt.Keyfunc
	parser *jwt.Parser
	places PlaceClaims
	stop   context.CancelFunc
}

// New returns a verifier. It refreshes keys from a URL until ctx ends or the verifier is
// closed. It refuses a Config with no source of keys or with more than one, and a source
// that cannot be read or holds no RSA or ECDSA key.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	sources := 0
	for _, s := range []string{cfg.Secret, cfg.JWKSFile, cfg.JWKSURL} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources == 0:
		return nil, errors.New("auth: no key: give a JWT secret, a JWKS file or a JWKS URL")
	case sources > 1:
		return nil, errors.New("auth: give only one of JWT secret, JWKS file and JWKS URL")
	case cfg.Leeway < 0:
		return nil, fmt.Errorf("auth: Leeway must be at least 0, not %v", cfg.Leeway)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger)
	cfg.Places = cfg.Places.withDefaults()
	ctx, stop := context.WithCancel(ctx)
	keys, err := openKeys(ctx, cfg)
	if err != nil {
		stop()
		return nil, err
	}
	return &Verifier{keys: keys, parser: newParser(cfg), places: cfg.Places, stop: stop}, nil
}

func newParser(cfg Config) *jwt.Parser {
	// The source of keys decides about the algorithm, and never the token does. Or a
	// public key could be used as the secret of an HS256 token.
	methods := []string{"RS256", "ES256"}
	if cfg.Secret != "" {
		methods = []string{"HS256"}
	}
	opts := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Leeway), jwt.WithTimeFunc(cfg.Now),
		// As floats, two large numeric user ids could become the same one.
		jwt.WithJSONNumber(),
	}
	if cfg.Issuer != "" {
		opts = append(opts, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		opts = append(opts, jwt.WithAudience(cfg.Audience))
	}
	return jwt.NewParser(opts...)
}

// Close stops the refreshing of keys. The keys fetched so far stay valid.
func (v *Verifier) Close() { v.stop() }
