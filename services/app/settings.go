package app

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"rollcall.example/events"
	"rollcall.example/services/mail"
)

// The settings of rollcall are one tree of structs. The tags of a field give it the name
// of its flag, its default and its help, and nothing else does: commands take their flags
// from here, DefaultUp fills in the same values for whoever starts an App without flags,
// and Validate names a setting as its flag does. Where a package has a default of its own,
// the tag refers to it (see Vars). kong gives each flag its ROLLCALL_ variable.

// Settings are what the services can be told, whichever of them run in a process.
type Settings struct {
	Tokens TokenSettings `embed:"" prefix:"jwt-"`
	OIDC   OIDCSettings  `embed:"" prefix:"oidc-"`
	// Policy is a JSON file; "" means the policy of package schema.
	Policy string `type:"existingfile" placeholder:"FILE" help:"${help_policy}"`
	// RoleMap has pairs ROLE=OURS and names of files; nil maps nothing.
	RoleMap []string        `placeholder:"ROLE=OURS" help:"${help_role_map}"`
	Upload  UploadSettings  `embed:""`
	Gateway GatewaySettings `embed:""`
	IEC     IECSettings     `embed:"" prefix:"iec-"`
	// UserIECCalls counts calls in any rolling hour, over all replicas; 0 sets no limit.
	UserIECCalls int `name:"user-iec-calls" default:"0" help:"${help_user_iec_calls}"`

	// WardTarget counts people; at least 1.
	WardTarget int `default:"${ward_target}" help:"Registered members that a ward needs."`
	// ApproveAbove counts members; 0 means that a job may change any number.
	ApproveAbove int `default:"0" help:"${help_approve_above}"`
	// WebhookPrivate is a danger where strangers have tokens.
	WebhookPrivate bool `help:"${help_webhook_private}"`

	// PublicURL is without a slash at its end; "" is not known.
	PublicURL string       `placeholder:"URL" help:"${help_public_url}"`
	SMTP      SMTPSettings `embed:"" prefix:"smtp-"`

	Keep KeepSettings `embed:"" prefix:"keep-"`
	// ArchiveAfter of 0 never archives; else it is at least a day.
	ArchiveAfter Age `default:"30d" help:"${help_archive_after}"`

	TrustedProxies []netip.Prefix `placeholder:"CIDR" help:"${help_trusted_proxies}"`
	// Workers counts jobs; at least 1.
	Workers int `default:"2" help:"${help_workers}"`
	// MetricsAddr is host:port; "" serves no metrics.
	MetricsAddr string        `placeholder:"ADDR" help:"${help_metrics_addr}"`
	Traces      TraceSettings `embed:"" prefix:"otlp-"`

	TLS TLSSettings `embed:"" prefix:"tls-"`
}

// Validate names each setting that cannot be. It reads the policy and the role map.
func (s *Settings) Validate() error {
	_, policy := readPolicy(s.Policy, s.RoleMap)
	return errors.Join(
		s.Tokens.Validate(), s.OIDC.Validate(s.Tokens), policy, s.Upload.Validate(), s.Gateway.Validate(), s.IEC.Validate(),
		atLeast(0, "user-iec-calls", s.UserIECCalls),
		atLeast(1, "ward-target", s.WardTarget),
		atLeast(0, "approve-above", s.ApproveAbove),
		s.SMTP.Validate(s.PublicURL),
		s.Keep.Validate(), s.validateArchiveAfter(),
		atLeast(1, "workers", s.Workers),
		s.TLS.Validate(),
	)
}

func (s *Settings) validateArchiveAfter() error {
	if s.ArchiveAfter == 0 {
		return nil
	}
	return atLeast(Age(24*time.Hour), "archive-after", s.ArchiveAfter)
}

// UploadSettings bound what one user may send, keep and read. None of them may be 0 but
// UserStorage.
type UploadSettings struct {
	MaxFileSize ByteSize `default:"${max_file_size}" help:"Largest file that is accepted."`
	// UserUploads counts files, over all replicas.
	UserUploads int `default:"${user_uploads}" help:"Files that a user may upload within an hour, refused ones included."`
	// UserJobs counts jobs that have not ended, over all replicas.
	UserJobs int `default:"${user_jobs}" help:"Unfinished jobs that a user may have."`
	// UserStorage counts bytes of uploads, artifacts and reports, over all replicas.
	UserStorage ByteSize `default:"${user_storage}" help:"${help_user_storage}"`
	// UserTransfers counts files, in one process.
	UserTransfers int `default:"${user_transfers}" help:"Files that a user may be sending to one process at once."`
	// UserDownloads and MaxDownloads count reports and rows being read, in one process.
	UserDownloads int `default:"${user_downloads}" help:"Reports that a user may be downloading from one process at once."`
	MaxDownloads  int `default:"${max_downloads}" help:"Reports that all may be downloading from one process at once."`
}

