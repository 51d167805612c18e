package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rollcall.example/events/embedded"
)

// startStore runs the embedded server of a data folder for a moment.
func startStore(t *testing.T, data, key string) error {
	t.Helper()
	dir, err := openDataFolder(data)
	if err != nil {
		t.Fatal(err)
	}
	in := NewInfrastructure(Secrets{NATSStoreKey: key}, nil)
	in.closeLater(dir.close)
	cfg := DefaultUp()
	err = in.embedNATS(dir, &cfg)
	if err == nil {
		err = in.Provision(t.Context(), cfg.Provision)
	}
	return errors.Join(err, in.Close())
}

func TestUpEncryptsANewStoreWithAKeyOfItsOwn(t *testing.T) {
	data := t.TempDir()
	if err := startStore(t, data, ""); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(data, storeKeyFile)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if done, err := EncryptStore(StoreEncryption{Data: data, Check: true}); err != nil ||
		!strings.HasSuffix(done, "is encrypted, and this is its key") {
		t.Errorf("%q, %v", done, err)
	}
	if err := startStore(t, data, "another key, of at least thirty-two bytes"); !errors.Is(err, embedded.ErrStoreKey) {
		t.Errorf("another key: %v", err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	done, err := EncryptStore(StoreEncryption{Data: data})
	if err != nil || !strings.Contains(done, "has another key now") {
		t.Errorf("%q, %v", done, err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) == string(before) {
		t.Errorf("the key is the same: %v", err)
	}
	if err := startStore(t, data, ""); err != nil {
		t.Errorf("the next key: %v", err)
	}
	// A store whose key is gone gets no new one.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := startStore(t, data, ""); !errors.Is(err, embedded.ErrStoreKey) {
		t.Errorf("no key: %v", err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a key was made: %v", err)
	}
}

func TestUpLeavesAnOldStoreAsItIsUntilAsked(t *testing.T) {
	data := t.TempDir()
	srv, err := embedded.Start(embedded.Config{Dir: filepath.Join(data, natsFolder)})
	if err != nil {
		t.Fatal(err)
	}
	in := NewInfrastructure(Secrets{}, nil)
	in.connect = srv.Connect
	err = in.Provision(t.Context(), DefaultUp().Provision)
	srv.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if err := startStore(t, data, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := EncryptStore(StoreEncryption{Data: data, Check: true}); err == nil {
		t.Error("without a key the check is content")
	}
	if done, err := EncryptStore(StoreEncryption{Data: data}); err != nil || !strings.HasSuffix(done, "is encrypted now") {
		t.Fatalf("%q, %v", done, err)
	}
	if err := startStore(t, data, ""); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if _, err := EncryptStore(StoreEncryption{Data: data, Check: true}); err != nil {
		t.Error(err)
	}
}
