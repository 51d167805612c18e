// Package auth checks and makes the JSON Web Tokens that REST and WebSocket
// requests carry. It is the only verifier of both.
package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Config says which tokens are good. Exactly one source of keys must be given.
type Config struct {
	// Secret is the key of HS256 tokens; empty means that tokens are signed
	// otherwise. Any length is taken, but whoever knows or guesses it can be
	// anybody, and one token is enough to guess against: in production use 32
	// random bytes or more.
	Secret string
	// JWKSFile names a JSON Web Key Set of public keys for RS256 and ES256
	// tokens. It is read once; empty means none.
	JWKSFile string
	// JWKSURL is the same from an http or https URL without a password; empty
	// means none. It is fetched at the start, every hour, and when a token
	// names an unknown key, then at most every 10 s. Tokens without a kid wait
	// for the hour. Over plain http whoever sits on the way can be anybody.
	JWKSURL string
	// Issuer and Audience, where not empty, must be those of the token.
	Issuer, Audience string
	// Leeway is the difference of clocks that is forgiven; 0 means none.
	// Negative values are refused.
	Leeway time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of keys that could not be fetched again; nil means
	// slog.Default().
	Logger *slog.Logger

	// transport fetches the keys; nil means over the network.
	transport http.RoundTripper
}

// Verifier checks tokens. It is safe for concurrent use. Close it to end the
// refreshing of keys.
type Verifier struct {
	keys   jwt.Keyfunc
	parser *jwt.Parser
	stop   context.CancelFunc
}

// New returns a verifier. Keys from a URL are refreshed until ctx ends or the
// verifier is closed. It refuses a configuration without a source of keys, with
// more than one, or with a source that holds no RSA or ECDSA key or cannot be
// read.
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
		return nil, errors.New("auth: leeway is negative")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	ctx, stop := context.WithCancel(ctx)
	keys, err := source(ctx, cfg)
	if err != nil {
		stop()
		return nil, err
	}
	return &Verifier{keys: keys, parser: parser(cfg), stop: stop}, nil
}

func parser(cfg Config) *jwt.Parser {
	// The algorithm follows from the source of keys, never from the token:
	// else a public key could be taken for the secret of an HS256 token.
	methods := []string{"RS256", "ES256"}
	if cfg.Secret != "" {
		methods = []string{"HS256"}
	}
	opts := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Leeway), jwt.WithTimeFunc(cfg.Now),
		// As floats, two large numeric user ids could become one.
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

// Close ends the refreshing of keys. Keys that are known stay good.
func (v *Verifier) Close() { v.stop() }
