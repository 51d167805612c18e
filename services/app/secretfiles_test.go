package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// secretFile writes a file with a secret and returns its name.
func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// Each secret of the environment comes from its file, without the end of the last line.
func TestEverySecretCanComeFromAFile(t *testing.T) {
	env := map[string]string{}
	for _, name := range SecretVariables() {
		env[name+"_FILE"] = secretFile(t, " "+name+" = 1 \r\n\n", 0o400)
	}
	var log bytes.Buffer
	getenv, err := NewSecretFiles(func(name string) string { return env[name] }).
		Environment(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s := reflect.ValueOf(SecretsFrom(getenv))
	for i := range s.NumField() {
		found := []reflect.Value{s.Field(i)}
		if s.Field(i).Kind() == reflect.Map {
			found = nil
			for _, key := range s.Field(i).MapKeys() {
				found = append(found, s.Field(i).MapIndex(key))
			}
		}
		for _, value := range found {
			if !strings.HasPrefix(value.String(), " ROLLCALL_") || !strings.HasSuffix(value.String(), " = 1 ") {
				t.Errorf("%s is %q", s.Type().Field(i).Name, value)
			}
		}
		if len(found) == 0 {
			t.Errorf("there is no %s", s.Type().Field(i).Name)
		}
	}
	if log.Len() > 0 {
		t.Errorf("warns of files that nobody else can read: %s", &log)
	}
}

func TestSecretFilesThatCannotBeAreRefused(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"give only one of": {"ROLLCALL_PRIVACY_KEY": "a", "ROLLCALL_PRIVACY_KEY_FILE": secretFile(t, "a", 0o400)},
		"is empty":         {"ROLLCALL_PRIVACY_KEY_FILE": secretFile(t, "\n", 0o400)},
		"read secret":      {"ROLLCALL_PRIVACY_KEY_FILE": filepath.Join(t.TempDir(), "missing")},
		"has more than":    {"ROLLCALL_PRIVACY_KEY_FILE": secretFile(t, strings.Repeat("a", 64<<10+1), 0o400)},
	} {
		_, err := NewSecretFiles(func(name string) string { return env[name] }).Environment(nil)
		if err == nil || !strings.Contains(err.Error(), name) ||
			!strings.Contains(err.Error(), "ROLLCALL_PRIVACY_KEY_FILE") {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

func TestSecretFilesForOthersAreToldOf(t *testing.T) {
	for mode, warns := range map[os.FileMode]bool{0o400: false, 0o440: false, 0o444: true} {
		file := secretFile(t, "the secret itself", mode)
		var log bytes.Buffer
		_, err := NewSecretFiles(func(name string) string {
			if name == "ROLLCALL_IEC_PASSWORD_FILE" {
				return file
			}
			return ""
		}).Environment(slog.New(slog.NewTextHandler(&log, nil)))
		if text := log.String(); err != nil || strings.Contains(text, file) != warns || strings.Contains(text, "itself") {
			t.Errorf("%v: %v, %s", mode, err, &log)
		}
	}
}

// The flags with secrets in them take files too, and no other flag does.
func TestSettingsWithSecretsComeFromFiles(t *testing.T) {
	const variable = "ROLLCALL_DATABASE_FILE"
	database := secretFile(t, "postgres://u:p@h/d\n", 0o444)
	for name, c := range map[string]struct {
		env   map[string]string
		args  []string
		fails string
	}{
		"from the file":         {env: map[string]string{variable: database}},
		"and from the variable": {env: map[string]string{variable: database, "ROLLCALL_DATABASE": "u"}, fails: "only one"},
		"and from the flag": {
			env: map[string]string{variable: database}, args: []string{"--database=u"}, fails: "only one",
		},
		"from a missing file":    {env: map[string]string{variable: "missing"}, fails: variable},
		"no file of other flags": {env: map[string]string{variable: database, "ROLLCALL_ADDR_FILE": database}},
	} {
		t.Run(name, func(t *testing.T) {
			getenv := func(name string) string { return c.env[name] }
			secrets := NewSecretFiles(getenv)
			var cfg ServeConfig
			parser, err := kong.New(&cfg, Vars, kong.DefaultEnvars("ROLLCALL"), kong.Resolvers(secrets))
			if err != nil {
				t.Fatal(err)
			}
			_, err = parser.Parse(append([]string{"report"}, c.args...))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("%v, want %s", err, c.fails)
				}
				return
			}
			if err != nil || cfg.Database.URL != "postgres://u:p@h/d" || cfg.Addr != "127.0.0.1:8080" {
				t.Fatalf("%v, %+v", err, cfg)
			}
			var log bytes.Buffer
			if _, err := secrets.Environment(slog.New(slog.NewTextHandler(&log, nil))); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), database) {
				t.Errorf("does not warn of a file that everybody can read: %q", &log)
			}
		})
	}
}
