package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/revocation"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/auth/provider"
)

// TokenSettings say how tokens are checked: by one of the four. With none of them, up
// makes up a secret and keeps it in its data folder.
type TokenSettings struct {
	Secret string `placeholder:"SECRET" help:"${help_jwt_secret}"`
	// SecretFile is read once, without the end of its last line.
	SecretFile string `type:"path" placeholder:"FILE" help:"File with the secret alone in it, instead."`
	JWKSFile   string `name:"jwks-file" placeholder:"FILE" help:"${help_jwks_file}"`
	JWKSURL    string `name:"jwks-url" placeholder:"URL" help:"URL of these keys, which are fetched again as they change."`

	// Issuer and Audience are required with public keys; nil accepts any with a secret.
	Issuer   []string `placeholder:"ISSUER" help:"${help_issuer}"`
	Audience []string `placeholder:"AUDIENCE" help:"${help_audience}"`
	// Types has at least one.
	Types []string `default:"${token_types}" placeholder:"TYPE" help:"${help_token_types}"`
	// MaxLifetime of 0 sets no limit.
	MaxLifetime time.Duration `default:"24h" help:"${help_max_lifetime}"`

	Claims ClaimSettings      `embed:""`
	Places PlaceClaimSettings `embed:""`
}

// OIDCSettings name the organisation's OpenID provider. Its keys, issuer and audience are
// those that tokens are checked by.
type OIDCSettings struct {
	// Issuer is the provider's URL; "" is no provider.
	Issuer   string `placeholder:"URL" help:"${help_oidc_issuer}"`
	ClientID string `placeholder:"ID" help:"${help_oidc_client_id}"`
	// DeviceClientID of "" is ClientID.
	DeviceClientID string `placeholder:"ID" help:"${help_oidc_device_client_id}"`
	// Audience of "" has ID tokens sent.
	Audience string   `placeholder:"NAME" help:"${help_oidc_audience}"`
	Scopes   []string `default:"${oidc_scopes}" placeholder:"SCOPE" help:"${help_oidc_scopes}"`
}

// Given reports whether there is a provider.
func (s *OIDCSettings) Given() bool { return s.Issuer != "" }

func (s *OIDCSettings) config() provider.Config {
	return provider.Config{
		Issuer: s.Issuer, ClientID: s.ClientID, DeviceClientID: s.DeviceClientID, Audience: s.Audience, Scopes: s.Scopes,
	}
}

// Validate names each setting that cannot be, or that contradicts how tokens are checked.
func (s *OIDCSettings) Validate(t TokenSettings) error {
	if s.Issuer+s.ClientID+s.DeviceClientID+s.Audience == "" {
		return nil
	}
	err := s.config().Validate()
	if t.Given() {
		err = errors.Join(err, errors.New("oidc-issuer says how tokens are checked: "+
			"jwt-secret, jwt-secret-file, jwt-jwks-file and jwt-jwks-url cannot be given with it"))
	}
	if len(t.Issuer) > 0 {
		err = errors.Join(err, errors.New("jwt-issuer cannot be given with oidc-issuer, which is the issuer of all tokens"))
	}
	return err
}

// ClaimSettings name the claims that say who a user is and as what. Each has at least one.
type ClaimSettings struct {
	UserClaim []string `default:"${user_claim}" placeholder:"NAME" help:"${help_user_claim}"`
	RoleClaim []string `default:"${role_claim}" placeholder:"NAME" help:"${help_role_claim}"`
}

// Validate names each setting that names no claim.
func (s ClaimSettings) Validate() (err error) {
	for _, c := range []struct {
		setting string
		claims  []string
	}{{"jwt-user-claim", s.UserClaim}, {"jwt-role-claim", s.RoleClaim}} {
		if len(c.claims) == 0 || slices.Contains(c.claims, "") {
			err = errors.Join(err, fmt.Errorf("%s must name at least one claim, and none that is empty", c.setting))
		}
		for _, name := range c.claims {
			if slices.Contains([]string{"jti", "iat", "exp", "nbf", "iss", "aud"}, name) {
				err = errors.Join(err, fmt.Errorf("%s must name a claim of its own, not %s", c.setting, name))
			}
		}
	}
	return err
}

