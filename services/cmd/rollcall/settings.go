package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"rollcall.example/events"
)

// The settings that several commands share, one struct a concern. kong gives
// each flag its ROLLCALL_ variable.

type natsSettings struct {
	NATS     string `name:"nats" placeholder:"URL" help:"NATS server to use. Users and passwords are those of nats.conf: ROLLCALL_NATS_PASSWORD_UPLOAD and so on; without them the connection is made as the URL says."`
	NATSCA   string `name:"nats-ca" type:"existingfile" placeholder:"FILE" help:"Certificates of the authorities that may have signed NATS's own. Then nothing is said to a server without TLS."`
	NATSCert string `name:"nats-cert" type:"existingfile" placeholder:"FILE" help:"Certificate to show to NATS, where it asks for one; read again with each connection. For up without --nats: that of its own server."`
	NATSKey  string `name:"nats-key" type:"existingfile" placeholder:"FILE" help:"Its key."`
}

type tlsSettings struct {
	TLSCert string `name:"tls-cert" type:"existingfile" placeholder:"FILE" help:"Certificate, with those that lead to its authority, to serve HTTPS with instead of HTTP. Read again when it changes."`
	TLSKey  string `name:"tls-key" type:"existingfile" placeholder:"FILE" help:"Its key."`
}

type databaseSettings struct {
	Database string `placeholder:"URL" help:"PostgreSQL to use: a URL or a key=value string."`
}

// provisionSettings are how streams and buckets are made.
type provisionSettings struct {
	KeepAudit age `default:"0" help:"How long it is known who has read what, for instance 730d; 0 means for ever."`

	Replicas int `default:"1" help:"How many NATS servers keep each stream, bucket and consumer."`
}

func (s provisionSettings) config() events.ProvisionConfig {
	return events.ProvisionConfig{Replicas: s.Replicas, AuditAge: s.KeepAudit.duration()}
}

type keepSettings struct {
	KeepUploads   age `default:"30d" help:"How long an uploaded file is kept after its job has ended; 0 means for ever, also below. A failed job can be retried for as long."`
	KeepArtifacts age `default:"90d" help:"The same for what a job has read, asked and written, row by row. It can be undone for as long."`
	KeepReports   age `default:"90d" help:"The same for reports."`
	KeepEvents    age `default:"730d" help:"The same for jobs as a whole: their events and figures. Nothing of a job is kept for longer."`
}

type authSettings struct {
	JWTSecret   string `name:"jwt-secret" placeholder:"SECRET" help:"Secret that tokens are signed with (HS256)."`
	JWTJWKSFile string `name:"jwt-jwks-file" placeholder:"FILE" help:"Public keys that tokens are signed with (RS256, ES256), instead of a secret."`
	JWTJWKSURL  string `name:"jwt-jwks-url" placeholder:"URL" help:"The same from a URL, fetched again as keys change."`
}

type uploadSettings struct {
	MaxFileSize   byteSize `default:"50MB" help:"Largest file that is accepted."`
	UserUploads   count    `default:"200" help:"Files that a user may upload within an hour."`
	UserJobs      count    `default:"100" help:"Jobs of a user that may be under way at once."`
	UserTransfers count    `default:"8" help:"Files that a user may be sending to one process at once."`
}

type gatewaySettings struct {
	MaxConnections  count `default:"20000" help:"WebSockets that a gateway serves at once."`
	UserConnections count `default:"100" help:"WebSockets that a user may have at once on one gateway."`

	Origins []string `placeholder:"HOST" help:"Other hosts whose web pages may open a WebSocket, for instance app.example.org."`
}

type iecSettings struct {
	IECURL         string        `name:"iec-url" placeholder:"URL" help:"Base URL of the IEC's API. For up: without it, a simulator in the process."`
	IECQuota       int           `name:"iec-quota" default:"10000" help:"Calls to the IEC in any rolling hour."`
	IECConcurrency int           `name:"iec-concurrency" default:"15" help:"Calls to the IEC under way at once."`
	IECTimeout     time.Duration `name:"iec-timeout" default:"10s" help:"Time for one call to the IEC."`
	IECKeep        time.Duration `name:"iec-keep" default:"24h" help:"How old an answer of the IEC may be to be used again; at most 72h."`
	IECKeepNot     time.Duration `name:"iec-keep-not-registered" default:"1h" help:"The same for somebody who was not registered."`
}

type reportSettings struct {
	WardTarget int `default:"200" help:"Registered members that a ward needs."`
}

type proxySettings struct {
	TrustedProxies []netip.Prefix `placeholder:"CIDR" help:"Proxies whose X-Forwarded-For says where a request comes from, for the audit."`
}

type webhookSettings struct {
	WebhookPrivate bool `help:"Let webhooks be at private addresses and without TLS. Whoever has a token can then have requests made inside of the network."`
}

type workerSettings struct {
	Workers int `default:"2" help:"Jobs that a service works on at once, beside two small ones; iec takes at least 32, which share its calls in turn."`
}

type metricsSettings struct {
	MetricsAddr string `placeholder:"ADDR" help:"Where to serve /metrics for Prometheus, apart from all else; without it, nowhere."`
}

type traceSettings struct {
	OTLPEndpoint string `name:"otlp-endpoint" env:"ROLLCALL_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" help:"Collector of OpenTelemetry that traces are sent to, over HTTP, for instance http://127.0.0.1:4318; without it there are none."`
}

// byteSize is a number of bytes, read from texts such as 50MB, 512KB or 1048576.
type byteSize int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	s := strings.ToUpper(strings.TrimSpace(string(text)))
	unit := int64(1)
	for suffix, n := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = strings.TrimSpace(rest), n
		}
	}
	var n int64
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil || n <= 0 || fmt.Sprint(n) != s || n > (1<<62)/unit {
		return fmt.Errorf("size %q: want for instance 50MB", text)
	}
	*b = byteSize(n * unit)
	return nil
}

// age is for how long something is kept: days, such as 30d, or a duration.
type age time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *age) UnmarshalText(text []byte) error {
	s := string(text)
	unit := time.Duration(1)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		s, unit = days+"h", 24
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > (1<<62)/unit {
		return fmt.Errorf("age %q: want for instance 30d or 12h", text)
	}
	*a = age(d * unit)
	return nil
}

func (a age) duration() time.Duration { return time.Duration(a) }

// count is how many of something may be: at least one.
type count int

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *count) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("number %q: want 1 or more", text)
	}
	*c = count(n)
	return nil
}
