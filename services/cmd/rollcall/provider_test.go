package main

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The person whom the provider knows, and the claims of their tokens.
const (
	providerUser, providerPassword = "test-user2", "verysecure"
	providerClient                 = "rollcall-console"
)

// openProvider is an OpenID provider of zitadel/oidc over HTTP, with a page to sign in, a
// session in a cookie, and one public client.
type openProvider struct {
	*storage.Storage
	t       *testing.T
	url     string
	console string // the origin of the console, whose addresses are the only ones for redirects
	role    string // in claims; the tests map it

	mu          sync.Mutex
	lifetime    time.Duration // of tokens
	refreshed   int           // grants of refresh tokens
	asked       []url.Values  // what it was asked for authorizations, newest last
	ended       int           // sign-outs
	revocations int
}

func startProvider(t *testing.T) *openProvider {
	t.Helper()
	p := &openProvider{t: t, lifetime: time.Hour, role: "CHIEF"}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	client := storage.NativeClient(providerClient)
	p.Storage = storage.NewStorageWithClients(storage.NewUserStore(p.url), map[string]*storage.Client{
		providerClient: client,
	})
	provider, err := op.NewProvider(&op.Config{
		CodeMethodS256: true, GrantTypeRefreshToken: true, DefaultLogoutRedirectURI: "/signed-out",
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime: time.Minute, PollInterval: time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20,
		},
	}, p, op.StaticIssuer(p.url), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	back := op.AuthCallbackURL(provider)
	issuer := op.NewIssuerInterceptor(provider.IssuerFromRequest)
	mux.HandleFunc("GET /login", issuer.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("id")
		if _, err := r.Cookie("session"); err == nil {
			p.signIn(w, r, id, back)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>Provider</title><h1>The provider</h1><form method="post">
			<input name="id" type="hidden" value="%s"><input name="user"><input name="password" type="password">
			<button>Continue</button></form>`, html.EscapeString(id))
	}))
	mux.HandleFunc("POST /login", issuer.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("user") != providerUser || r.FormValue("password") != providerPassword {
			http.Error(w, "wrong", http.StatusForbidden)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "yes", Path: "/", HttpOnly: true})
		p.signIn(w, r, r.FormValue("id"), back)
	}))
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.note(w, r)
		mux.ServeHTTP(w, r)
	})
	return p
}

// signIn ends an authorization that somebody has signed in for.
func (p *openProvider) signIn(
	w http.ResponseWriter, r *http.Request, id string, back func(context.Context, string) string,
) {
	if err := p.CheckUsernamePassword(providerUser, providerPassword, id); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	http.Redirect(w, r, back(r.Context(), id), http.StatusFound)
}

// note keeps what tests look at.
func (p *openProvider) note(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.URL.Path {
	case "/authorize":
		p.asked = append(p.asked, r.URL.Query())
	case "/end_session":
		p.ended++
		http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
	case "/revoke":
		p.revocations++
	}
}

// counts returns how often something was asked for.
func (p *openProvider) counts() (authorizations, refreshed, ended, revocations int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked), p.refreshed, p.ended, p.revocations
}

// serveConsole says where the console is, once that is known.
func (p *openProvider) serveConsole(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.console = url
}

func (p *openProvider) setLifetime(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lifetime = d
}

// CreateAuthRequest lets a silent visit go on to the page for signing in where there is a session.
// That page cannot ask in it.
func (p *openProvider) CreateAuthRequest(
	ctx context.Context, r *oidc.AuthRequest, user string,
) (op.AuthRequest, error) {
	if len(r.Prompt) == 1 && r.Prompt[0] == oidc.PromptNone && p.hasSession() {
		silent := *r
		silent.Prompt = nil
		r = &silent
	}
	return p.Storage.CreateAuthRequest(ctx, r, user)
}

// hasSession reports whether somebody has signed in and nobody out: one browser uses the provider.
func (p *openProvider) hasSession() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended == 0
}

// CreateAccessAndRefreshTokens counts renewals, and bounds access tokens as ID tokens are.
func (p *openProvider) CreateAccessAndRefreshTokens(
	ctx context.Context, r op.TokenRequest, current string,
) (id, refresh string, until time.Time, err error) {
	p.mu.Lock()
	if current != "" {
		p.refreshed++
	}
	lifetime := p.lifetime
	p.mu.Unlock()
	if d, ok := r.(*op.DeviceAuthorizationState); ok { // the example does not know whose client it is
		r = &storage.AuthRequest{ApplicationID: d.ClientID, UserID: d.Subject, Scopes: d.Scopes}
	}
	id, refresh, _, err = p.Storage.CreateAccessAndRefreshTokens(ctx, r, current)
	return id, refresh, time.Now().Add(lifetime), err
}

// SetUserinfoFromRequest adds the claims of ID tokens.
func (p *openProvider) SetUserinfoFromRequest(
	ctx context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string,
) error {
	info.AppendClaims("groups", []string{"staff", p.role})
	return p.Storage.SetUserinfoFromRequest(ctx, info, r, scopes)
}

// GetPrivateClaimsFromScopes adds the claims of access tokens.
func (p *openProvider) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return map[string]any{"groups": []string{p.role}, "email": "test-user2@zitadel.ch"}, nil
}

// GetClientByClientID returns the client as an operator would register it.
func (p *openProvider) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	if id != providerClient {
		return nil, fmt.Errorf("there is no client %q", id)
	}
	c, err := p.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return consoleClient{c, p.console, p.lifetime}, nil
}

// consoleClient is a public client with exact addresses for redirects.
type consoleClient struct {
	op.Client
	console  string
	lifetime time.Duration
}

func (c consoleClient) RedirectURIs() []string               { return []string{c.console + "/signed-in"} }
func (c consoleClient) PostLogoutRedirectURIs() []string     { return []string{c.console + "/"} }
func (c consoleClient) ApplicationType() op.ApplicationType  { return op.ApplicationTypeUserAgent }
func (c consoleClient) DevMode() bool                        { return true } // http on the loopback
func (c consoleClient) LoginURL(id string) string            { return "/login?id=" + url.QueryEscape(id) }
func (c consoleClient) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (c consoleClient) IDTokenLifetime() time.Duration       { return c.lifetime }
func (c consoleClient) IDTokenUserinfoClaimsAssertion() bool { return true }

func (c consoleClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeDeviceCode}
}
