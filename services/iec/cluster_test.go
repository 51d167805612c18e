package iec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/eventstest"
	"rollcall.example/services/iec/answers"
)

// noSuitablePeers is what a server answers that has too few others for a stream.
const noSuitablePeers jetstream.ErrorCode = 10005

// startCluster starts three NATS servers that form a cluster, with all streams and
// buckets on each, and returns a connection of the user iec to each.
func startCluster(t *testing.T) []jetstream.JetStream {
	t.Helper()
	routes := make([]string, 3)
	for i := range routes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes[i] = l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	passwords := map[string]string{}
	for _, user := range embedded.Users {
		passwords[user] = "password-of-" + user
	}
	servers := make([]*embedded.Server, 3)
	var starting sync.WaitGroup
	for i := range servers {
		conf := fmt.Sprintf("%s\nserver_name: n%d\ncluster { name: test, listen: %q, routes: [nats://%s] }\n",
			embedded.Conf, i, routes[i], strings.Join(routes, ", nats://"))
		dir := t.TempDir()
		starting.Go(func() {
			srv, err := embedded.Start(embedded.Config{Conf: []byte(conf), Dir: dir, Passwords: passwords})
			if err != nil {
				t.Error(err)
				return
			}
			servers[i] = srv
			t.Cleanup(srv.Stop)
		})
	}
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	provisioner := eventstest.Connect(t, servers[0], "provisioner")
	// Nobody answers until the servers have a leader.
	eventstest.Wait(t, "a leader", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := provisioner.AccountInfo(ctx)
		return err == nil
	})
	// The leader takes a server for offline until it has heard from it.
	eventstest.Wait(t, "three servers that take streams", func() bool {
		err := events.Provision(t.Context(), provisioner, events.ProvisionConfig{Replicas: 3})
		var refused *jetstream.APIError
		if err != nil && (!errors.As(err, &refused) || refused.ErrorCode != noSuitablePeers) {
			t.Fatal(err)
		}
		return err == nil
	})
	list := make([]jetstream.JetStream, 3)
	for i, srv := range servers {
		list[i] = eventstest.Connect(t, srv, "iec")
	}
	return list
}

// On several servers a lost race has another error code than on one. It is no
// failure there either.
func TestReplicasShareQuotaAndClaimsOnACluster(t *testing.T) {
	js := startCluster(t)
	open := func(name string) (kv [3]jetstream.KeyValue) {
		for i := range kv {
			eventstest.Wait(t, name, func() bool {
				var err error
				kv[i], err = js[i].KeyValue(t.Context(), name)
				return err == nil
			})
		}
		return kv
	}
	t.Run("quota", func(t *testing.T) {
		var wg sync.WaitGroup
		var got [3]int
		for i, kv := range open(events.KVQuota) {
			q, err := NewQuota(kv, QuotaConfig{Limit: 300, Window: time.Hour, Block: 1})
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for {
					err := q.Acquire(t.Context(), true)
					if _, spent := err.(*SpentError); spent {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					got[i]++
				}
			})
		}
		wg.Wait()
		if got[0]+got[1]+got[2] != 300 {
			t.Errorf("%v allowed, want 300 in all", got)
		}
	})
	t.Run("claims", func(t *testing.T) {
		var kept [3]*answers.Store
		for i := range kept {
			var err error
			if kept[i], err = answers.Open(js[i], answers.Config{Key: "k"}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(kept[i].Close)
		}
		for round := range 40 {
			var wg sync.WaitGroup
			var won [3]*answers.Claim
			start := make(chan struct{})
			for i, s := range kept {
				wg.Go(func() {
					<-start
					var err error
					if won[i], err = s.Claim(t.Context(), "person", fmt.Sprint("job-", i)); err != nil {
						t.Errorf("round %d: %v", round, err)
					}
				})
			}
			close(start)
			wg.Wait()
			winners := 0
			for _, c := range won {
				if c != nil {
					winners++
					if err := c.Release(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
			if winners != 1 {
				t.Fatalf("round %d: %d have the claim", round, winners)
			}
		}
	})
}
