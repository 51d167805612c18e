package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/services/postgres"
)

// secretTag marks a flag whose value is a secret, or has one in it.
const secretTag = "secret"

// fileSuffix makes of a variable with a secret the one that names a file with it.
const fileSuffix = "_FILE"

// SecretVariables are the variables with secrets that only the environment can set. Each may
// be given as a file too: see SecretFiles.
func SecretVariables() []string {
	list := []string{
		"ROLLCALL_IEC_USERNAME", "ROLLCALL_IEC_PASSWORD", "ROLLCALL_IEC_CACHE_KEY", "ROLLCALL_PRIVACY_KEY",
		SMTPPasswordVariable, embedded.StoreKeyVariable, NextStoreKeyVariable,
	}
	for _, user := range embedded.Users {
		list = append(list, embedded.PasswordVariable(user))
	}
	for _, service := range postgres.RoleServices() {
		list = append(list, DatabasePasswordVariable(service))
	}
	return list
}

// SecretFiles reads secrets from files: with ROLLCALL_X_FILE=FILE, the secret ROLLCALL_X is
// what stands in FILE, without the end of its last line. Whoever gives both is refused. It is
// a kong.Resolver for flags with the tag secret; Environment does the same for the others.
type SecretFiles struct {
	getenv func(string) string
	// exposed are the files that others on the machine can read.
	exposed []string
}

// NewSecretFiles reads nothing yet.
func NewSecretFiles(getenv func(string) string) *SecretFiles { return &SecretFiles{getenv: getenv} }

// Validate implements kong.Resolver.
func (s *SecretFiles) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (s *SecretFiles) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	// kong does not ask about flags of the command line, so that each other one asks about them.
	for _, p := range ctx.Path {
		if p.Flag == nil || p.Resolved || !p.Flag.Tag.Has(secretTag) {
			continue
		}
		for _, env := range p.Flag.Envs {
			if s.getenv(env+fileSuffix) != "" {
				return nil, fmt.Errorf("give only one of --%s and %s", p.Flag.Name, env+fileSuffix)
			}
		}
	}
	if !flag.Tag.Has(secretTag) {
		return nil, nil
	}
	for _, env := range flag.Envs {
		secret, err := s.read(env)
		if secret != "" || err != nil {
			return secret, err
		}
	}
	return nil, nil
}

// Environment returns the environment with the secrets of files in it. It warns of each
// file, those of flags too, that others on this machine can read.
func (s *SecretFiles) Environment(logger *slog.Logger) (func(string) string, error) {
	secrets := map[string]string{}
	var failed error
	for _, name := range SecretVariables() {
		secret, err := s.read(name)
		failed = errors.Join(failed, err)
		if secret != "" {
			secrets[name] = secret
		}
	}
	if failed != nil {
		return nil, failed
	}
	for _, file := range s.exposed {
		warnOfReaders(logger, file)
	}
	return func(name string) string {
		if secret, ok := secrets[name]; ok {
			return secret
		}
		return s.getenv(name)
	}, nil
}

// read returns the secret of the file that is given for a variable, or "" without one.
func (s *SecretFiles) read(name string) (string, error) {
	file := s.getenv(name + fileSuffix)
	if file == "" {
		return "", nil
	}
	if s.getenv(name) != "" {
		return "", fmt.Errorf("give only one of %s and %s", name, name+fileSuffix)
	}
	secret, mode, err := readSecretFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name+fileSuffix, err)
	}
	if secret == "" {
		return "", fmt.Errorf("%s: %s is empty", name+fileSuffix, file)
	}
	if forOthers(mode) && !slices.Contains(s.exposed, file) {
		s.exposed = append(s.exposed, file)
	}
	return secret, nil
}

// maxSecretFile is how many bytes a file may have: a larger one is the wrong one.
const maxSecretFile = 64 << 10

// readSecretFile returns what stands in a file without the end of its last line, and who
// may read it.
func readSecretFile(file string) (string, fs.FileMode, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", 0, fmt.Errorf("read secret: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", 0, fmt.Errorf("read secret: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", 0, fmt.Errorf("read secret %s: %w", file, err)
	}
	if len(text) > maxSecretFile {
		return "", 0, fmt.Errorf("read secret: %s has more than %d bytes", file, maxSecretFile)
	}
	return strings.TrimRight(string(text), "\r\n"), info.Mode(), nil
}

func forOthers(mode fs.FileMode) bool { return mode.Perm()&0o007 != 0 }

func warnOfReaders(logger *slog.Logger, file string) {
	events.Logger(logger).Warn("others on this machine can read a secret: chmod o= FILE", "file", file)
}
