package app

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"rollcall.example/gateway"
	"rollcall.example/gateway/auth"
	"rollcall.example/gateway/auth/provider"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/iec"
	"rollcall.example/services/iec/answers"
	"rollcall.example/services/report"
	"rollcall.example/services/upload"
)

// Vars fills in what the tags of settings refer to as ${name}: the defaults of the packages
// that the settings are for, and help texts that are too long to stand beside their settings.
// Whoever builds flags from the settings gives it to kong.
//
// kong has variables of its own, and looks through all of them for each setting: that took
// longer than the rest of the program's start.
var Vars = kong.PostBuild(func(k *kong.Kong) error {
	return kong.Visit(k.Model.Node, func(node kong.Visitable, next kong.Next) error {
		switch n := node.(type) {
		case *kong.Node:
			n.Help = fillIn(n.Help)
		case *kong.Value:
			n.Default, n.Enum, n.Help = fillIn(n.Default), fillIn(n.Enum), fillIn(n.Help)
			if n.Flag != nil {
				n.Flag.PlaceHolder = fillIn(n.Flag.PlaceHolder)
			}
		}
		return next(nil)
	})
})

// fillIn replaces each ${name} of text that has a value. kong refuses what is left.
func fillIn(text string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	return os.Expand(text, func(name string) string {
		if value, ok := values[name]; ok {
			return value
		}
		return "${" + name + "}"
	})
}

