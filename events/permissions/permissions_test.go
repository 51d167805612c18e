package permissions_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
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

// world holds one subject of every kind worth trying: what each stream stores,
// and each request about each stream and consumer of the server.
type world struct {
	publish, subscribe []string
	streams            map[string][]string // the consumers of each, and x, which does not exist
}

// explore asks the server for its streams and consumers and returns the
// subjects to try.
func explore(t *testing.T, js jetstream.JetStream) world {
	t.Helper()
	w := world{streams: map[string][]string{}}
	add := func(format string, names ...any) { w.publish = append(w.publish, fmt.Sprintf(format, names...)) }
	for info := range js.ListStreams(t.Context()).Info() {
		name := info.Config.Name
		w.streams[name] = []string{"x"}
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for c := range s.ConsumerNames(t.Context()).Name() {
			w.streams[name] = append(w.streams[name], c)
		}
		for _, verb := range []string{"CREATE", "UPDATE", "INFO", "DELETE", "PURGE", "SNAPSHOT", "RESTORE",
			"MSG.DELETE", "MSG.GET", "PEER.REMOVE", "PEER.EVACUATE", "CANCEL_MOVE", "LEADER.STEPDOWN"} {
			add("$JS.API.STREAM.%s.%s", verb, name)
		}
		for _, verb := range []string{"CONSUMER.CREATE", "CONSUMER.NAMES", "CONSUMER.LIST", "DIRECT.GET"} {
			add("$JS.API.%s.%s", verb, name)
		}
		for _, stored := range samples(info.Config.Subjects) {
			add("%s", stored)
			add("$JS.API.DIRECT.GET.%s.%s", name, stored)
			for _, c := range w.streams[name] {
				add("$JS.API.CONSUMER.CREATE.%s.%s.%s", name, c, stored)
			}
		}
		for _, c := range w.streams[name] {
			for _, verb := range []string{"CREATE", "DURABLE.CREATE", "INFO", "MSG.NEXT", "DELETE", "PAUSE", "RESET",
				"UNPIN", "LEADER.STEPDOWN", "PEER.REMOVE", "PEER.EVACUATE"} {
				add("$JS.API.CONSUMER.%s.%s.%s", verb, name, c)
			}
			add("$JS.ACK.%s.%s.1.1.1.1.0", name, c)
			add("$JS.FC.%s.%s.x", name, c)
		}
	}
	add("%s", events.Subject(aJob, "unheard"))
	for _, s := range []string{"INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.CREATE.OTHER",
		"ACCOUNT.PURGE.BULK", "META.LEADER.STEPDOWN", "META.RESCUE",
		"SERVER.REMOVE", "SERVER.EVACUATE", "STREAM.TEMPLATE.CREATE.x"} {
		add("$JS.API.%s", s)
	}
	w.publish = append(w.publish, events.LivePrefix+events.Subject(aJob, events.KindReported),
		"$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.CONNZ", "$JSC.R.x", "$JS.EVENT.ADVISORY.x", "anything")
	w.subscribe = []string{">", "bulk.>", "live.bulk.>", "live.bulk.*.cancelled", "$O.>", "$KV.>",
		"$JS.>", "$JS.API.>", "$JS.ACK.>", "$JS.EVENT.ADVISORY.>", "$SYS.>", "_INBOX.>", "anything"}
	for _, kind := range cases.FactKinds {
		add("%s", cases.Subject(aCase, kind))
	}
	for _, what := range events.AccessKinds {
		add("%s", events.AuditSubject(aJob, what))
	}
	for _, user := range permissions.Names() {
		w.publish = append(w.publish, "_INBOX_"+user+".x.y")
		w.subscribe = append(w.subscribe, "_INBOX_"+user+".>")
	}
	return w
}

// samples returns subjects that the patterns match.
func samples(patterns []string) (list []string) {
	for _, p := range patterns {
		p = strings.Replace(p, "bulk.*", "bulk."+aJob, 1)
		list = append(list, strings.Replace(p, ">", "x", 1))
	}
	return list
}

