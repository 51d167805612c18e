package events_test

import (
	"slices"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

func TestInspectFindsWhatProvisionWouldChange(t *testing.T) {
	srv := eventstest.Start(t)
	operator, provisioner := eventstest.Connect(t, srv, "operator"), eventstest.Connect(t, srv, eventstest.Owner)
	inspect := func() (missing, differing []string, differs string) {
		t.Helper()
		found, err := events.Inspect(t.Context(), operator, events.ProvisionConfig{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if found.Skew.Abs() > time.Second {
			t.Errorf("skew of one machine is %s", found.Skew)
		}
		// Seven streams, twelve buckets, and consumers of four stages, the projection, webhooks,
		// e-mail and cases.
		if len(found.Findings) != 27 {
			t.Errorf("%d findings", len(found.Findings))
		}
		for _, f := range found.Findings {
			if f.Missing {
				missing = append(missing, f.Name)
			}
			if len(f.Differs) > 0 {
				differing = append(differing, f.Name)
				differs += f.Differs[0]
			}
		}
		return missing, differing, differs
	}
	if missing, differing, differs := inspect(); missing != nil || differing != nil {
		t.Fatalf("just provisioned: %v, %v: %s", missing, differing, differs)
	}

	stream, err := provisioner.Stream(t.Context(), events.StreamFacts)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.Duplicates = time.Minute
	if _, err := provisioner.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if missing, differing, differs := inspect(); missing != nil || !slices.Equal(differing, []string{"stream BULK"}) ||
		differs != "duplicate_window is 1m0s, should be 1h0m0s" {
		t.Errorf("%v, %v: %s", missing, differing, differs)
	}

	consumer, err := provisioner.Consumer(t.Context(), events.StreamFacts, "iec")
	if err != nil {
		t.Fatal(err)
	}
	c := consumer.CachedInfo().Config
	c.MaxAckPending = 7
	if _, err := provisioner.UpdateConsumer(t.Context(), events.StreamFacts, c); err != nil {
		t.Fatal(err)
	}
	if _, differing, _ := inspect(); !slices.Equal(differing, []string{"stream BULK", "consumer iec"}) {
		t.Errorf("%v", differing)
	}

	if err := provisioner.DeleteConsumer(t.Context(), events.StreamFacts, "report"); err != nil {
		t.Fatal(err)
	}
	if err := provisioner.DeleteObjectStore(t.Context(), events.BucketRows); err != nil {
		t.Fatal(err)
	}
	if missing, _, _ := inspect(); !slices.Equal(missing, []string{"bucket ROWS", "consumer report"}) {
		t.Errorf("%v", missing)
	}

	if err := events.Provision(t.Context(), provisioner, events.ProvisionConfig{}); err != nil {
		t.Fatal(err)
	}
	if missing, differing, differs := inspect(); missing != nil || differing != nil {
		t.Errorf("provisioned again: %v, %v: %s", missing, differing, differs)
	}
}