// Validate names each setting that is less than 1.
func (s *UploadSettings) Validate() error {
	return errors.Join(
		atLeast(1, "max-file-size", s.MaxFileSize),
		atLeast(1, "user-uploads", s.UserUploads),
		atLeast(1, "user-jobs", s.UserJobs),
		atLeast(1, "user-transfers", s.UserTransfers),
		atLeast(0, "user-storage", s.UserStorage),
		atLeast(1, "user-downloads", s.UserDownloads),
		atLeast(1, "max-downloads", s.MaxDownloads),
	)
}

// GatewaySettings bound the WebSockets of one gateway.
type GatewaySettings struct {
	// MaxConnections counts WebSockets; at least 1.
	MaxConnections int `default:"${max_connections}" help:"WebSockets that one gateway serves at once."`
	// UserConnections counts WebSockets; at least 1.
	UserConnections int `default:"${user_connections}" help:"WebSockets that a user may have on one gateway."`
	// Origins are host names; nil leaves the pages of the gateway's own host.
	Origins []string `placeholder:"HOST" help:"${help_origins}"`
}

// Validate names each setting that is less than 1.
func (s *GatewaySettings) Validate() error {
	return errors.Join(
		atLeast(1, "max-connections", s.MaxConnections),
		atLeast(1, "user-connections", s.UserConnections),
		checkOrigins(s.Origins),
	)
}

// checkOrigins names each pattern that no page's origin could match. An origin is a scheme,
// a host and a port; a pattern may leave out the scheme.
func checkOrigins(patterns []string) (err error) {
	refuse := func(pattern, why string) {
		err = errors.Join(err, fmt.Errorf("origins: %q %s", pattern, why))
	}
	for _, pattern := range patterns {
		scheme, host, hasScheme := strings.Cut(pattern, "://")
		if !hasScheme {
			host = pattern
		}
		_, bad := path.Match(pattern, "")
		switch {
		case host == "":
			refuse(pattern, "must name a host")
		case bad != nil:
			refuse(pattern, "must close each [ and have something behind each \\")
		case hasScheme && !matchesAny(strings.ToLower(scheme), "http", "https"):
			refuse(pattern, "must begin with http:// or https://, or with the host")
		case strings.ContainsAny(host, "/?#@ \t"):
			refuse(pattern, "must be a host and maybe a port, without a path")
		}
	}
	return err
}

// matchesAny reports whether a pattern matches one of the texts.
func matchesAny(pattern string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		ok, err := path.Match(pattern, text)
		return err == nil && ok
	})
}

// IECSettings say how the IEC is asked. None of the numbers and times may be 0.
type IECSettings struct {
	// URL is the one of the API; "" makes up run a simulator.
	URL string `placeholder:"URL" help:"Base URL of the IEC's API. Without it, up runs a simulator."`
	// Quota counts calls, of all replicas.
	Quota int `default:"10000" help:"Calls to the IEC in any rolling hour."`
	// Concurrency counts calls, of one process.
	Concurrency int           `default:"${iec_concurrency}" help:"Calls to the IEC at the same time, by one process."`
	Timeout     time.Duration `default:"${iec_timeout}" help:"Time limit of one call to the IEC."`
	// Keep and KeepNotRegistered are at most events.VerdictsTTL.
	Keep              time.Duration `default:"${iec_keep}" help:"${help_iec_keep}"`
	KeepNotRegistered time.Duration `default:"${iec_keep_not_registered}" help:"${help_keep_not}"`
}

// Validate names each setting that is not positive, or keeps answers for too long.
func (s *IECSettings) Validate() error {
	return errors.Join(
		atLeast(1, "iec-quota", s.Quota),
		atLeast(1, "iec-concurrency", s.Concurrency),
		atLeast(time.Millisecond, "iec-timeout", s.Timeout),
		atLeast(time.Second, "iec-keep", s.Keep),
		atMost(events.VerdictsTTL, "iec-keep", s.Keep),
		atLeast(time.Second, "iec-keep-not-registered", s.KeepNotRegistered),
		atMost(events.VerdictsTTL, "iec-keep-not-registered", s.KeepNotRegistered),
	)
}

// KeepSettings say how long something is kept after its job has ended. 0 means for ever.
type KeepSettings struct {
	Uploads   Age `default:"30d" help:"${help_keep_uploads}"`
	Artifacts Age `default:"90d" help:"${help_keep_artifacts}"`
	Reports   Age `default:"90d" help:"How long a report is kept; 0 means for ever."`
	Events    Age `default:"730d" help:"${help_keep_events}"`
}

// Validate names each setting that is negative.
func (s *KeepSettings) Validate() error {
	return errors.Join(
		atLeast(0, "keep-uploads", s.Uploads),
		atLeast(0, "keep-artifacts", s.Artifacts),
		atLeast(0, "keep-reports", s.Reports),
		atLeast(0, "keep-events", s.Events),
	)
}

