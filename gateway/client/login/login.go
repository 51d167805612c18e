package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"

	"rollcall.example/gateway/auth/provider"
)

// margin is how long before its end a token is renewed.
const margin = 30 * time.Second

// Ways asks a server how people sign in there.
func Ways(ctx context.Context, server string) (ways provider.Ways, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(server, "/")+provider.WaysPath, nil)
	if err != nil {
		return ways, fmt.Errorf("ask how to sign in: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ways, fmt.Errorf("ask how to sign in: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return ways, fmt.Errorf("ask how to sign in: %s says %s", server, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&ways); err != nil {
		return ways, fmt.Errorf("ask how to sign in: %w", err)
	}
	return ways, nil
}

// Device signs somebody in at a provider. It calls ask with the address to open and the
// code to enter there, waits until that is done, and returns what is to be kept.
func Device(ctx context.Context, at provider.SignIn, ask func(address, code string) error) (Entry, error) {
	e := Entry{Issuer: at.Issuer, Client: at.DeviceClientID, Kind: at.Token}
	cfg, verifier, err := discover(ctx, e)
	if err != nil {
		return Entry{}, err
	}
	if cfg.Endpoint.DeviceAuthURL == "" {
		return Entry{}, fmt.Errorf("the provider %s has no device flow: sign in to the console, or give --token", at.Issuer)
	}
	cfg.Scopes = at.Scopes
	var more []oauth2.AuthCodeOption
	if at.Audience != "" {
		more = append(more, oauth2.SetAuthURLParam("audience", at.Audience))
	}
	device, err := cfg.DeviceAuth(ctx, more...)
	if err != nil {
		return Entry{}, fmt.Errorf("begin to sign in: %w", err)
	}
	if err := checkShown(device.VerificationURI, device.UserCode); err != nil {
		return Entry{}, err
	}
	if err := ask(device.VerificationURI, device.UserCode); err != nil {
		return Entry{}, err
	}
	tokens, err := cfg.DeviceAccessToken(ctx, device)
	if err != nil {
		return Entry{}, fmt.Errorf("sign in: %w", err)
	}
	err = e.take(ctx, verifier, tokens)
	return e, err
}

// Password signs the administrator of a server without a provider in. Such a token is not
// renewed.
func Password(ctx context.Context, server, password string) (Entry, error) {
	body, err := json.Marshal(map[string]string{"password": password})
	if err != nil {
		return Entry{}, fmt.Errorf("sign in: %w", err)
	}
	address := strings.TrimRight(server, "/") + provider.WaysPath + "/password"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return Entry{}, fmt.Errorf("sign in: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Entry{}, fmt.Errorf("sign in: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Message string
		Data    struct{ Token string }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return Entry{}, fmt.Errorf("sign in: %w", err)
	}
	if answer.Data.Token == "" {
		return Entry{}, fmt.Errorf("sign in: %s (%s)", answer.Message, resp.Status)
	}
	return Entry{Token: answer.Data.Token}, nil
}

// checkShown refuses what could write more to a terminal than an address and a code.
func checkShown(address, code string) error {
	u, err := url.Parse(address)
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsFunc(address+code, unprintable) {
		return errors.New("the provider's answer cannot be shown")
	}
	return nil
}

// discover asks a provider about itself.
func discover(ctx context.Context, e Entry) (*oauth2.Config, *oidc.IDTokenVerifier, error) {
	p, err := oidc.NewProvider(ctx, e.Issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("ask the provider %s: %w", e.Issuer, err)
	}
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams // the client is a public one
	cfg := &oauth2.Config{ClientID: e.Client, Endpoint: endpoint}
	return cfg, p.Verifier(&oidc.Config{ClientID: e.Client}), nil
}

// take keeps the tokens of an answer.
func (e *Entry) take(ctx context.Context, verifier *oidc.IDTokenVerifier, tokens *oauth2.Token) error {
	idToken, _ := tokens.Extra("id_token").(string)
	if idToken != "" {
		if _, err := verifier.Verify(ctx, idToken); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
	}
	token := tokens.AccessToken
	if e.Kind == provider.TokenID {
		token = idToken
	}
	if token == "" {
		return fmt.Errorf("sign in: the provider gave no %s", e.Kind)
	}
	e.Token = token
	if tokens.RefreshToken != "" {
		e.Refresh = tokens.RefreshToken
	}
	return nil
}

// Source returns where the client gets its tokens for a server from: the kept one, which
// is renewed shortly before its end and kept again. Without an entry the error is ErrNone.
func (s Store) Source(server string) (func(context.Context) (string, error), error) {
	if _, err := s.Get(server); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) { return s.token(ctx, server) }, nil
}

func (s Store) token(ctx context.Context, server string) (string, error) {
	e, err := s.Get(server)
	if err != nil || e.isGood() || e.Refresh == "" {
		return e.Token, err
	}
	err = s.locked(func() error {
		// Another process may have renewed it meanwhile.
		if e, err = s.Get(server); err != nil || e.isGood() {
			return err
		}
		cfg, verifier, err := discover(ctx, e)
		if err != nil {
			return err
		}
		tokens, err := cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: e.Refresh}).Token()
		if err != nil {
			return fmt.Errorf("renew the session (rollcall login begins a new one): %w", err)
		}
		if err := e.take(ctx, verifier, tokens); err != nil {
			return err
		}
		return s.change(server, &e)
	})
	return e.Token, err
}

// isGood reports whether the token is good for a while. The server checks it; here only its
// end is looked at. One that does not say is taken for good.
func (e Entry) isGood() bool {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(e.Token, &claims); err != nil || claims.ExpiresAt == nil {
		return true
	}
	return time.Until(claims.ExpiresAt.Time) > margin
}

// Revoke ends the refresh token of an entry at its provider, if that can.
func Revoke(ctx context.Context, e Entry) error {
	if e.Refresh == "" {
		return nil
	}
	p, err := oidc.NewProvider(ctx, e.Issuer)
	if err != nil {
		return fmt.Errorf("ask the provider %s: %w", e.Issuer, err)
	}
	var found struct {
		Revocation string `json:"revocation_endpoint"`
	}
	if err := p.Claims(&found); err != nil || found.Revocation == "" {
		return err
	}
	form := url.Values{"token": {e.Refresh}, "token_type_hint": {"refresh_token"}, "client_id": {e.Client}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, found.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("revoke: the provider says %s", resp.Status)
	}
	return nil
}
