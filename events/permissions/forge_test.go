package permissions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/events/permissions"
)

// targets returns every subject whose messages somebody believes, for one job.
func targets(jobID string) (list []string) {
	for _, k := range append(slices.Clone(events.Kinds), events.KindProgress) {
		list = append(list, events.Subject(jobID, k), events.LivePrefix+events.Subject(jobID, k))
	}
	for _, what := range events.AccessKinds {
		list = append(list, events.AuditSubject(jobID, what))
	}
	for _, k := range cases.FactKinds {
		list = append(list, cases.Subject(aCase, k))
	}
	for _, bucket := range events.KeyValueBuckets() {
		list = append(list, "$KV."+bucket+"."+jobID)
	}
	for _, bucket := range append(events.ObjectBuckets(), events.BucketCases) {
		list = append(list, "$O."+bucket+".M."+jobID)
	}
	return list
}

// A forger has the connection of one user. It stores a message of its choice
// where the user may write, and makes the server publish it on a subject where
// the user may not.
type forger struct {
	t      *testing.T
	nc     *nats.Conn
	may    []string // subjects that the user may publish to
	stored []string // where the chosen message lies
}

// store leaves the chosen message wherever the user may write.
func (f *forger) store() {
	for _, s := range f.may {
		if !strings.HasPrefix(s, "$O.") && !strings.HasPrefix(s, "$KV.") {
			continue
		}
		f.publish(s, "", []byte(`{"forged":true}`))
		f.stored = append(f.stored, s)
	}
}

// publish sends a message with headers that make it look like a fact.
func (f *forger) publish(subject, reply string, body []byte) {
	f.t.Helper()
	msg := nats.NewMsg(subject)
	msg.Reply, msg.Data = reply, body
	msg.Header.Set("ce-type", "rollcall.bulk.cancelled")
	msg.Header.Set("ce-owner", "victim")
	if err := f.nc.PublishMsg(msg); err != nil {
		f.t.Fatal(err)
	}
}

// attack sends every request that the user may send, with the target as the
// subject of the answer, and has a consumer deliver to the target.
func (f *forger) attack(target string) {
	for _, s := range f.may {
		if !strings.HasPrefix(s, "$JS.") {
			continue
		}
		stream := strings.Split(strings.TrimPrefix(s, "$JS.API.DIRECT.GET."), ".")[0]
		switch {
		case strings.Contains(s, ".DELETE.") || strings.Contains(s, ".UPDATE.") || strings.Contains(s, ".PURGE."):
			continue // would destroy what the other users attack
		case strings.Contains(s, ".CONSUMER.CREATE."):
			f.createConsumer(s, target)
		case s == "$JS.API.DIRECT.GET."+stream:
			f.publish(s, target, []byte(`{"seq":1,"batch":10}`))
			for _, stored := range f.stored {
				f.publish(s, target, fmt.Appendf(nil, `{"last_by_subj":%q}`, stored))
			}
		case strings.HasPrefix(s, "$JS.API.CONSUMER.MSG.NEXT."):
			f.publish(s, target, []byte(`{"batch":1,"no_wait":true}`))
		case strings.HasPrefix(s, "$JS.ACK."):
			f.publish(s, target, []byte("+NXT"))
		default:
			f.publish(s, target, nil)
		}
	}
}

