// Package provider finds out about an organisation's OpenID provider, by discovery: with
// which keys its tokens are checked, and what the console and the command line need to
// sign somebody in there. It signs nobody in itself.
package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// DefaultScopes are asked for where Config.Scopes is nil. offline_access asks for a refresh
// token; who does not give one may ignore it.
var DefaultScopes = []string{"openid", "profile", "email", "offline_access"}

// discoveryTime is how long one attempt of discovery may take.
const discoveryTime = 10 * time.Second

// Config says which provider, and as whom rollcall is known there.
type Config struct {
	// Issuer is the provider's URL, exactly as its tokens have it. It is https, or http on
	// the loopback: whoever sits between could act as anybody.
	Issuer string
	// ClientID is the public client (without a secret) of the console. Its redirect URI
	// is the console's address with RedirectPath behind it.
	ClientID string
	// DeviceClientID is the public client of the command line; "" means ClientID.
	DeviceClientID string
	// Audience is the name of the API at the provider. With it the access token is sent to
	// rollcall, which must be a JWT with this audience; with "" the ID token, whose
	// audience is the client.
	Audience string
	// Scopes are asked for; nil means DefaultScopes. openid must be one of them.
	Scopes []string
}

// RedirectPath is where the provider sends a browser back to.
const RedirectPath = "/signed-in"

// Validate names each setting that cannot be, as the program's flags are named.
func (c Config) Validate() (err error) {
	if c.Issuer == "" {
		return errors.New("oidc-issuer must be given with the other settings of the provider")
	}
	if e := checkURL(c.Issuer); e != nil {
		err = errors.Join(err, fmt.Errorf("oidc-issuer %w", e))
	}
	if c.ClientID == "" {
		err = errors.Join(err, errors.New("oidc-client-id must be given with oidc-issuer"))
	}
	if c.Scopes != nil && !slices.Contains(c.Scopes, oidc.ScopeOpenID) {
		err = errors.Join(err, errors.New("oidc-scopes must have openid among them"))
	}
	return err
}

// Audiences are those that a token of the provider must have one of.
func (c Config) Audiences() []string {
	if c.Audience != "" {
		return []string{c.Audience}
	}
	clients := []string{c.ClientID, cmp.Or(c.DeviceClientID, c.ClientID)}
	return slices.Compact(clients)
}

// Kinds of tokens that rollcall is given.
const (
	TokenAccess = "access_token"
	TokenID     = "id_token"
)

// SignIn is what who signs somebody in must know. All of it is public.
type SignIn struct {
	Issuer         string   `json:"issuer"`
	ClientID       string   `json:"client_id"`
	DeviceClientID string   `json:"device_client_id"`
	Audience       string   `json:"audience"` // "" is none
	Scopes         []string `json:"scopes"`
	// Token is which one is sent to rollcall: TokenAccess or TokenID.
	Token string `json:"token"`
}

// SignIn returns what the console and the command line are told.
func (c Config) SignIn() SignIn {
	s := SignIn{
		Issuer: c.Issuer, ClientID: c.ClientID, DeviceClientID: cmp.Or(c.DeviceClientID, c.ClientID),
		Audience: c.Audience, Scopes: c.Scopes, Token: TokenID,
	}
	if s.Scopes == nil {
		s.Scopes = DefaultScopes
	}
	if c.Audience != "" {
		s.Token = TokenAccess
	}
	return s
}

// Provider is what discovery has found.
type Provider struct {
	// KeysURL is where the public keys of tokens are.
	KeysURL string
	// Origins are those that the console talks to, sorted: of discovery, of the tokens and
	// of their revocation.
	Origins []string
}

// Discover asks a provider about itself. The issuer that it names must be the one it was
// asked for under, and what it names must be https, or http on the loopback.
func Discover(ctx context.Context, c Config) (*Provider, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, discoveryTime)
	defer cancel()
	// Nothing uses the connection again.
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, client), c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask the provider %s: %w", c.Issuer, err)
	}
	var more struct {
		Keys       string `json:"jwks_uri"`
		Revocation string `json:"revocation_endpoint"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, fmt.Errorf("ask the provider %s: %w", c.Issuer, err)
	}
	p := &Provider{KeysURL: more.Keys}
	for name, address := range map[string]string{
		"issuer": c.Issuer, "jwks_uri": more.Keys, "token_endpoint": found.Endpoint().TokenURL,
		"authorization_endpoint": found.Endpoint().AuthURL, "revocation_endpoint": more.Revocation,
	} {
		if name == "revocation_endpoint" && address == "" {
			continue
		}
		if err := checkURL(address); err != nil {
			return nil, fmt.Errorf("the provider %s says a %s that %w", c.Issuer, name, err)
		}
		if name != "jwks_uri" && name != "authorization_endpoint" { // the page fetches neither
			p.Origins = append(p.Origins, origin(address))
		}
	}
	slices.Sort(p.Origins)
	p.Origins = slices.Compact(p.Origins)
	return p, nil
}

// checkURL refuses an address over which a third party could read or alter.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("must be an https URL, not %q", address)
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return fmt.Errorf("must be an https URL, not %q", address)
	}
	// It becomes part of the page's policy, where these would end it.
	if strings.ContainsAny(u.Host, " ;,'\"\\") {
		return fmt.Errorf("has a host that cannot be, %q", u.Host)
	}
	return nil
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // checkURL has looked at it
	}
	return u.Scheme + "://" + u.Host
}
