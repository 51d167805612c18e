package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events/eventstest"
	"rollcall.example/services/cmd/chaos/disktest"
)

// With the shipped nats.conf, which syncs always, NATS keeps each message that it has
// acknowledged when the power of all its servers is cut. With the default of NATS it
// loses some, so the disk shows a loss where there is one.
func TestNATSKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	disktest.Require(t)
	programs := buildPrograms(t, "github.com/nats-io/nats-server/v2")
	type kind struct {
		name    string
		servers int
		journal disktest.Journal
		always  bool
	}
	kinds := []kind{
		{"one server", 1, disktest.Strict, true},
		{"one server that syncs by default", 1, disktest.Ordered, false},
	}
	if *fullFlag {
		kinds = append(kinds, kind{"one server with an ordered journal", 1, disktest.Ordered, true},
			kind{"three servers", 3, disktest.Ordered, true},
			kind{"three servers with strict journals", 3, disktest.Strict, true},
			kind{"three servers that sync by default", 3, disktest.Ordered, false})
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			n := newNATSOnDisks(t, programs, k.servers, k.journal, k.always)
			acknowledged, lost, cuts := 0, 0, 0
			// Where messages must be lost, one loss is enough: such servers may not come back to
			// what they had, and nobody could go on.
			for cuts < *cutsFlag && (k.always || lost == 0) {
				a, l := n.cutWhilePublishing()
				acknowledged, lost, cuts = acknowledged+a, lost+l, cuts+1
			}
			fmt.Printf("power: %s: %d cuts; %d of %d acknowledged messages lost\n", t.Name(), cuts, lost, acknowledged)
			switch {
			case acknowledged < 10*cuts:
				t.Errorf("only %d messages were acknowledged", acknowledged)
			case k.always && lost > 0:
				t.Errorf("%d of %d acknowledged messages are lost", lost, acknowledged)
			case !k.always && lost == 0:
				t.Error("no message is lost: the disk keeps what was not synced")
			}
		})
	}
}

// natsOnDisks is NATS alone, each server on a disk of its own.
type natsOnDisks struct {
	*site
	disks  []*disktest.Disk
	random *rand.Rand
	stream int // how many were made
}

func newNATSOnDisks(t *testing.T, programs string, servers int, journal disktest.Journal, always bool) *natsOnDisks {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64N(1_000_000) + 1
	}
	t.Logf("repeat with -cuts %d -seed %d", *cutsFlag, seed)
	n := &natsOnDisks{random: rand.New(rand.NewPCG(seed, 5))}
	cfg := siteConfig{programs: programs, conf: func(text string) string {
		if !always {
			text = strings.Replace(text, "sync_interval: always", "", 1)
		}
		return text
	}}
	for i := range servers {
		// What was not synced is lost, all of it, where some must be.
		o := disktest.Options{Journal: journal, Seed: seed + uint64(i), LoseAll: !always}
		n.disks = append(n.disks, disktest.Mount(t, t.TempDir(), o))
		cfg.nats = append(cfg.nats, host{dir: n.disks[i].Dir()})
	}
	n.site = prepareSite(t, cfg)
	n.startNATS()
	return n
}

func (n *natsOnDisks) connectOwner() jetstream.JetStream {
	n.t.Helper()
	conn, err := nats.Connect(n.natsFromHere, nats.UserInfo(eventstest.Owner, eventstest.Owner),
		nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		n.t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		n.t.Fatal(err)
	}
	return js
}

// cutWhilePublishing publishes to a new stream, cuts the power of all servers, and counts
// what was acknowledged and what of it is not there.
func (n *natsOnDisks) cutWhilePublishing() (acknowledged, lost int) {
	t := n.t
	t.Helper()
	js := n.connectOwner()
	defer js.Conn().Close()
	n.stream++
	name := fmt.Sprintf("T%d", n.stream)
	eventstest.WaitFor(t, 3*time.Minute, "stream "+name, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"},
			Replicas: len(n.nats)})
		return err == nil
	})
	// NATS does not sync the names of the folders of a new stream. Where only that keeps
	// a name, a stream of the last seconds is lost as a whole.
	for _, d := range n.disks {
		d.Sync()
	}
	acks := n.publishUntilCut(js, name)

	var stored map[uint64]string
	eventstest.WaitFor(t, 3*time.Minute, name+" to be read", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s, err := js.Stream(ctx, name)
		if err != nil {
			return errors.Is(err, jetstream.ErrStreamNotFound) // lost as a whole
		}
		stored = map[uint64]string{}
		for seq := range acks {
			if m, err := s.GetMsg(ctx, seq); err == nil {
				stored[seq] = m.Subject
			} else if !errors.Is(err, jetstream.ErrMsgNotFound) {
				return false
			}
		}
		return true
	})
	for seq, subject := range acks {
		if stored[seq] != subject {
			lost++
		}
	}
	if err := js.DeleteStream(t.Context(), name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Fatal(err)
	}
	return len(acks), lost
}

// publishUntilCut returns the subjects of the messages that were acknowledged, by sequence.
func (n *natsOnDisks) publishUntilCut(js jetstream.JetStream, stream string) map[uint64]string {
	n.t.Helper()
	ctx, stop := context.WithCancel(n.t.Context())
	defer stop()
	acks := map[uint64]string{}
	var mu sync.Mutex
	var publishing sync.WaitGroup
	body := []byte(strings.Repeat("a message of more than a sector. ", 30))
	for writer := range 6 {
		publishing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				subject := fmt.Sprintf("%s.%d.%d", stream, writer, i)
				ack, err := js.Publish(ctx, subject, body)
				if err != nil {
					return // the power is off
				}
				mu.Lock()
				acks[ack.Sequence] = subject
				mu.Unlock()
			}
		})
	}
	sleepUntil(ctx, time.Now().Add(100*time.Millisecond+randomUpTo(n.random, 400*time.Millisecond)))
	_, err := disktest.Cut(func() (err error) {
		for _, p := range n.nats {
			if _, failed := p.kill(); failed != nil {
				err = failed
			}
		}
		return err
	}, n.disks...)
	for _, p := range n.nats {
		p.mu.Unlock()
	}
	stop()
	publishing.Wait()
	if err != nil {
		n.t.Fatal(err)
	}
	return acks
}
