package events_test

import (
	"reflect"
	"testing"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func TestProvisionAgainChangesNothing(t *testing.T) {
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "provisioner")
	job := upload(t, srv)
	found := func() (configs []any) {
		for stream := range js.ListStreams(t.Context()).Info() {
			configs = append(configs, stream.Config, stream.State.Msgs)
		}
		s, err := js.Stream(t.Context(), events.StreamFacts)
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
	if after := found(); len(before) != 2*11+6 || !reflect.DeepEqual(before, after) {
		t.Fatalf("before %+v\nafter %+v", before, after)
	}
	if _, err := logAs(t, srv, events.StageUpload).Load(t.Context(), job.ID); err != nil {
		t.Fatal(err)
	}
}
