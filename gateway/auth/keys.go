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
	refreshEvery = time.Hour
	// unknownEvery is how often tokens with unknown keys, which anybody can
	// make, may cause a fetch, and unknownWait how long such a token may wait
	// for one; those that would wait longer are refused at once.
	unknownEvery = 10 * time.Second
	unknownWait  = 5 * time.Second
	fetchTimeout = 10 * time.Second
)

func source(ctx context.Context, cfg Config) (jwt.Keyfunc, error) {
	switch {
	case cfg.JWKSFile != "":
		return fromFile(ctx, cfg.JWKSFile)
	case cfg.JWKSURL != "":
		return fromURL(ctx, cfg)
	}
	secret := []byte(cfg.Secret)
	return func(*jwt.Token) (any, error) { return secret, nil }, nil
}

func fromFile(ctx context.Context, name string) (jwt.Keyfunc, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("auth: read JWKS: %w", err)
	}
	set, err := keyfunc.NewJWKSetJSON(json.RawMessage(raw))
	if err != nil {
		return nil, fmt.Errorf("auth: read JWKS %s: %w", name, err)
	}
	if err := usable(ctx, set); err != nil {
		return nil, fmt.Errorf("auth: read JWKS %s: %w", name, err)
	}
	return set.Keyfunc, nil
}

func fromURL(ctx context.Context, cfg Config) (jwt.Keyfunc, error) {
	// The text of the URL stays out of these errors: it may hold a password.
	u, err := url.Parse(cfg.JWKSURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("auth: JWKS URL is no http or https URL")
	}
	if u.User != nil {
		return nil, errors.New("auth: JWKS URL must not hold a user or password")
	}
	transport := cfg.transport
	if transport == nil {
		// A connection kept for an hour is of no use.
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	}
	mustFetch := false
	set, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{cfg.JWKSURL}, keyfunc.Override{
		Client:                    &http.Client{Transport: transport},
		HTTPTimeout:               fetchTimeout,
		NoErrorReturnFirstHTTPReq: &mustFetch,
		RateLimitWaitMax:          unknownWait,
		RefreshInterval:           refreshEvery,
		RefreshUnknownKID:         rate.NewLimiter(rate.Every(unknownEvery), 1),
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(ctx context.Context, err error) {
				cfg.Logger.ErrorContext(ctx, "keys of tokens not fetched; those known stay good", "host", u.Host,
					"error", err)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("auth: fetch JWKS: %w", err)
	}
	if err := usable(ctx, set); err != nil {
		return nil, fmt.Errorf("auth: fetch JWKS from %s: %w", u.Host, err)
	}
	return set.Keyfunc, nil
}

// usable refuses a set by which no token could ever be good.
func usable(ctx context.Context, set keyfunc.Keyfunc) error {
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
	return errors.New("it holds no RSA or ECDSA key")
}