// Given reports whether it is known how tokens are checked.
func (s *TokenSettings) Given() bool {
	return s.Secret != "" || s.SecretFile != "" || s.JWKSFile != "" || s.JWKSURL != ""
}

// Validate names each setting that cannot be.
func (s *TokenSettings) Validate() error {
	given := 0
	for _, value := range []string{s.Secret, s.SecretFile, s.JWKSFile, s.JWKSURL} {
		if value != "" {
			given++
		}
	}
	var keys, secret, types error
	if given > 1 {
		keys = errors.New("only one of jwt-secret, jwt-secret-file, jwt-jwks-file and jwt-jwks-url can be given")
	}
	if s.Secret != "" {
		if secret = auth.CheckSecret(s.Secret); secret != nil {
			secret = fmt.Errorf("jwt-secret %w", secret)
		}
	}
	if len(s.Types) == 0 || slices.Contains(s.Types, "") {
		types = errors.New("jwt-types must name at least one type, and none that is empty")
	}
	return errors.Join(
		keys, secret, types,
		s.needed("jwt-issuer", s.Issuer), s.needed("jwt-audience", s.Audience),
		atLeast(0, "jwt-max-lifetime", s.MaxLifetime), s.Claims.Validate(), s.Places.Validate(),
	)
}

// needed refuses a list that public keys need and that is missing or has an empty text: the
// keys of an issuer sign what it lets people do elsewhere, too.
func (s *TokenSettings) needed(name string, list []string) error {
	switch {
	case slices.Contains(list, ""):
		return fmt.Errorf("%s must not be empty", name)
	case len(list) == 0 && s.JWKSFile+s.JWKSURL != "":
		return fmt.Errorf("%s must be given with jwt-jwks-file or jwt-jwks-url", name)
	}
	return nil
}

// ReadSecret returns the secret of a file, without the end of its last line. It warns when
// others on the machine can read the file.
func ReadSecret(file string, logger *slog.Logger) (string, error) {
	secret, mode, err := readSecretFile(file)
	if err != nil {
		return "", err
	}
	if forOthers(mode) {
		warnOfReaders(logger, file)
	}
	if err := auth.CheckSecret(secret); err != nil {
		return "", fmt.Errorf("the secret in %s %w", file, err)
	}
	return secret, nil
}

// ReadFile reads the secret from SecretFile, if there is one.
func (s *TokenSettings) ReadFile(logger *slog.Logger) (err error) {
	if s.SecretFile == "" {
		return nil
	}
	if s.Secret, err = ReadSecret(s.SecretFile, logger); err != nil {
		return fmt.Errorf("jwt-secret-file: %w", err)
	}
	s.SecretFile = ""
	return nil
}

// Config returns the settings as package auth takes them. ReadFile comes first.
func (s *TokenSettings) Config() auth.Config {
	return auth.Config{
		Secret: s.Secret, JWKSFile: s.JWKSFile, JWKSURL: s.JWKSURL, Issuers: s.Issuer, Audiences: s.Audience,
		Types: s.Types, MaxLifetime: s.MaxLifetime, Places: s.Places.Claims(),
		UserClaims: s.Claims.UserClaim, RoleClaims: s.Claims.RoleClaim,
	}
}

// PlaceClaimSettings name the claims that say where a user works. None may be "".
type PlaceClaimSettings struct {
	ProvinceClaim     string `default:"${province_claim}" placeholder:"NAME" help:"${help_province_claim}"`
	MunicipalityClaim string `default:"${municipality_claim}" placeholder:"NAME" help:"${help_municipality_claim}"`
	WardClaim         string `default:"${ward_claim}" placeholder:"NAME" help:"${help_ward_claim}"`
}

