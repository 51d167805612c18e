package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// signInAtProvider fills in the provider's page.
func (b *page) signInAtProvider() {
	b.t.Helper()
	b.waitFor(`document.title === "Provider"`)
	b.enter("input[name=user]", providerUser)
	b.enter("input[name=password]", providerPassword)
	b.click("Continue")
}

// upWithProvider starts rollcall with two settings for the provider, and those that say
// which of its claims are the user and the role.
func upWithProvider(t *testing.T, provider *openProvider, args ...string) *program {
	t.Helper()
	p := rollcall(t, nil, append([]string{"up", "--addr", "127.0.0.1:0", "--data", t.TempDir(),
		"--oidc-issuer", provider.url, "--oidc-client-id", providerClient,
		"--jwt-user-claim", "email", "--jwt-role-claim", "groups", "--role-map", "CHIEF=national_admin"}, args...)...)
	p.waitHealthy()
	provider.serveConsole(p.url())
	return p
}

// A person signs in at the organisation's provider, goes on after loading the page again, is renewed without
// noticing, and signs out there too.
func TestConsoleSignsInWithOpenIDConnect(t *testing.T) {
	inEachBrowser(t, func(t *testing.T, open func(t *testing.T, url string) *page) {
		provider := startProvider(t)
		p := upWithProvider(t, provider)
		open(t, p.url()).signInAndOut(provider, p)
	})
}

// signInAndOut signs in at a provider, loads the page again, and signs out.
func (b *page) signInAndOut(provider *openProvider, p *program) {
	t := b.t
	b.allow(provider.url)
	b.open("/#/")
	host := strings.TrimPrefix(provider.url, "http://")
	b.waitForText("Sign in with " + host)
	b.screenshot("40-sign-in-provider")
	b.click("Sign in with " + host)
	b.signInAtProvider()
	b.waitForText("Signed in as test-user2@zitadel.ch") // what --jwt-user-claim says, not sub
	b.waitFor(`document.querySelector(".connection").dataset.state === "open"`)
	if got := b.address(); got != p.url()+"/#/" {
		t.Errorf("the address is %s", got)
	}
	b.screenshot("41-signed-in")
	provider.checkAuthorization(p.url(), "")

	// Loading the page again asks the provider, and nobody else.
	b.reload()
	b.waitForText("Signed in as test-user2@zitadel.ch")
	if n, _, _, _ := provider.counts(); n != 2 {
		t.Errorf("%d authorizations, want 2", n)
	}
	provider.checkAuthorization(p.url(), "none")
	b.checkNothingSecretIsKept()

	// Nobody who is signed in at the provider is asked again.
	b.click("Sign out")
	b.waitForText("Sign in with " + host)
	if _, _, ended, revocations := provider.counts(); ended != 1 || revocations != 1 {
		t.Errorf("%d sign-outs and %d revoked refresh tokens at the provider, want 1 of each", ended, revocations)
	}
	if b.isTrue(`sessionStorage.length || localStorage.length || document.cookie`) {
		t.Error("something is kept after signing out")
	}
	b.click("Sign in with " + host)
	b.signInAtProvider()
	b.waitForText("Signed in as")
}

// Tokens that end soon are renewed with the refresh token, and requests go on.
func TestConsoleRenewsItsSession(t *testing.T) {
	provider := startProvider(t)
	provider.setLifetime(4 * time.Second)
	p := upWithProvider(t, provider, "--oidc-audience", providerClient) // so with access tokens
	b := openChromium(t, p.url())
	b.allow(provider.url)
	b.open("/")
	b.click("Sign in with " + strings.TrimPrefix(provider.url, "http://"))
	b.signInAtProvider()
	b.waitForText("Signed in as")
	first := value[string](b, `sessionStorage["rollcall-token"]`)
	b.waitFor(fmt.Sprintf(`sessionStorage["rollcall-token"] !== %q`, first))
	provider.waitForRenewals(t, 4) // longer than one token is good for
	if b.isTrue(`document.body.innerText.includes("Your session has ended")`) {
		t.Error("the session ended")
	}
	if n, _, _, _ := provider.counts(); n != 1 {
		t.Errorf("%d authorizations: the person left the page", n)
	}
	b.checkNothingSecretIsKept()
}