func (f *forger) createConsumer(request, target string) {
	parts := strings.SplitN(strings.TrimPrefix(request, "$JS.API.CONSUMER.CREATE."), ".", 3)
	if len(parts) < 3 {
		return
	}
	body, err := json.Marshal(map[string]any{"stream_name": parts[0], "config": map[string]any{
		"name": parts[1], "deliver_subject": target, "filter_subject": parts[2], "ack_policy": "none",
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.publish(request, target, body)
}

// Each user tries to write each fact, access and entry that is not its own, by
// making the server answer or deliver there. Nothing of that is stored. Whoever
// shares the account of the streams succeeds, which shows that the attack is one.
func TestNobodyMakesTheServerWriteForThem(t *testing.T) {
	srv := eventstest.Start(t)
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	w := explore(t, owner)
	all := expected(w)
	jobs := map[string]string{}
	for user, may := range all {
		// Where consumers may be made, the server may be told where to deliver. No
		// service may.
		person := slices.Contains([]string{"provisioner", "investigator"}, user)
		if i := slices.IndexFunc(may.publish, func(s string) bool {
			return strings.HasPrefix(s, "$JS.API.CONSUMER.CREATE.")
		}); i >= 0 && !person {
			t.Errorf("%s may publish %s", user, may.publish[i])
		}
		if user == "provisioner" {
			continue // a stream's own settings say where it republishes
		}
		jobs[user] = events.NewJobID()
		f := &forger{t: t, nc: eventstest.Connect(t, srv, user).Conn(), may: may.publish}
		f.store()
		for _, target := range targets(jobs[user]) {
			f.attack(target)
		}
		if err := f.nc.FlushTimeout(30 * time.Second); err != nil {
			t.Fatalf("%s: %v", user, err)
		}
	}
	control := events.NewJobID()
	f := &forger{t: t, nc: owner.Conn(), may: []string{"$JS.API.STREAM.INFO." + events.StreamFacts}}
	for _, k := range events.Kinds {
		f.attack(events.Subject(control, k))
	}
	facts, err := owner.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range events.Kinds {
		eventstest.Wait(t, "the answer to the owner", func() bool {
			_, err := facts.GetLastMsgForSubject(t.Context(), events.Subject(control, k))
			return err == nil
		})
	}
	for user, jobID := range jobs {
		checkNothingWritten(t, owner, user, all[user].publish, jobID)
	}
}

// checkNothingWritten looks for messages on the targets.
func checkNothingWritten(t *testing.T, owner jetstream.JetStream, user string, may []string, jobID string) {
	t.Helper()
	for _, target := range targets(jobID) {
		if strings.HasPrefix(target, events.LivePrefix) {
			continue // is heard, not stored
		}
		name, err := owner.StreamNameBySubject(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		s, err := owner.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.GetLastMsgForSubject(t.Context(), target)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		pattern := strings.ReplaceAll(strings.ReplaceAll(target, jobID, aJob), aJob, "x")
		own := slices.ContainsFunc(may, func(s string) bool {
			return strings.ReplaceAll(s, aJob, "x") == pattern || s == target
		})
		if !own {
			t.Errorf("%s wrote to %s: %.100q", user, target, m.Data)
		}
	}
}

// The live subjects tell a stage to look at once. A forged one is heard by nobody
// but the forger.
func TestAnswersOnLiveSubjectsReachNobodyElse(t *testing.T) {
	srv := eventstest.Start(t)
	heard, err := eventstest.Connect(t, srv, "operator").Conn().SubscribeSync(events.LivePrefix + "bulk.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range permissions.Users() {
		if u.Name == "operator" {
			continue // hears itself
		}
		nc := eventstest.Connect(t, srv, u.Name).Conn()
		msg := nats.NewMsg("$JS.API.DIRECT.GET." + events.StreamFacts)
		msg.Reply = events.LivePrefix + events.Subject(aJob, events.KindCancelled)
		if err := errors.Join(nc.PublishMsg(msg), nc.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	control := nats.NewMsg("$JS.API.DIRECT.GET." + events.StreamFacts)
	control.Reply = events.LivePrefix + events.Subject(aJob, events.KindUploaded)
	if err := eventstest.Connect(t, srv, eventstest.Owner).Conn().PublishMsg(control); err != nil {
		t.Fatal(err)
	}
	m, err := heard.NextMsg(20 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != control.Reply {
		t.Errorf("heard %s first", m.Subject)
	}
}

// Only one service writes each bucket, and privacy, which clears them all. Upload
// shares the bucket of exports with it, and that of revocations with a person: whoever
// has its process acts for everybody already, and the gateway only reads.
func TestEachBucketHasOneWriter(t *testing.T) {
	writers := map[string][]string{}
	for _, u := range permissions.Users() {
		for _, b := range u.Objects {
			if b.Write {
				writers["object "+b.Name] = append(writers["object "+b.Name], u.Name)
			}
		}
		for _, b := range u.KeyValues {
			if b.Write {
				writers["key "+b.Name] = append(writers["key "+b.Name], u.Name)
			}
		}
	}
	for bucket, users := range writers {
		users = slices.DeleteFunc(users, func(u string) bool { return u == "privacy" })
		shared := bucket == "key "+events.KVRevocations && slices.Equal(users, []string{"upload", "revoker"})
		if len(users) > 1 && !shared {
			t.Errorf("%s is written by %v", bucket, users)
		}
	}
}

// The provisioner can neither shorten the audit nor remove it, whatever it asks.
func TestTheProvisionerCannotTouchTheAudit(t *testing.T) {
	srv := eventstest.Start(t)
	owner, provisioner := eventstest.Connect(t, srv, eventstest.Owner), eventstest.Connect(t, srv, "provisioner")
	for _, name := range []string{events.StreamAudit, events.StreamAdvisories} {
		s, err := owner.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		before := s.CachedInfo().Config
		shorter, _ := json.Marshal(map[string]any{"name": name, "subjects": before.Subjects, "max_msgs": 1})
		for _, verb := range []string{"UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE"} {
			request := nats.NewMsg("$JS.API.STREAM." + verb + "." + name)
			if request.Data = nil; verb == "UPDATE" {
				request.Data = shorter
			}
			// By itself, and as the answer to another request, which no permission sees.
			through := nats.NewMsg("$JS.API.STREAM.INFO." + events.StreamFacts)
			through.Reply = request.Subject
			nc := provisioner.Conn()
			if err := errors.Join(nc.PublishMsg(request), nc.PublishMsg(through), nc.Flush()); err != nil {
				t.Fatal(err)
			}
		}
		before.MaxMsgs = 1
		if _, err := provisioner.CreateStream(t.Context(), before); !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			t.Errorf("create %s with another limit: %v", name, err)
		}
		if err := s.Purge(t.Context()); err == nil {
			t.Errorf("%s was purged by its owner", name)
		}
		info, err := s.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Config.MaxMsgs == 1 || !info.Config.DenyPurge || !info.Config.DenyDelete {
			t.Errorf("%s was changed: %+v", name, info.Config)
		}
	}
}

// A deployment of an earlier version has an audit that can be purged. Migrate as
// provisioner leaves it so, and as auditor mends it.
func TestTheAuditorChangesTheAudit(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Conf: eventstest.WithOwner(embedded.Conf)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	old := jetstream.StreamConfig{Name: events.StreamAudit, Subjects: []string{"audit.*.*"}, DenyDelete: true,
		AllowDirect: true, Discard: jetstream.DiscardNew, Description: "as it was"}
	if _, err := owner.CreateStream(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	cfg := events.ProvisionConfig{AuditAge: time.Hour}
	config := func() jetstream.StreamConfig {
		s, err := owner.Stream(t.Context(), events.StreamAudit)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().Config
	}
	if err := events.Provision(t.Context(), eventstest.Connect(t, srv, "provisioner"), cfg); err != nil {
		t.Fatal(err)
	}
	if c := config(); c.DenyPurge || c.MaxAge != 0 {
		t.Errorf("the provisioner changed the audit: %+v", c)
	}
	if err := events.ProvisionAudit(t.Context(), eventstest.Connect(t, srv, "auditor"), cfg); err != nil {
		t.Fatal(err)
	}
	if c := config(); !c.DenyPurge || c.MaxAge != time.Hour {
		t.Errorf("the auditor did not: %+v", c)
	}
}

// A person with the NATS CLI follows a job by its subject.
func TestTheOperatorHearsFactsByTheirSubject(t *testing.T) {
	srv := eventstest.Start(t)
	nc := eventstest.Connect(t, srv, "operator").Conn()
	facts, err := nc.SubscribeSync("bulk.>")
	if err != nil {
		t.Fatal(err)
	}
	live, err := nc.SubscribeSync(events.LivePrefix + "bulk.>")
	if err = errors.Join(err, nc.Flush()); err != nil {
		t.Fatal(err)
	}
	log := events.NewLog(eventstest.Connect(t, srv, "upload"), events.StageUpload, nil)
	job := eventstest.Upload(t, log, events.User{ID: "alice", Role: "member"}, events.Artifact{}, events.Options{})
	for sub, want := range map[*nats.Subscription]string{
		facts: events.Subject(job.ID, events.KindUploaded),
		live:  events.LivePrefix + events.Subject(job.ID, events.KindUploaded),
	} {
		if m, err := sub.NextMsg(20 * time.Second); err != nil || m.Subject != want {
			t.Errorf("heard %+v, %v, want %s", m, err, want)
		}
	}
}