// Validate names each claim that has no name of its own.
func (s PlaceClaimSettings) Validate() (err error) {
	taken := []string{"sub", "id", "role_name", "jti", "iat", "exp", "nbf", "iss", "aud"}
	for _, c := range []struct{ setting, claim string }{
		{"jwt-province-claim", s.ProvinceClaim},
		{"jwt-municipality-claim", s.MunicipalityClaim},
		{"jwt-ward-claim", s.WardClaim},
	} {
		switch {
		case c.claim == "":
			err = errors.Join(err, fmt.Errorf("%s must name a claim", c.setting))
		case slices.Contains(taken, c.claim):
			err = errors.Join(err, fmt.Errorf("%s must name a claim of its own, not %s", c.setting, c.claim))
		}
		taken = append(taken, c.claim)
	}
	return err
}

// Claims returns the names as package auth takes them.
func (s PlaceClaimSettings) Claims() auth.PlaceClaims {
	return auth.PlaceClaims{Province: s.ProvinceClaim, Municipality: s.MunicipalityClaim, Ward: s.WardClaim}
}

// openVerifier makes the verifier and the policy of the App, once. js reads which tokens are revoked: a
// process that cannot know waits.
func (a *App) openVerifier(ctx context.Context, js jetstream.JetStream) error {
	if a.verifier != nil {
		return nil
	}
	revocations, err := a.openRevocations(ctx, js)
	if err != nil {
		return err
	}
	policy, err := readPolicy(a.settings.Policy, a.settings.RoleMap)
	if err != nil {
		return err
	}
	cfg, err := tokenConfig(ctx, a)
	if err != nil {
		return err
	}
	cfg.Logger, cfg.Revocations, cfg.ResolveRole = a.logger, revocations, policy.Resolve
	var v *auth.Verifier
	err = a.door.await(ctx, "keys of tokens", func(context.Context) (err error) {
		v, err = auth.New(ctx, cfg) // not with a shorter context: it fetches the keys again later
		return err
	})
	if err != nil {
		return err
	}
	a.revocations = revocations
	a.run = append(a.run, revocations.Run)
	a.needs("revocations", func(context.Context) error { return revocations.Ready() })
	a.closeLater(func() error { v.Close(); return nil })
	a.verifier, a.policy = v, policy
	return nil
}

// tokenConfig returns how tokens are checked. It waits for the provider, if there is one.
func tokenConfig(ctx context.Context, a *App) (auth.Config, error) {
	cfg := a.settings.Tokens.Config()
	set := &a.settings.OIDC
	if !set.Given() {
		return cfg, nil
	}
	err := a.door.await(ctx, "openid provider", func(ctx context.Context) (err error) {
		a.provider, err = provider.Discover(ctx, set.config())
		return err
	})
	if err != nil {
		return auth.Config{}, err
	}
	cfg.JWKSURL, cfg.Issuers = a.provider.KeysURL, []string{set.Issuer}
	cfg.Audiences = append(set.config().Audiences(), cfg.Audiences...)
	return cfg, nil
}

// openRevocations waits for the bucket of revocations.
func (a *App) openRevocations(ctx context.Context, js jetstream.JetStream) (w *revocation.Watch, err error) {
	err = a.door.await(ctx, "revocations", func(ctx context.Context) error {
		if w, err = revocation.Open(ctx, revocation.Config{JetStream: js, Logger: a.logger}); err != nil {
			return fmt.Errorf("%w: is there the bucket %s? rollcall migrate makes it", err, events.KVRevocations)
		}
		return nil
	})
	return w, err
}

// SignToken makes a token that the App accepts, good for ttl or for as long as a token may
// be. It fails where tokens are checked with public keys.
func (a *App) SignToken(userID, role string, ttl time.Duration) (string, error) {
	t := a.settings.Tokens
	g := auth.Grant{
		User: events.User{ID: userID, Role: role}, TTL: ttl, Places: t.Places.Claims(), Audience: t.Audience,
		UserClaim: t.Claims.UserClaim[0], RoleClaim: t.Claims.RoleClaim[0],
	}
	if t.MaxLifetime > 0 {
		g.TTL = min(ttl, t.MaxLifetime)
	}
	if len(t.Issuer) > 0 {
		g.Issuer = t.Issuer[0]
	}
	return g.Sign(t.Secret, time.Now())
}
