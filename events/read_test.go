package events_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
)

// A server that stops answering has not said that there is nothing.
func TestReadLastOfASilentServerIsIncomplete(t *testing.T) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer srv.WaitForShutdown()
	defer srv.Shutdown()
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stored := func(seq, pending string) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"Nats-Subject": {"a." + seq}, "Nats-Sequence": {seq},
			"Nats-Time-Stamp": {time.Now().Format(time.RFC3339Nano)}, "Nats-Num-Pending": {pending}}}
	}
	none := &nats.Msg{Header: nats.Header{"Status": {"404"}, "Description": {"No Results"}}}
	end := &nats.Msg{Header: nats.Header{"Status": {"204"}, "Description": {"EOB"}}}
	for name, c := range map[string]struct {
		answers []*nats.Msg
		want    int
		err     error
	}{
		"nothing": {nil, 0, events.ErrIncomplete},
		"a part":  {[]*nats.Msg{stored("1", "1")}, 0, events.ErrIncomplete},
		"none":    {[]*nats.Msg{none}, 0, nil},
		"all":     {[]*nats.Msg{stored("1", "1"), stored("2", "0"), end}, 2, nil},
	} {
		sub, err := nc.Subscribe("$JS.API.DIRECT.GET.A", func(m *nats.Msg) {
			for _, a := range c.answers {
				if err := m.RespondMsg(a); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		msgs, err := events.ReadLast(ctx, js, "A", []string{"a.1", "a.2"})
		cancel()
		if len(msgs) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %d messages, %v", name, len(msgs), err)
		}
		if err := sub.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
}
