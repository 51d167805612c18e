package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

const (
	refreshInterval = time.Hour
	// unknownInterval is how often tokens with unknown keys may cause a fetch, for
	// anybody can make such tokens. unknownWait is how long one may wait for its fetch;
	// one that would wait longer is refused at once.
	unknownInterval = 10 * time.Second
	unknownWait     = 5 * time.Second
	fetchTimeout    = 10 * time.Second
)

// openKeys returns where the verifier looks up the key of a token.
func openKeys(ctx context.Context, cfg Config) (jwt.Keyfunc, error) {
	switch {
	case cfg.JWKSFile != "":
		return readKeys(ctx, cfg.JWKSFile)
	case cfg.JWKSURL != "":
		return fetchKeys(ctx, cfg)
	}
	secret := []byte(cfg.Secret)
	return func(*jwt.Token) (any, error) { return secret, nil }, nil
}

func readKeys(ctx context.Context, name string) (jwt.Keyfunc, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("auth: read JWKS: %w", err)
	}
	set, err := keyfunc.NewJWKSetJSON(json.RawMessage(raw))
	if err != nil {
		return nil, fmt.Errorf("auth: read JWKS %s: %w", name, err)
	}
	if err := checkUsable(ctx, set); err != nil {
		return nil, fmt.Errorf("auth: read JWKS %s: %w", name, err)
	}
	return set.Keyfunc, nil
}

func fetchKeys(ctx context.Context, cfg Config) (jwt.Keyfunc, error) {
	// These errors do not quote the URL: it may hold a password.
	u, err := url.Parse(cfg.JWKSURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("auth: JWKS URL is not an http or https URL")
	}
	if u.User != nil {
		return nil, errors.New("auth: JWKS URL must not hold a user or password")
	}
	transport := cfg.transport
	if transport == nil {
		// Nothing uses the connection again for an hour.
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	}
	mustFetch := false
	set, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{cfg.JWKSURL}, keyfunc.Override{
		Client:                    &http.Client{Transport: transport},
		HTTPTimeout:               fetchTimeout,
		NoErrorReturnFirstHTTPReq: &mustFetch,
		RateLimitWaitMax:          unknownWait,
		RefreshInterval:           refreshInterval,
		RefreshUnknownKID:         rate.NewLimiter(rate.Every(unknownInterval), 1),
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(ctx context.Context, err error) {
				cfg.Logger.ErrorContext(ctx, "cannot refresh the keys of tokens; the known ones stay valid",
					"host", u.Host, "err", err)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("auth: fetch JWKS: %w", err)
	}
	if err := checkUsable(ctx, set); err != nil {
		return nil, fmt.Errorf("auth: fetch JWKS from %s: %w", u.Host, err)
	}
	return set.Keyfunc, nil
}

// checkUsable refuses a set that no token could be verified with.
func checkUsable(ctx context.Context, set keyfunc.Keyfunc) error {
	all, err := set.VerificationKeySet(ctx)
	if err != nil {
		return err
	}
	for _, key := range all.Keys {
		switch key.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey:
			return nil
		}
	}
	return errors.New("no RSA or ECDSA key in it")
}
