package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/services/app"
)

// doctorTime is how long the doctor waits for one answer.
const doctorTime = 5 * time.Second

// examineNATS connects as each user, tries what each may do, and compares what
// is stored with what provisioning would make. Without --nats it does so as the
// one user whose password a running up leaves in its data folder.
func (d *doctor) examineNATS(ctx context.Context) {
	permissions, err := embedded.UserPermissions()
	if err != nil {
		d.judge("built-in nats.conf", err, "Build rollcall again.")
		return
	}
	if d.NATS.URL == "" {
		env, err := os.ReadFile(filepath.Join(d.Data, app.NATSEnv))
		found := cliSettings.FindStringSubmatch(string(env))
		if err != nil || found == nil {
			d.add("nats", skipped, "give --nats to look at it", "")
			return
		}
		d.asUser(ctx, found[1], "operator", found[2], permissions)
		return
	}
	for _, user := range embedded.Users {
		if user == "sys" {
			continue // the server's own; no part of rollcall connects as it
		}
		if !d.asUser(ctx, d.NATS.URL, user, d.p.getenv(embedded.PasswordVariable(user)), permissions) {
			return
		}
	}
}

// asUser examines what one user sees; false says that there is no server.
func (d *doctor) asUser(ctx context.Context, url, user, password string, permissions map[string]embedded.Permissions) bool {
	js, err := events.Connect(events.Connection{URL: url, User: user, Password: password})
	if errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) {
		d.judge("nats", err, "Start the server, or correct --nats; a firewall may be in between: nats-server -c nats.conf")
		return false
	}
	if !d.judge("nats as "+user, err, "Give the server and the service the same "+embedded.PasswordVariable(user)+", and start the server with rollcall's nats.conf.") {
		return true
	}
	defer js.Conn().Close()
	d.permissions(ctx, js.Conn(), user, permissions)
	if user == "operator" {
		d.stored(ctx, js)
	}
	return true
}

// cliSettings finds address and password in the file that up leaves for the NATS CLI.
var cliSettings = regexp.MustCompile(`NATS_URL=(\S+) NATS_USER=operator NATS_PASSWORD=(\S+)`)

// nobodys is a subject that no user may publish to.
const nobodys = "rollcall.doctor"

// permissions tries as a user what each user may do. What is tried changes
// nothing, even where it is allowed by mistake: a request for information, or a
// message that says that it follows one that does not exist.
func (d *doctor) permissions(ctx context.Context, nc *nats.Conn, user string, all map[string]embedded.Permissions) {
	const mend = "Start the server with the nats.conf of this version of rollcall; after a change: nats-server --signal reload"
	name := "permissions of " + user
	subjects := harmless(all)
	denied, err := tried(ctx, nc, append(subjects, nobodys))
	if err != nil {
		d.judge(name, err, mend)
		return
	}
	var wrong []string
	for _, s := range subjects {
		switch may := !slices.Contains(denied, s); {
		case may && !all[user].CanPublish(s):
			wrong = append(wrong, "may publish to "+s)
		case !may && all[user].CanPublish(s):
			wrong = append(wrong, "may not publish to "+s)
		}
	}
	if len(wrong) > 3 {
		wrong = append(wrong[:3], fmt.Sprintf("and %d more", len(wrong)-3))
	}
	if wrong != nil {
		err = errors.New(strings.Join(wrong, ", "))
	}
	d.judge(name, err, mend)
}

// harmless are subjects, one of each kind that a user may publish to, to which a
// message can be sent that has no effect.
func harmless(all map[string]embedded.Permissions) (list []string) {
	for _, p := range all {
		for _, pattern := range p.Allow {
			for _, prefix := range []string{"bulk.", "$O.", "$KV.", "$JS.API.STREAM.INFO.", "$JS.API.DIRECT.GET."} {
				if strings.HasPrefix(pattern, prefix) {
					list = append(list, strings.NewReplacer("*", "doctor", ">", "doctor").Replace(pattern))
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// tried is which of the subjects the server denies. The last one must be denied
// in any case: when it is, all others have been.
func tried(ctx context.Context, nc *nats.Conn, subjects []string) (denied []string, err error) {
	heard := make(chan string, len(subjects))
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if _, quoted, ok := strings.Cut(err.Error(), " to \""); ok {
			subject, _, _ := strings.Cut(quoted, `"`)
			select {
			case heard <- subject:
			default: // one that was not asked about
			}
		}
	})
	for _, s := range subjects {
		msg := nats.NewMsg(s)
		msg.Reply = nc.NewInbox() // which nobody hears
		// No stream has come so far, so none stores it.
		msg.Header.Set(jetstream.ExpectedLastSeqHeader, "9007199254740991")
		if err := nc.PublishMsg(msg); err != nil {
			return nil, fmt.Errorf("try %s: %w", s, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	if err := nc.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("try permissions: %w", err)
	}
	last := subjects[len(subjects)-1]
	if err := nc.LastError(); err == nil || !strings.Contains(err.Error(), last) {
		return nil, errors.New("the server denies nothing: it does not run with rollcall's nats.conf")
	}
	for {
		select {
		case s := <-heard:
			if s == last {
				return denied, nil
			}
			denied = append(denied, s)
		case <-ctx.Done():
			return nil, fmt.Errorf("try permissions: %w", ctx.Err())
		}
	}
}

// stored compares what is there with what provisioning would make.
func (d *doctor) stored(ctx context.Context, js jetstream.JetStream) {
	mend := "rollcall migrate --nats " + d.NATS.URL
	if d.NATS.URL == "" {
		mend = "Start rollcall up again: it brings them up to date."
	}
	if d.Provision.Replicas != 1 {
		mend += fmt.Sprintf(" --replicas %d", d.Provision.Replicas)
	}
	ctx, cancel := context.WithTimeout(ctx, 4*doctorTime)
	defer cancel()
	found, err := events.Inspect(ctx, js, d.Provision.Config(), d.now)
	if err != nil {
		d.judge("streams", err, "The server's log says whether JetStream is on and has a leader: nats-server -c nats.conf")
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
	d.clock("nats", found.Skew, 0)
	account, err := js.AccountInfo(ctx)
	if err != nil {
		d.judge("disk of nats", err, mend)
		return
	}
	if most := account.Limits.MaxStore; most > 0 && account.Store > uint64(most)/10*9 {
		err = fmt.Errorf("%d of %d MB are used", account.Store>>20, most>>20)
	}
	d.judge("disk of nats", err, "Give JetStream more in nats.conf (max_file_store, max_file), or have jobs erased that are no longer needed.")
}