// values are what Vars fills in, by name.
var values = map[string]string{
	"max_file_size":           ByteSize(upload.DefaultMaxFileSize).String(),
	"user_uploads":            fmt.Sprint(upload.DefaultUserUploads),
	"user_jobs":               fmt.Sprint(upload.DefaultUserJobs),
	"user_storage":            ByteSize(upload.DefaultUserStorage).String(),
	"user_downloads":          fmt.Sprint(rest.DefaultUserDownloads),
	"max_downloads":           fmt.Sprint(rest.DefaultDownloads),
	"user_transfers":          fmt.Sprint(upload.DefaultUserTransfers),
	"max_connections":         fmt.Sprint(gateway.DefaultConnections),
	"user_connections":        fmt.Sprint(gateway.DefaultUserConnections),
	"iec_concurrency":         fmt.Sprint(iec.DefaultConcurrency),
	"iec_timeout":             shortDuration(iec.DefaultTimeout),
	"iec_keep":                shortDuration(answers.DefaultRegistered),
	"iec_keep_not_registered": shortDuration(answers.DefaultNotRegistered),
	"token_types":             strings.Join(auth.DefaultTypes, ","),
	"user_claim":              strings.Join(auth.DefaultUserClaims, ","),
	"role_claim":              strings.Join(auth.DefaultRoleClaims, ","),
	"oidc_scopes":             strings.Join(provider.DefaultScopes, ","),
	"province_claim":          auth.DefaultProvinceClaim,
	"municipality_claim":      auth.DefaultMunicipalityClaim,
	"ward_claim":              auth.DefaultWardClaim,
	"ward_target":             fmt.Sprint(report.DefaultWardTarget),

	"help_approve_above": "Changes to existing members, and removals, of one job above which somebody else has to " +
		"approve it, whoever uploaded; 0 means never.",
	"help_trusted_proxies": "Proxies whose X-Forwarded-For the audit and the security log trust.",
	"help_policy": "JSON file that says what each role may do, in place of the built-in policy " +
		"(see docs/access.md).",
	"help_data": "Folder for everything that outlives the process. Started on it again, rollcall goes on " +
		"where it stopped.",
	"help_encrypt":       "Encrypt the store of a NATS server that is stopped, or change its key.",
	"help_encrypt_store": "Store of a NATS server of its own, instead of that in the data folder.",
	"help_encrypt_conf":  "nats.conf of the server, instead of the built-in copy.",
	"help_encrypt_check": "Only look: fail when the key is not that of the store, or the store is in the clear.",
	"help_nats_conf":     "nats.conf for the embedded NATS server, instead of the built-in copy.",
	"help_nats_addr": "Where the embedded NATS server listens; port 0 takes a free one. DIR/nats-cli.env " +
		"tells the NATS CLI.",
	"help_nats": "NATS server to use. Its users are those of nats.conf, with the passwords in " +
		"ROLLCALL_NATS_PASSWORD_UPLOAD and so on. Without passwords, the connection is made as " +
		"the URL says.",
	"help_nats_ca": "Certificates of the authorities that sign NATS's certificate. With it, a server " +
		"without TLS is refused.",
	"help_nats_cert": "Certificate to show to NATS when it asks for one, read again for each connection. For " +
		"up without --nats: the certificate of its own server.",
	"help_keep_audit": "How long the audit of who has read what is kept, for instance 730d; 0 means for ever.",
	"help_jwks_file": "File with the public keys that tokens are checked with (RS256, ES256), instead of a " +
		"secret.",
	"help_jwt_secret": "Secret that tokens are signed with (HS256), of at least 32 bytes. Better a file: lists of " +
		"processes show flags.",
	"help_issuer": "Issuers (iss) whose tokens are accepted; required with public keys. With a secret, without " +
		"it any.",
	"help_audience": "Audiences (aud), one of which a token must have; required with public keys. With a secret, " +
		"without it any.",
	"help_oidc_issuer": "Your OpenID provider, as its tokens name it (iss). Its keys are found by discovery; the " +
		"console and rollcall login sign in there.",
	"help_oidc_client_id": "Public client of the console at the provider, with the one redirect URI " +
		"https://YOUR-HOST/signed-in and, for signing out, https://YOUR-HOST/.",
	"help_oidc_device_client_id": "Public client of rollcall login, where it is another one.",
	"help_oidc_audience": "Name of rollcall's API at the provider. With it the access token, a JWT for this audience, " +
		"is sent to rollcall; without it the ID token.",
	"help_oidc_scopes": "Scopes to ask the provider for. offline_access is for renewal.",
	"help_token_types": "Types (typ) that tokens may have, in any case; absent is a token without one.",
	"help_max_lifetime": "How long a token may be good for, from its iat to its exp; one without iat, from now on. 0 " +
		"sets no limit.",
	"help_role_map": "What a role of tokens is here, in any case: pairs, or a file with a JSON object or a pair on each " +
		"line.",
	"help_user_claim": "Claims with the user's id, text or a number; the first that a token has counts. Dots lead into " +
		"objects.",
	"help_role_claim": "Claims with the user's role or a list of roles, such as realm_access.roles or scope; the first " +
		"that a token has counts, and of its roles the first that is known.",
	"help_province_claim": "Claim with the codes of the provinces that a user works in: text, a number or a list " +
		"of them.",
	"help_municipality_claim": "The same for municipalities.",
	"help_ward_claim":         "The same for wards.",
	"help_origins": "Other hosts whose web pages may use the API and the sockets, for instance app.example.org, " +
		"https://*.example.org or localhost:5173.",
	"help_user_storage": "Bytes that may be kept of a user's uploads, artifacts and reports together; 0 means any " +
		"number.",
	"help_user_iec_calls": "Calls to the IEC that the jobs of one user may make in any rolling hour; 0 sets no limit. " +
		"With several users, a quarter of --iec-quota is a good start.",
	"help_iec_keep": "How old an answer of the IEC may be to be used again, at most 72h.",
	"help_keep_not": "The same for a person who was not registered.",
	"help_webhook_private": "Allow webhooks at private addresses and without TLS. Anybody with a token can then " +
		"send requests into your network.",
	"help_public_url": "Where people reach rollcall, for instance https://rollcall.example.org: the links of e-mail " +
		"begin with it.",
	"help_smtp_addr": "SMTP server that takes e-mail on, for instance smtp.example.org:587. Without it, nobody is " +
		"told by e-mail.",
	"help_smtp_from": "Sender of e-mail, for instance rollcall@example.org.",
	"help_smtp_user": "Name to sign in with at the SMTP server. The password is ROLLCALL_SMTP_PASSWORD, or in the file " +
		"of ROLLCALL_SMTP_PASSWORD_FILE.",
	"help_smtp_tls": "Encryption: starttls on the server's ordinary port, implicit from the first byte on (port 465), " +
		"or none, for a server on this machine.",
	"help_smtp_ca": "Certificates of the authorities that sign the SMTP server's certificate, instead of the system's.",
	"help_keep_uploads": "How long an uploaded file is kept after its job has ended; 0 means for ever. A failed " +
		"job can be retried for as long.",
	"help_keep_artifacts": "How long the rows, answers and outcomes of a job are kept after its end; 0 means for " +
		"ever. A job can be undone for as long.",
	"help_keep_events": "How long a job is kept after its end, with its events and figures; 0 means for ever. " +
		"Nothing of a job is kept longer.",
	"help_archive_after": "How long after its end the events of a job are moved into one message, in which they are " +
		"found as before; 0 means never, else at least a day.",
	"help_workers": "Jobs that a service works on at once, besides two small ones. iec takes at least 32, " +
		"which share its calls.",
	"help_metrics_addr": "Where to serve /metrics for Prometheus, on a listener of its own. Without it, there " +
		"are no metrics.",
	"help_otlp": "OpenTelemetry collector that traces are sent to over HTTP, for instance " +
		"http://127.0.0.1:4318. Without it, there are no traces.",
	"help_tls_cert": "Certificate, with its chain, to serve HTTPS instead of HTTP. It is read again when it " +
		"changes.",

	"services":      "upload,validation,iec,persistence,report,gateway,webhook,privacy",
	"help_services": "upload, validation, iec, persistence, report, gateway, webhook or privacy.",
}

// shortDuration writes 24h instead of 24h0m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
