package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rollcall.example/events/embedded"
)

// The files that up leaves in its data folder while it runs.
const (
	// NATSEnv is with what the NATS CLI, and commands as operator, reach the embedded server.
	NATSEnv = "nats-cli.env"
	// InvestigatorEnv is with what the NATS CLI, and commands as investigator, read artifacts
	// on the embedded server. The server notes what they read.
	InvestigatorEnv = "investigator.env"
	// PrivacyEnv is with what erase and export reach the embedded server, the database and
	// the IEC's answers.
	PrivacyEnv = "privacy.env"
	// RevokeEnv is with what revoke reaches the embedded server.
	RevokeEnv = "revoke.env"
)

// EnvOf is the variable with which these files say whose they are: the data folder.
const EnvOf = "ROLLCALL_ENV_OF"

// LeftByUp returns the data folder whose up left the value of a variable in a file that
// was sourced, "" for a value that somebody else gave.
func LeftByUp(getenv func(string) string, variable, value string) (dir string) {
	if value == "" || getenv(variable) != value {
		return ""
	}
	return getenv(EnvOf)
}

// ForgetOwn forgets a NATS and a database that are only this up's own, of the last time
// that it ran: the shell that starts it has read a file that it left.
func (c *UpConfig) ForgetOwn(getenv func(string) string) error {
	dir, err := filepath.Abs(c.Data)
	if err != nil {
		return err
	}
	if LeftByUp(getenv, "ROLLCALL_NATS", c.NATS.URL) == dir {
		c.NATS.URL = ""
	}
	if LeftByUp(getenv, "ROLLCALL_DATABASE", c.Database.URL) == dir {
		c.Database.URL = ""
	}
	return nil
}

// writeNATSEnv leaves NATSEnv, InvestigatorEnv and RevokeEnv.
func (in *Infrastructure) writeNATSEnv(dir *dataFolder, ca string) error {
	for file, user := range map[string]string{NATSEnv: "operator", InvestigatorEnv: "investigator"} {
		var env strings.Builder
		url, password := in.embedded.URL(), in.embedded.Password(user)
		fmt.Fprintf(&env, "export NATS_URL=%s NATS_USER=%s NATS_PASSWORD=%s\n", url, user, password)
		fmt.Fprintf(&env, "export ROLLCALL_NATS=%s %s=%s\n", url, embedded.PasswordVariable(user), password)
		if ca != "" {
			fmt.Fprintf(&env, "export NATS_CA=%[1]s ROLLCALL_NATS_CA=%[1]s\n", ca)
		}
		env.WriteString(exports([][2]string{{EnvOf, dir.join("")}}))
		if err := in.leave(dir.join(file), env.String()); err != nil {
			return err
		}
	}
	return in.leaveEnv(dir, RevokeEnv, [][2]string{
		{"ROLLCALL_NATS", in.embedded.URL()}, {embedded.PasswordVariable("revoker"), in.embedded.Password("revoker")},
		{"ROLLCALL_NATS_CA", ca},
	})
}

// writePrivacyEnv leaves PrivacyEnv.
func (a *App) writePrivacyEnv(dir *dataFolder, natsCA, database string) error {
	in := a.Infrastructure
	return in.leaveEnv(dir, PrivacyEnv, [][2]string{
		{"ROLLCALL_NATS", in.embedded.URL()}, {embedded.PasswordVariable("privacy"), in.embedded.Password("privacy")},
		{"ROLLCALL_NATS_CA", natsCA}, {"ROLLCALL_DATABASE", database}, {"ROLLCALL_IEC_CACHE_KEY", a.secrets.IECCacheKey},
		{"ROLLCALL_PRIVACY_KEY", a.secrets.PrivacyKey}, {"ROLLCALL_POLICY", a.settings.Policy},
	})
}

// leaveEnv leaves a file that sets variables in a shell, and says whose they are.
func (in *Infrastructure) leaveEnv(dir *dataFolder, file string, variables [][2]string) error {
	return in.leave(dir.join(file), exports(append(variables, [2]string{EnvOf, dir.join("")})))
}

// exports sets variables in a shell, those that are not empty.
func exports(variables [][2]string) string {
	var env strings.Builder
	for _, v := range variables {
		if v[1] != "" {
			fmt.Fprintf(&env, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
		}
	}
	return env.String()
}

// leave writes a file that is there until Close.
func (in *Infrastructure) leave(file, text string) error {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	in.closeLater(func() error { return os.Remove(file) })
	return nil
}
