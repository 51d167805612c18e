// Package auth checks and makes the JSON Web Tokens that REST and WebSocket
// requests carry. It is the only verifier of both.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.example/events"
	"rollcall.example/events/revocation"
)

// Config says which tokens are valid. Exactly one source of keys must be given.
type Config struct {
	// Secret is the key of HS256 tokens; empty means that tokens are signed in
	// another way. It must be one that CheckSecret accepts: whoever guesses the secret
	// can act as anybody, and one token is enough to test guesses.
	Secret string
	// JWKSFile names a JSON Web Key Set of public keys for RS256 and ES256
	// tokens. It is read once; empty means none.
	JWKSFile string
	// JWKSURL is the same from an http or https URL without a password; empty means
	// none. It is fetched at the start, every hour, and when a token names an unknown
	// key, then at most every 10 s. A token without a kid causes no fetch. Over plain
	// http whoever sits between can act as anybody.
	JWKSURL string
	// Issuers and Audiences, where not empty, must have the token's issuer and at least
	// one of its audiences in them. They are required with a JWKS: an issuer signs tokens
	// for many programs with the same keys.
	Issuers, Audiences []string
	// Types are the typ headers that a token may have, in any case, with or without
	// application/ before them; TypeAbsent is a token without one. Empty means
	// DefaultTypes.
	Types []string
	// MaxLifetime is how long a token may be good for in all, from its iat to its exp; of
	// a token without iat, from now on. 0 means without limit.
	MaxLifetime time.Duration
	// UserClaims and RoleClaims are the claims that hold the user's id and role; the first
	// that a token has counts. Each is a name, or the way through objects with dots
	// between. nil means DefaultUserClaims and DefaultRoleClaims.
	UserClaims, RoleClaims []string
	// ResolveRole returns our name of a token's role, and whether it is one of ours; nil
	// takes each role as it is.
	ResolveRole func(role string) (ours string, known bool)
	// Places are the names of the claims that say where a user works.
	Places PlaceClaims
	// Revocations know which tokens are revoked; nil means that none is.
	Revocations *revocation.Watch
	// Leeway is the difference between clocks that is forgiven, at least 0.
	Leeway time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger is told when keys could not be fetched again; nil discards that.
	Logger *slog.Logger

	// transport fetches the keys; nil means over the network.
	transport http.RoundTripper
}

// TypeAbsent stands in Config.Types for a token without typ.
const TypeAbsent = "absent"

// DefaultTypes are those of RFC 7519 and of access tokens as in RFC 9068.
var DefaultTypes = []string{"JWT", "at+jwt", TypeAbsent}

// Verifier checks tokens. It is safe for concurrent use. Close stops the refreshing of
// keys.
type Verifier struct {
	keys   jwt.Keyfunc
	parser *jwt.Parser
	rules  rules
	places PlaceClaims

	userClaims, roleClaims []string
	resolveRole            func(string) (string, bool)

	revocations *revocation.Watch

	now  func() time.Time
	stop context.CancelFunc
}

// New returns a verifier. It refreshes keys from a URL until ctx ends or the verifier is
// closed. It refuses a Config with no source of keys or with more than one, a weak secret,
// a JWKS without issuers or audiences, and a source that cannot be read or holds no RSA or
// ECDSA key.
func New(ctx context.Context, cfg Config) (*Verifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Logger = events.Logger(cfg.Logger)
	cfg.Places = cfg.Places.withDefaults()
	if len(cfg.UserClaims) == 0 {
		cfg.UserClaims = DefaultUserClaims
	}
	if len(cfg.RoleClaims) == 0 {
		cfg.RoleClaims = DefaultRoleClaims
	}
	ctx, stop := context.WithCancel(ctx)
	keys, err := openKeys(ctx, cfg)
	if err != nil {
		stop()
		return nil, err
	}
	return &Verifier{
		keys: keys, parser: newParser(cfg), rules: newRules(cfg), places: cfg.Places,
		userClaims: cfg.UserClaims, roleClaims: cfg.RoleClaims, resolveRole: cfg.ResolveRole,
		revocations: cfg.Revocations, now: cfg.Now, stop: stop,
	}, nil
}

// Validate refuses no source of keys and more than one, a weak secret, and a JWKS without
// issuers or audiences. It reads nothing.
func (c Config) Validate() error {
	if err := c.validate(); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return nil
}

func (c Config) validate() error {
	sources := 0
	for _, s := range []string{c.Secret, c.JWKSFile, c.JWKSURL} {
		if s != "" {
			sources++
		}
	}
	switch {
	case sources == 0:
		return errors.New("no key: give a JWT secret, a JWKS file or a JWKS URL")
	case sources > 1:
		return errors.New("give only one of JWT secret, JWKS file and JWKS URL")
	case c.Secret == "" && len(c.Issuers) == 0:
		return errors.New("a JWKS needs the issuers whose tokens are accepted")
	case c.Secret == "" && len(c.Audiences) == 0:
		return errors.New("a JWKS needs the audiences whose tokens are accepted")
	case slices.Contains(c.Issuers, "") || slices.Contains(c.Audiences, "") || slices.Contains(c.Types, "") ||
		slices.Contains(c.UserClaims, "") || slices.Contains(c.RoleClaims, ""):
		return errors.New("an issuer, audience, type or claim is empty")
	case c.Leeway < 0:
		return fmt.Errorf("the leeway must be at least 0, not %v", c.Leeway)
	case c.MaxLifetime < 0:
		return fmt.Errorf("the longest lifetime must be at least 0, not %v", c.MaxLifetime)
	}
	if c.Secret == "" {
		return nil
	}
	if err := CheckSecret(c.Secret); err != nil {
		return fmt.Errorf("secret %w", err)
	}
	return nil
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
	if len(cfg.Audiences) > 0 {
		opts = append(opts, jwt.WithAudience(cfg.Audiences...))
	}
	return jwt.NewParser(opts...)
}

// Close stops the refreshing of keys. The keys fetched so far stay valid.
func (v *Verifier) Close() { v.stop() }
