package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"rollcall.example/events/embedded"
	"rollcall.example/events/person"
)

// examineTokens looks at the keys that tokens are checked with.
func (d *doctor) examineTokens(ctx context.Context) {
	const name = "keys of tokens"
	if d.Tokens.Check == nil {
		d.add(name, Skipped,
			"upload and gateway need one: give --jwt-secret, --jwt-secret-file, --jwt-jwks-file or --jwt-jwks-url", "")
		return
	}
	d.judge(name, d.Tokens.Check(ctx), "Give one of --jwt-secret, --jwt-secret-file, --jwt-jwks-file and "+
		"--jwt-jwks-url: a secret of at least 32 bytes (openssl rand -hex 32), or a file or address that can be read "+
		"and holds public keys, with --jwt-issuer and --jwt-audience.")
}

// examineEnvironment looks for the variables that the services need.
func (d *doctor) examineEnvironment() {
	iec := d.IEC.URL != ""
	d.judgeVariables("credentials of the IEC", iec, "--iec-url", "ROLLCALL_IEC_USERNAME", "ROLLCALL_IEC_PASSWORD")
	d.judgeVariables("key of the IEC's answers", iec, "--iec-url", "ROLLCALL_IEC_CACHE_KEY")
	d.examinePrivacyKey()
	var passwords []string
	for _, user := range embedded.Users {
		if user != "sys" {
			passwords = append(passwords, embedded.PasswordVariable(user))
		}
	}
	d.judgeVariables("passwords of NATS", d.NATS.URL != "", "--nats", passwords...)
}

// examinePrivacyKey looks at the key of the hashes of people.
func (d *doctor) examinePrivacyKey() {
	const name, variable = "key of the hashes of people", "ROLLCALL_PRIVACY_KEY"
	if d.NATS.URL == "" || d.Getenv(variable) == "" {
		d.judgeVariables(name, d.NATS.URL != "", "--nats", variable)
		return
	}
	_, err := person.NewKey(d.Getenv(variable))
	d.judge(name, err, "Set "+variable+" to at least 32 random characters, the same for upload, validation, "+
		"persistence and privacy: openssl rand -hex 32")
}

// judgeVariables judges whether variables are set that are needed with a flag.
func (d *doctor) judgeVariables(name string, needed bool, flag string, variables ...string) {
	if !needed {
		d.add(name, Skipped, "give "+flag+" to look at it", "")
		return
	}
	var missing []string
	for _, v := range variables {
		if d.Getenv(v) == "" {
			missing = append(missing, v)
		}
	}
	if missing != nil {
		d.add(name, Broken, "not set: "+strings.Join(missing, ", "),
			"Set them in the environment of the services that need them, and here, or as files: NAME_FILE=FILE.")
		return
	}
	d.add(name, Fine, "", "")
}

// leastFree is how many bytes a disk should have left: the largest upload and all that
// is made of it fit into it several times.
const leastFree = 2 << 30

func (d *doctor) examineDisks() {
	dirs := []string{os.TempDir()}
	if _, err := os.Stat(d.Data); err == nil {
		dirs = append(dirs, d.Data)
	} else if !errors.Is(err, fs.ErrNotExist) {
		d.judge("disk of "+d.Data, err, "Run it as a user who may read the folder.")
	}
	for _, dir := range dirs {
		free, err := d.Free(dir)
		if err == nil && free < leastFree {
			err = fmt.Errorf("%d MB are left", free>>20)
		}
		d.judge("disk of "+dir, err, "Make room, at least 2 GB, or set TMPDIR for the temporary files. "+
			"Uploads and reports lie there while they are worked on.")
	}
}