// denied returns the subjects that the server denies to the user.
func denied(t *testing.T, srv *embedded.Server, user, what string, subjects []string,
	try func(*nats.Conn, string) error) []string {
	t.Helper()
	nc := eventstest.Connect(t, srv, user).Conn()
	refused := make(chan string, len(subjects)+1)
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if _, quoted, ok := strings.Cut(err.Error(), " to \""); ok {
			subject, _, _ := strings.Cut(quoted, `"`)
			refused <- subject
		}
	})
	const last = "the.last.one" // always denied; the server answers it after all others
	for _, s := range append(slices.Clone(subjects), last) {
		if err := try(nc, s); err != nil {
			t.Fatalf("%s %s %s: %v", user, what, s, err)
		}
	}
	var list []string
	for {
		select {
		case s := <-refused:
			if s == last {
				slices.Sort(list)
				return list
			}
			list = append(list, s)
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: no answer about %s %s", user, what, last)
		}
	}
}

func publish(nc *nats.Conn, subject string) error { return nc.Publish(subject, []byte("{}")) }

func subscribe(nc *nats.Conn, subject string) error {
	_, err := nc.SubscribeSync(subject)
	return err
}

// Every user tries every subject on a server with the shipped nats.conf. The
// server denies all subjects that the table does not allow, and a denied
// subject changes nothing.
func TestEachUserMayTouchItsOwnOnly(t *testing.T) {
	srv := eventstest.Start(t)
	// Allowed subjects are tried on a second server, because they change it.
	open, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(open.Stop)
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	w := explore(t, owner)
	slices.Sort(w.publish)
	w.publish = slices.Compact(w.publish)
	all := expected(w)
	before := contents(t, owner)
	// The system account has no streams, so publishing there does nothing.
	sys := eventstest.Connect(t, srv, "sys").Conn()
	if sys.Publish(events.Subject(aJob, events.KindUploaded), []byte("{}")) != nil || sys.Flush() != nil {
		t.Error("sys could not publish")
	}
	for user, may := range all {
		allowed := map[string]bool{}
		for _, s := range may.publish {
			allowed[s] = true
			if !slices.Contains(w.publish, s) {
				t.Errorf("%s may publish %s, but the test does not try it", user, s)
			}
		}
		forbidden := slices.DeleteFunc(slices.Clone(w.publish), func(s string) bool { return allowed[s] })
		if got := denied(t, srv, user, "publishing", forbidden, publish); !slices.Equal(got, forbidden) {
			t.Errorf("%s was not denied publishing %v", user, without(forbidden, got))
		}
		for _, s := range denied(t, srv, user, "subscribing", w.subscribe, subscribe) {
			if slices.Contains(may.subscribe, s) {
				t.Errorf("%s was denied subscribing to its own %s", user, s)
			}
			may.subscribe = append(may.subscribe, s)
		}
		if rest := without(w.subscribe, may.subscribe); len(rest) > 0 {
			t.Errorf("%s was not denied subscribing to %v", user, rest)
		}
		if user == "provisioner" {
			continue // it would delete buckets
		}
		if got := denied(t, open, user, "publishing", without(w.publish, forbidden), publish); len(got) > 0 {
			t.Errorf("%s was denied publishing its own %v", user, got)
		}
	}
	after := contents(t, owner)
	for name := range maps.Keys(before) {
		if !reflect.DeepEqual(before[name], after[name]) {
			t.Errorf("%s was changed\nbefore %+v\nafter  %+v", name, before[name], after[name])
		}
	}
	if len(before) != len(after) {
		t.Errorf("there were %d streams and consumers, now %d", len(before), len(after))
	}
	t.Logf("%d users tried to publish to %d subjects and to subscribe to %d",
		len(all), len(w.publish), len(w.subscribe))
}

// without returns list without the elements of remove.
func without(list, remove []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(remove, s) })
}

// contents returns the counts and settings of all streams and the settings of
// all consumers.
func contents(t *testing.T, js jetstream.JetStream) map[string]any {
	t.Helper()
	found := map[string]any{}
	for info := range js.ListStreams(context.WithoutCancel(t.Context())).Info() {
		if info.Config.Name == events.StreamAdvisories {
			info.State.Msgs, info.State.LastSeq = 0, 0 // the test's own requests are noted there
		}
		found[info.Config.Name] = []any{info.State.Msgs, info.State.LastSeq, info.Config}
		s, err := js.Stream(t.Context(), info.Config.Name)
		if err != nil {
			t.Fatal(err)
		}
		for c := range s.ListConsumers(t.Context()).Info() {
			found[info.Config.Name+" "+c.Name] = c.Config
		}
	}
	return found
}
