package events_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
)

func TestProvisionTwiceChangesNothing(t *testing.T) {
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "provisioner")
	owner := eventstest.Connect(t, srv, eventstest.Owner)
	job := upload(t, srv)
	found := func() (configs []any) {
		for stream := range owner.ListStreams(t.Context()).Info() {
			if stream.Config.Name == events.StreamAdvisories {
				stream.State.Msgs = 0 // to provision is a request too
			}
			configs = append(configs, stream.Config, stream.State.Msgs)
		}
		s, err := owner.Stream(t.Context(), events.StreamFacts)
		if err != nil {
			t.Fatal(err)
		}
		for c := range s.ListConsumers(t.Context()).Info() {
			configs = append(configs, c.Config)
		}
		return configs
	}
	before := found()
	if err := events.Provision(t.Context(), js, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	if after := found(); len(before) != 2*19+7 || !reflect.DeepEqual(before, after) {
		for i := range min(len(before), len(after)) {
			if !reflect.DeepEqual(before[i], after[i]) {
				t.Errorf("before %+v\nafter  %+v", before[i], after[i])
			}
		}
		t.Fatalf("%d settings before, %d after", len(before), len(after))
	}
	if _, err := logAs(t, srv, events.StageUpload).Load(t.Context(), job.ID); err != nil {
		t.Fatal(err)
	}
}

// No service may create streams or buckets, so all of them must be there after
// a restart of the server.
func TestProvisionedStreamsSurviveARestart(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir()}
	names := func(change func(jetstream.JetStream)) []string {
		t.Helper()
		srv, err := embedded.Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Stop()
		js, err := srv.Connect("provisioner")
		if err != nil {
			t.Fatal(err)
		}
		defer js.Conn().Close()
		change(js)
		var list []string
		for name := range js.StreamNames(t.Context()).Name() {
			list = append(list, name)
		}
		return slices.Sorted(slices.Values(list))
	}
	provision := func(js jetstream.JetStream) {
		// An earlier version kept this one in memory.
		_, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{
			Bucket: events.KVQuota, Storage: jetstream.MemoryStorage, TTL: events.QuotaTTL,
		})
		if err = errors.Join(err, events.Provision(t.Context(), js, events.ProvisionConfig{})); err != nil {
			t.Fatal(err)
		}
	}
	before := names(provision)
	if after := names(func(jetstream.JetStream) {}); len(before) != len(events.Streams()) || !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
}
