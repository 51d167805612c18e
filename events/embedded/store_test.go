package embedded_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
)

const (
	rightKey = "the right key, of at least thirty-two bytes"
	otherKey = "another key, of at least thirty-two bytes"
	person   = "8001015009087 Nomsa Dlamini"
)

// withStore runs a server on a store while f runs.
func withStore(t *testing.T, cfg embedded.Config, f func(jetstream.JetStream)) {
	t.Helper()
	srv, err := embedded.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	js, err := events.Connect(events.Connection{URL: srv.URL(), User: "owner", Password: "owner"})
	if err != nil {
		t.Fatal(err)
	}
	defer js.Conn().Close()
	f(js)
}

// ownerConf is nats.conf with a user who may do everything.
func ownerConf() []byte {
	const account = "\n  BULK {\n"
	return bytes.Replace(embedded.Conf, []byte(account),
		[]byte(account+"    users: [ { user: owner, password: owner } ]\n"), 1)
}

const messages, acknowledged = 40, 7

// fill stores a person in a stream of several blocks, which is read by a consumer,
// and in a bucket of objects.
func fill(t *testing.T) func(jetstream.JetStream) {
	return func(js jetstream.JetStream) {
		t.Helper()
		ctx := t.Context()
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "PEOPLE", Subjects: []string{"people.>"}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := js.CreateConsumer(ctx, "PEOPLE", jetstream.ConsumerConfig{Durable: "reader"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range messages {
			body := append([]byte(person), make([]byte, 500_000)...)
			if _, err := js.Publish(ctx, fmt.Sprintf("people.%d", i), body); err != nil {
				t.Fatal(err)
			}
		}
		for range acknowledged {
			m, err := c.Next()
			if err != nil {
				t.Fatal(err)
			}
			if err := m.DoubleAck(ctx); err != nil {
				t.Fatal(err)
			}
		}
		o, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "FILES"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.PutString(ctx, "roll.csv", strings.Repeat(person+"\n", 100_000)); err != nil {
			t.Fatal(err)
		}
	}
}

// check finds all that fill stored.
func check(t *testing.T) func(jetstream.JetStream) {
	return func(js jetstream.JetStream) {
		t.Helper()
		ctx := t.Context()
		s, err := js.Stream(ctx, "PEOPLE")
		if err != nil {
			t.Fatal(err)
		}
		if n := s.CachedInfo().State.Msgs; n != messages {
			t.Errorf("%d messages", n)
		}
		for i := range messages {
			m, err := s.GetMsg(ctx, uint64(i)+1)
			if err != nil || !bytes.HasPrefix(m.Data, []byte(person)) {
				t.Fatalf("message %d: %v", i+1, err)
			}
		}
		c, err := js.Consumer(ctx, "PEOPLE", "reader")
		if err != nil {
			t.Fatal(err)
		}
		if n := c.CachedInfo().AckFloor.Stream; n != acknowledged {
			t.Errorf("the consumer has acknowledged %d", n)
		}
		o, err := js.ObjectStore(ctx, "FILES")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := o.GetString(ctx, "roll.csv"); err != nil || strings.Count(text, person) != 100_000 {
			t.Errorf("the object has %d bytes: %v", len(text), err)
		}
	}
}

// inClear returns the files of a folder in which the person can be read.
func inClear(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("8001015009087")) || bytes.Contains(text, []byte("Dlamini")) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// files returns what a folder holds, by path.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sameFiles(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path, text := range before {
		if after[path] != text {
			t.Errorf("%s has changed or is gone", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files are %d", len(before), len(after))
	}
}

func TestNobodyCanBeReadInTheFilesOfAStore(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Conf: ownerConf(), StoreKey: rightKey}
	withStore(t, cfg, func(js jetstream.JetStream) {
		fill(t)(js)
		if found := inClear(t, cfg.Dir); len(found) > 0 {
			t.Errorf("while it runs, in %v", found)
		}
	})
	if found := inClear(t, cfg.Dir); len(found) > 0 {
		t.Errorf("after its end, in %v", found)
	}
	withStore(t, cfg, check(t))
	if state, err := embedded.CheckStore(cfg.Dir, rightKey); state != embedded.Encrypted || err != nil {
		t.Errorf("state %d, %v", state, err)
	}

	// The same without a key shows that the search finds what there is.
	cfg = embedded.Config{Dir: t.TempDir(), Conf: ownerConf()}
	withStore(t, cfg, fill(t))
	if len(inClear(t, cfg.Dir)) < 2 {
		t.Error("the person is not found in a store in the clear either")
	}
}

func TestAWrongKeyIsRefusedAndLosesNothing(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Conf: ownerConf(), StoreKey: rightKey}
	withStore(t, cfg, fill(t))
	before := files(t, cfg.Dir)
	for key, want := range map[string]string{
		otherKey: "is encrypted with another one; give ROLLCALL_NATS_STORE_KEY the key that it was made with",
		"":       "is encrypted and there is no key; set ROLLCALL_NATS_STORE_KEY",
		"short":  "it has 5 bytes, and needs 32 or more",
	} {
		wrong := cfg
		wrong.StoreKey = key
		srv, err := embedded.Start(wrong)
		if err == nil {
			srv.Stop()
		}
		if !errors.Is(err, embedded.ErrStoreKey) || !strings.Contains(err.Error(), want) {
			t.Errorf("key %q: %v", key, err)
		}
		if key != "" && err != nil && strings.Contains(err.Error(), key+" ") {
			t.Errorf("the error tells the key: %v", err)
		}
	}
	sameFiles(t, before, files(t, cfg.Dir))
	withStore(t, cfg, check(t))
}

