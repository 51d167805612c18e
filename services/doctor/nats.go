package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
)

// examineNATS connects as each user, tries what each may do, and compares what
// is stored with what provisioning would make. Without a URL it does so as the
// one user whose password a running up leaves in its data folder.
func (d *doctor) examineNATS(ctx context.Context) {
	permissions, err := embedded.UserPermissions()
	if err != nil {
		d.judge("built-in nats.conf", err, "Build rollcall again.")
		return
	}
	if d.NATS.URL == "" {
		env, err := os.ReadFile(d.NATSEnv)
		found := envOfUp.FindStringSubmatch(string(env))
		if err != nil || found == nil {
			d.add("nats", Skipped, "give --nats to look at it", "")
			return
		}
		d.examineUser(ctx, found[1], "operator", found[2], permissions)
		return
	}
	for _, user := range embedded.Users {
		if user == "sys" {
			continue // the server's own; no part of rollcall connects as it
		}
		if !d.examineUser(ctx, d.NATS.URL, user, d.Getenv(embedded.PasswordVariable(user)), permissions) {
			return
		}
	}
}

// examineUser examines what one user sees. It reports whether there is a server.
func (d *doctor) examineUser(
	ctx context.Context, url, user, password string, permissions map[string]embedded.Permissions,
) bool {
	as := d.NATS
	as.URL, as.User, as.Password = url, user, password
	js, err := events.Connect(as)
	if errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) {
		d.judge("nats", err,
			"Start the server, or correct --nats; a firewall may be in between: nats-server -c nats.conf")
		return false
	}
	if !d.judge("nats as "+user, err, "Give the server and the service the same "+embedded.PasswordVariable(user)+
		", and start the server with rollcall's nats.conf.") {
		return true
	}
	defer js.Conn().Close()
	d.examinePermissions(ctx, js.Conn(), user, permissions)
	if user == "operator" {
		d.examineStreams(ctx, js)
	}
	return true
}

// envOfUp finds address and password in the file that up leaves for the NATS CLI.
var envOfUp = regexp.MustCompile(`NATS_URL=(\S+) NATS_USER=operator NATS_PASSWORD=(\S+)`)

// examineStreams compares what is there with what provisioning would make.
func (d *doctor) examineStreams(ctx context.Context, js jetstream.JetStream) {
	mend := "rollcall migrate --nats " + d.NATS.URL
	if d.NATS.URL == "" {
		mend = "Start rollcall up again: it brings them up to date."
	}
	if d.Provision.Replicas > 1 {
		mend += fmt.Sprintf(" --replicas %d", d.Provision.Replicas)
	}
	ctx, cancel := context.WithTimeout(ctx, 4*answerTime)
	defer cancel()
	found, err := events.Inspect(ctx, js, d.Provision, d.Now)
	if err != nil {
		d.judge("streams", err,
			"The server's log says whether JetStream is on and has a leader: nats-server -c nats.conf")
		return
	}
	for _, f := range found.Findings {
		var err error
		switch {
		case f.Missing:
			err = errors.New("not there")
		case len(f.Differs) > 0:
			err = errors.New(strings.Join(f.Differs, ", "))
		}
		d.judge(f.Name, err, mend)
	}
	d.judgeClock("nats", found.Skew, 0)
	account, err := js.AccountInfo(ctx)
	if err != nil {
		d.judge("disk of nats", err, mend)
		return
	}
	if most := account.Limits.MaxStore; most > 0 && account.Store > uint64(most)/10*9 {
		err = fmt.Errorf("%d of %d MB are used", account.Store>>20, most>>20)
	}
	d.judge("disk of nats", err, "Give JetStream more in nats.conf (max_file_store, max_file), "+
		"or have jobs erased that are no longer needed.")
}