// SMTPSettings say how e-mail is sent.
type SMTPSettings struct {
	// Addr is host:port; "" sends no e-mail.
	Addr string `placeholder:"HOST:PORT" help:"${help_smtp_addr}"`
	// From is required with Addr.
	From string `placeholder:"ADDRESS" help:"${help_smtp_from}"`
	User string `placeholder:"NAME" help:"${help_smtp_user}"`
	TLS  string `name:"tls" enum:"starttls,implicit,none" default:"starttls" help:"${help_smtp_tls}"`
	CA   string `name:"ca" type:"existingfile" placeholder:"FILE" help:"${help_smtp_ca}"`
}

// Given reports whether e-mail is sent.
func (s *SMTPSettings) Given() bool { return s.Addr != "" }

// Validate refuses a server that cannot be, and one without a URL for the links.
func (s *SMTPSettings) Validate(publicURL string) error {
	if !s.Given() {
		return checkPublicURL(publicURL)
	}
	server := s.Server("")
	if publicURL == "" {
		return errors.Join(server.Validate(), errors.New("smtp-addr: give --public-url too, for the links"))
	}
	return errors.Join(server.Validate(), checkPublicURL(publicURL))
}

// Server is the server, with the password for it.
func (s *SMTPSettings) Server(password string) *mail.Server {
	return &mail.Server{Addr: s.Addr, From: s.From, User: s.User, Password: password, TLS: mail.TLS(s.TLS), CA: s.CA}
}

// checkPublicURL refuses what links cannot begin with.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil ||
		u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("public-url must be https://HOST or https://HOST:PORT, with nothing behind it")
	}
	return nil
}

// TraceSettings say where traces go.
type TraceSettings struct {
	// Endpoint is the URL of the collector; "" makes no traces.
	Endpoint string `env:"ROLLCALL_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" help:"${help_otlp}"`
}

// TLSSettings are the certificate that is served, with its key, as PEM files. Without
// them HTTP is served in the clear.
type TLSSettings struct {
	Cert string `type:"existingfile" placeholder:"FILE" help:"${help_tls_cert}"`
	Key  string `type:"existingfile" placeholder:"FILE" help:"Key of the certificate."`
}

// Validate refuses one file without the other.
func (s *TLSSettings) Validate() error { return together("tls-cert", s.Cert, "tls-key", s.Key) }

// NATSSettings say where NATS is.
type NATSSettings struct {
	// URL is the server's; "" makes up embed one.
	URL  string `name:"nats" secret:"" placeholder:"URL" help:"${help_nats}"`
	CA   string `name:"nats-ca" type:"existingfile" placeholder:"FILE" help:"${help_nats_ca}"`
	Cert string `name:"nats-cert" type:"existingfile" placeholder:"FILE" help:"${help_nats_cert}"`
	Key  string `name:"nats-key" type:"existingfile" placeholder:"FILE" help:"Key of the certificate."`
}

// Validate refuses one file without the other.
func (s *NATSSettings) Validate() error { return together("nats-cert", s.Cert, "nats-key", s.Key) }

// DatabaseSettings say where PostgreSQL is.
type DatabaseSettings struct {
	// URL may be a key=value string too; "" makes up run a private PostgreSQL.
	URL string `name:"database" secret:"" placeholder:"URL" help:"PostgreSQL to use: a URL or a key=value string."`
}

// ProvisionSettings say how streams and buckets are made.
type ProvisionSettings struct {
	// KeepAudit of 0 keeps for ever.
	KeepAudit Age `default:"0" help:"${help_keep_audit}"`
	// Replicas counts servers; at least 1.
	Replicas int `default:"1" help:"Number of NATS servers that keep each stream, bucket and consumer."`
}

// Validate names each setting that cannot be.
func (s *ProvisionSettings) Validate() error {
	return errors.Join(atLeast(0, "keep-audit", s.KeepAudit), atLeast(1, "replicas", s.Replicas))
}

// Config returns the settings as events.Provision takes them.
func (s *ProvisionSettings) Config() events.ProvisionConfig {
	return events.ProvisionConfig{Replicas: s.Replicas, AuditAge: time.Duration(s.KeepAudit)}
}

// setDefaults fills in what the tags say. It does not read the environment.
func setDefaults(config any) {
	ignoreEnvironment := kong.PostBuild(func(k *kong.Kong) error {
		for _, f := range k.Model.Flags {
			f.Envs, f.Tag.Envs = nil, nil
		}
		return nil
	})
	if err := kong.ApplyDefaults(config, Vars, ignoreEnvironment); err != nil {
		panic(fmt.Errorf("defaults: %w", err)) // the tags are above, and are right or not
	}
}

// number is any setting that counts or measures something.
type number interface {
	~int | ~int64
}

func atLeast[N number](least N, name string, value N) error {
	if value < least {
		return fmt.Errorf("%s must be at least %v, not %v", name, least, value)
	}
	return nil
}

func atMost[N number](most N, name string, value N) error {
	if value > most {
		return fmt.Errorf("%s must be at most %v, not %v", name, most, value)
	}
	return nil
}

// together refuses one of two settings without the other.
func together(one, oneValue, other, otherValue string) error {
	if (oneValue == "") != (otherValue == "") {
		return fmt.Errorf("%s and %s must be given together or not at all", one, other)
	}
	return nil
}
