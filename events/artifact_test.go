package events_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// slowReader reads a few bytes at a time, as a network does.
type slowReader struct{ r io.Reader }

func (d slowReader) Read(p []byte) (int, error) { return d.r.Read(p[:min(len(p), 1000)]) }

func TestFetchReturnsWhatPutStored(t *testing.T) {
	srv := eventstest.Start(t)
	put := events.NewStore(eventstest.Connect(t, srv, "upload"))
	get := events.NewStore(eventstest.Connect(t, srv, "validation"))
	for _, size := range []int{0, 1, 512 << 10, 512<<10 + 1, 3 << 20} {
		data := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
		a, err := put.Put(t.Context(), events.BucketUploads, fmt.Sprintf("job/%d", size), slowReader{bytes.NewReader(data)})
		if err != nil || a.Size != int64(size) {
			t.Fatalf("put %d: %+v, %v", size, a, err)
		}
		f, err := get.Fetch(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%d bytes came back as %d, %v", size, len(back), err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Short reads must not become short chunks.
	s, err := eventstest.Connect(t, srv, eventstest.Owner).Stream(t.Context(), "OBJ_"+events.BucketUploads)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n > 5+1+1+2+6 {
		t.Fatalf("%d messages in the bucket", n)
	}
}

func TestFetchRefusesMissingAndAlteredObjects(t *testing.T) {
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "upload")
	store := events.NewStore(eventstest.Connect(t, srv, "validation"))
	a, err := events.NewStore(js).Put(t.Context(), events.BucketUploads, "job/x", bytes.NewReader([]byte("right")))
	if err != nil {
		t.Fatal(err)
	}
	missing := a
	missing.Name = "job/y"
	if _, err := store.Fetch(t.Context(), missing); !errors.Is(err, events.ErrMissing) {
		t.Errorf("missing object: %v", err)
	}
	other := a
	other.SHA256 = eventstest.FakeArtifact("", "").SHA256
	if _, err := store.Fetch(t.Context(), other); !errors.Is(err, events.ErrAltered) {
		t.Errorf("other digest: %v", err)
	}
	b, err := js.ObjectStore(t.Context(), events.BucketUploads)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Put(t.Context(), jetstream.ObjectMeta{Name: "job/x"}, bytes.NewReader([]byte("wrong"))); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Fetch(t.Context(), a); !errors.Is(err, events.ErrAltered) {
		t.Errorf("replaced object: %v", err)
	}
}

func TestAFailedPutLeavesNoObject(t *testing.T) {
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, "upload")
	broken := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), errReader{})
	if _, err := events.NewStore(js).Put(t.Context(), events.BucketUploads, "job/x", broken); !errors.Is(err, errBroken) {
		t.Fatalf("err = %v", err)
	}
	b, err := js.ObjectStore(t.Context(), events.BucketUploads)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.GetInfo(t.Context(), "job/x"); !errors.Is(err, jetstream.ErrObjectNotFound) {
		t.Fatalf("object after a failed put: %v", err)
	}
}

// stubbornDisk confirms no chunk until it is told to.
type stubbornDisk struct {
	jetstream.JetStream
	sent    atomic.Int32
	confirm chan struct{}
}

func (d *stubbornDisk) PublishMsgAsync(m *nats.Msg, opts ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	d.sent.Add(1)
	f, err := d.JetStream.PublishMsgAsync(m, opts...)
	return lateFuture{f, d.confirm}, err
}

type lateFuture struct {
	jetstream.PubAckFuture
	confirm <-chan struct{}
}

func (f lateFuture) Ok() <-chan *jetstream.PubAck { <-f.confirm; return f.PubAckFuture.Ok() }

// What waits for the disk waits in the memory of NATS, which refuses what is too much.
func TestPutWaitsForTheDisk(t *testing.T) {
	const chunk, most = 512 << 10, 8
	srv := eventstest.Start(t)
	disk := &stubbornDisk{JetStream: eventstest.Connect(t, srv, "upload"), confirm: make(chan struct{})}
	data := make([]byte, 3*most*chunk+1)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(data)
	type result struct {
		events.Artifact
		error
	}
	done := make(chan result, 1)
	go func() {
		a, err := events.NewStore(disk).Put(t.Context(), events.BucketUploads, "job/x", bytes.NewReader(data))
		done <- result{a, err}
	}()
	eventstest.Wait(t, "the first chunks", func() bool { return disk.sent.Load() >= most })
	time.Sleep(50 * time.Millisecond)
	if n := disk.sent.Load(); n != most {
		t.Errorf("%d chunks were sent of which none is confirmed, want %d", n, most)
	}
	close(disk.confirm)
	put := <-done
	if put.error != nil {
		t.Fatal(put.error)
	}
	f, err := events.NewStore(eventstest.Connect(t, srv, "validation")).Fetch(t.Context(), put.Artifact)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was read
	if back, err := io.ReadAll(f); err != nil || !bytes.Equal(back, data) {
		t.Errorf("%d bytes came back as %d, %v", len(data), len(back), err)
	}
}

// The client of NATS reads what Put has stored, and finds its digest right.
func TestPutStoresAsTheClientDoes(t *testing.T) {
	srv := eventstest.Start(t)
	js := eventstest.Connect(t, srv, eventstest.Owner)
	store := events.NewStore(js)
	for _, text := range []string{"first", strings.Repeat("second ", 200_000), ""} {
		if _, err := store.Put(t.Context(), events.BucketUploads, "job/x", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		b, err := js.ObjectStore(t.Context(), events.BucketUploads)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := b.GetString(t.Context(), "job/x"); err != nil || back != text {
			t.Errorf("%d bytes came back as %d, %v", len(text), len(back), err)
		}
	}
	s, err := js.Stream(t.Context(), "OBJ_"+events.BucketUploads)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("%d messages for an object that is empty by now, want its description only", n)
	}
}

var errBroken = errors.New("line broke")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

// A client that leaves in the middle of a transfer ends it at once, not when the time
// of a transfer is over.
func TestFetchEndsWithItsContext(t *testing.T) {
	srv := eventstest.Start(t)
	uploads := events.NewStore(eventstest.Connect(t, srv, "upload"))
	a, err := uploads.Put(t.Context(), events.BucketUploads, "job/upload", bytes.NewReader(make([]byte, 32<<20)))
	if err != nil {
		t.Fatal(err)
	}
	store := events.NewStore(eventstest.Connect(t, srv, "validation"))
	began := time.Now()
	f, err := store.Fetch(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(began)
	for i := range 40 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(whole*time.Duration(i%20)/20, cancel)
		began := time.Now()
		f, err := store.Fetch(ctx, a)
		if took := time.Since(began); took > 20*time.Second {
			t.Fatalf("took %s", took)
		}
		if err == nil {
			err = f.Close()
		} else if errors.Is(err, context.Canceled) {
			err = nil
		}
		if err != nil {
			t.Error(err)
		}
		cancel()
	}
}