func TestAStoreInTheClearStartsAndIsEncryptedWhenAsked(t *testing.T) {
	plain := embedded.Config{Dir: t.TempDir(), Conf: ownerConf()}
	withStore(t, plain, fill(t))
	var log bytes.Buffer
	keyed := plain
	keyed.StoreKey, keyed.Logger = rightKey, slog.New(slog.NewTextHandler(&log, nil))
	withStore(t, keyed, check(t))
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "run: rollcall encrypt") {
		t.Errorf("the log does not tell:\n%s", text)
	}
	if state, err := embedded.CheckStore(plain.Dir, rightKey); state != embedded.Plain || err != nil {
		t.Errorf("state %d, %v", state, err)
	}

	if err := embedded.Encrypt(keyed); err != nil {
		t.Fatal(err)
	}
	if found := inClear(t, plain.Dir); len(found) > 0 {
		t.Errorf("the person can be read in %v", found)
	}
	if left, err := os.ReadDir(plain.Dir); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
	log.Reset()
	withStore(t, keyed, check(t))
	if log.Len() > 0 {
		t.Errorf("the log of a good store:\n%s", &log)
	}
	// Again it changes nothing.
	before := files(t, plain.Dir)
	if err := embedded.Encrypt(keyed); err != nil {
		t.Error(err)
	}
	sameFiles(t, before, files(t, plain.Dir))
}