// An answer that nobody in this tab has asked for, or with another state, signs nobody in.
func TestConsoleRefusesForeignAnswers(t *testing.T) {
	provider := startProvider(t)
	p := upWithProvider(t, provider)
	b := openChromium(t, p.url())
	b.allow(provider.url)
	b.open("/signed-in?code=stolen&state=made-up")
	b.waitForText("You could not be signed in")
	if got := b.address(); got != p.url()+"/" {
		t.Errorf("the address is %s", got)
	}
	pending := `{"state":"right","nonce":"n","verifier":"` + strings.Repeat("v", 43) + `","page":"","silent":false}`
	value[string](b, fmt.Sprintf(`sessionStorage["rollcall-sign-in"] = %q`, pending))
	b.open("/signed-in?code=stolen&state=wrong")
	b.waitForText("You could not be signed in")
	if b.isTrue(`sessionStorage.length`) {
		t.Error("something is kept of a refused answer")
	}
	// Where the address is not exactly the registered one, the provider sends nobody back.
	provider.serveConsole(p.url() + "/other")
	b.expect("Failed to load resource")
	b.click("Sign in with " + strings.TrimPrefix(provider.url, "http://"))
	b.waitFor(`location.origin === "` + provider.url + `" && document.body.innerText.includes("redirect_uri")`)
}

// A token of another client of the provider, which is signed with the same keys, is refused.
func TestTokensForOtherAudiencesAreRefused(t *testing.T) {
	provider := startProvider(t)
	p := upWithProvider(t, provider, "--oidc-audience", "rollcall-api")
	b := openChromium(t, p.url())
	b.allow(provider.url)
	b.expect("Failed to load resource", "WebSocket connection to")
	b.open("/")
	b.click("Sign in with " + strings.TrimPrefix(provider.url, "http://"))
	b.signInAtProvider() // this provider knows no audiences: its access token is for the client
	b.waitForText("Your session has ended")
}

// checkAuthorization looks at the newest request of an authorization.
func (p *openProvider) checkAuthorization(console, prompt string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.asked[len(p.asked)-1]
	for name, want := range map[string]string{
		"redirect_uri": console + "/signed-in", "response_type": "code", "code_challenge_method": "S256",
		"client_id": providerClient, "prompt": prompt, "scope": "openid profile email offline_access",
	} {
		if got.Get(name) != want {
			p.t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		before := p.asked[:len(p.asked)-1]
		again := slices.ContainsFunc(before, func(v url.Values) bool { return v.Get(name) == got.Get(name) })
		if len(got.Get(name)) < 43 || again {
			p.t.Errorf("%s is %q", name, got.Get(name))
		}
	}
}

// waitForRenewals waits until refresh tokens were used so often.
func (p *openProvider) waitForRenewals(t *testing.T, want int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, n, _, _ := p.counts()
		if n >= want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d renewals, want %d", n, want)
		}
	}
}

// checkNothingSecretIsKept looks for a refresh token or a verifier in what outlives the page.
func (b *page) checkNothingSecretIsKept() {
	b.t.Helper()
	kept := value[[]string](b, `[...Object.keys(sessionStorage), ...Object.keys(localStorage)].sort()`)
	if want := []string{"rollcall-kind", "rollcall-renewable", "rollcall-token"}; !slices.Equal(kept, want) {
		b.t.Errorf("the page keeps %v, want %v", kept, want)
	}
	if cookie := value[string](b, `document.cookie`); cookie != "" {
		b.t.Errorf("a cookie %s", cookie)
	}
}