// A crash between the two moves leaves the store under another name.
func TestAnInterruptedEncryptionGoesOn(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Conf: ownerConf()}
	withStore(t, cfg, fill(t))
	store := filepath.Join(cfg.Dir, "jetstream")
	if err := os.Rename(store, store+".plain"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(store+".encrypting", 0o700); err != nil {
		t.Fatal(err)
	}
	cfg.StoreKey = rightKey
	if srv, err := embedded.Start(cfg); err == nil {
		srv.Stop()
		t.Error("a server starts on an empty store")
	} else if !strings.Contains(err.Error(), "was interrupted; run rollcall encrypt again") {
		t.Error(err)
	}
	if err := embedded.Encrypt(cfg); err != nil {
		t.Fatal(err)
	}
	withStore(t, cfg, check(t))
	// A crash before what was in the clear is removed.
	if err := os.Mkdir(store+".plain", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := embedded.Encrypt(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(store + ".plain"); !os.IsNotExist(err) {
		t.Errorf("what was in the clear is still there: %v", err)
	}
	withStore(t, cfg, check(t))
}

func TestTheKeyOfAStoreCanBeChanged(t *testing.T) {
	for _, cipher := range []string{"aes", "chachapoly"} {
		conf := bytes.Replace(ownerConf(), []byte("cipher: aes"), []byte("cipher: "+cipher), 1)
		cfg := embedded.Config{Dir: t.TempDir(), Conf: conf, StoreKey: rightKey}
		withStore(t, cfg, fill(t))
		before := files(t, cfg.Dir)
		if n, err := embedded.ChangeStoreKey(cfg.Dir, otherKey, rand.Text()+rand.Text()); n != 0 ||
			!errors.Is(err, embedded.ErrStoreKey) {
			t.Errorf("%s, a wrong old key: %d, %v", cipher, n, err)
		}
		sameFiles(t, before, files(t, cfg.Dir))
		n, err := embedded.ChangeStoreKey(cfg.Dir, rightKey, otherKey)
		if err != nil || n < 6 {
			t.Fatalf("%s: %d, %v", cipher, n, err)
		}
		if srv, err := embedded.Start(cfg); !errors.Is(err, embedded.ErrStoreKey) {
			t.Errorf("%s: the old key: %v", cipher, err)
			if err == nil {
				srv.Stop()
			}
		}
		cfg.StoreKey = otherKey
		withStore(t, cfg, check(t))
	}
}

// A change of the key that was interrupted is told of, and goes on.
func TestAnInterruptedChangeOfTheKeyGoesOn(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Conf: ownerConf(), StoreKey: rightKey}
	withStore(t, cfg, fill(t))
	const one = "jetstream/BULK/streams/PEOPLE/msgs/1.key"
	old := files(t, cfg.Dir)[one]
	if _, err := embedded.ChangeStoreKey(cfg.Dir, rightKey, otherKey); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, one), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{rightKey, otherKey} {
		if _, err := embedded.CheckStore(cfg.Dir, key); !errors.Is(err, embedded.ErrStoreKey) ||
			!strings.Contains(err.Error(), "a change of the key was interrupted") {
			t.Errorf("%v", err)
		}
	}
	if n, err := embedded.ChangeStoreKey(cfg.Dir, rightKey, otherKey); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	cfg.StoreKey = otherKey
	withStore(t, cfg, check(t))
}

// A server of its own encrypts nothing with an empty key, and says nothing.
func TestCheckStoreWantsAKey(t *testing.T) {
	if _, err := embedded.CheckStore(t.TempDir(), ""); !errors.Is(err, embedded.ErrStoreKey) {
		t.Errorf("no key: %v", err)
	}
	if state, err := embedded.CheckStore(t.TempDir(), rightKey); state != embedded.Empty || err != nil {
		t.Errorf("an empty store: %d, %v", state, err)
	}
}

// BenchmarkStore is what encryption costs: one fact, and an object of 20 MB.
func BenchmarkStore(b *testing.B) {
	object := make([]byte, 20<<20)
	_, _ = rand.Read(object)
	ctx := context.Background()
	for _, key := range []string{"", rightKey} {
		name := "encrypted"
		if key == "" {
			name = "clear"
		}
		start := func(b *testing.B) jetstream.JetStream {
			srv, err := embedded.Start(embedded.Config{Dir: b.TempDir(), Conf: ownerConf(), StoreKey: key})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(srv.Stop)
			js, err := events.Connect(events.Connection{URL: srv.URL(), User: "owner", Password: "owner"})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(js.Conn().Close)
			return js
		}
		b.Run("append/"+name, func(b *testing.B) {
			js := start(b)
			if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := js.Publish(ctx, "s.x", object[:700]); err != nil {
					b.Fatal(err)
				}
			}
		})
		bucket := func(b *testing.B) jetstream.ObjectStore {
			o, err := start(b).CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "B"})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(object)))
			return o
		}
		meta := jetstream.ObjectMeta{Name: "x", Opts: &jetstream.ObjectMetaOptions{ChunkSize: 512 << 10}}
		b.Run("put/"+name, func(b *testing.B) {
			o := bucket(b)
			for b.Loop() {
				if _, err := o.Put(ctx, meta, bytes.NewReader(object)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("get/"+name, func(b *testing.B) {
			o := bucket(b)
			if _, err := o.Put(ctx, meta, bytes.NewReader(object)); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := o.GetBytes(ctx, "x"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
