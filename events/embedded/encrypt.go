package embedded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
)

// Encrypt encrypts the store of a Config that is in the clear with its StoreKey.
// No server may run on the store. It works on a copy, which takes as much room
// again, and puts that in the place of the store once it holds the same. When it
// was interrupted, call it again.
func Encrypt(cfg Config) error {
	if err := longEnough(cfg.StoreKey); err != nil {
		return err
	}
	place := func(name string) string { return filepath.Join(cfg.Dir, name) }
	if exists(place(folderPlain)) && !exists(place(folder)) {
		if err := os.Rename(place(folderPlain), place(folder)); err != nil {
			return fmt.Errorf("encrypt store: %w", err)
		}
	}
	switch state, err := checkStore(cfg.Dir, cfg.StoreKey); {
	case err != nil:
		return err
	case state == Empty:
		return fmt.Errorf("encrypt store: there are no streams in %s", cfg.Dir)
	case state == Encrypted:
		// What is left is from before, and was compared then.
		return removeAll(place(folderPlain), place(folderWorking))
	}
	if err := removeAll(place(folderWorking)); err != nil {
		return err
	}
	before, err := contents(cfg, "")
	if err != nil {
		return fmt.Errorf("encrypt store: %w", err)
	}
	copied := cfg
	copied.Dir = place(folderWorking)
	if err := copyStore(place(folder), filepath.Join(copied.Dir, folder)); err != nil {
		return fmt.Errorf("encrypt store: copy it: %w", err)
	}
	after, err := contents(copied, cfg.StoreKey)
	if err != nil {
		return fmt.Errorf("encrypt store: %w", err)
	}
	if !maps.Equal(before, after) {
		return errors.Join(fmt.Errorf("encrypt store: the encrypted copy holds something else (%s); nothing was changed",
			difference(before, after)), removeAll(copied.Dir))
	}
	keys, plain, err := listKeys(copied.Dir)
	if err != nil {
		return err
	}
	if plain > 0 || len(keys) == 0 {
		return fmt.Errorf("encrypt store: %d files of the copy are still in the clear; nothing was changed", plain)
	}
	if err := syncAll(copied.Dir); err != nil {
		return fmt.Errorf("encrypt store: %w", err)
	}
	for _, move := range [][2]string{
		{place(folder), place(folderPlain)}, {filepath.Join(copied.Dir, folder), place(folder)},
	} {
		if err := errors.Join(os.Rename(move[0], move[1]), syncFile(cfg.Dir)); err != nil {
			return fmt.Errorf("encrypt store: %w", err)
		}
	}
	return removeAll(place(folderPlain), place(folderWorking))
}

// ChangeStoreKey seals the keys of an encrypted store in dir with another key. No
// server may run on the store. It returns how many it sealed again. When it was
// interrupted, call it again with the same two.
func ChangeStoreKey(dir, old, changed string) (int, error) {
	if err := longEnough(changed); err != nil {
		return 0, err
	}
	keys, _, err := listKeys(dir)
	if err != nil {
		return 0, err
	}
	// All are read before the first is written.
	var opened []sealed
	var files []keyFile
	for _, k := range keys {
		if _, err := k.open(changed); err == nil {
			continue // by a call that was interrupted
		}
		s, err := k.open(old)
		if err != nil {
			return 0, fmt.Errorf("change key of the store: %w; nothing was changed", err)
		}
		opened, files = append(opened, s), append(files, k)
	}
	for i, k := range files {
		if err := k.seal(changed, opened[i]); err != nil {
			return i, fmt.Errorf("change key of the store: %w", err)
		}
	}
	return len(files), nil
}

// seal replaces the file. The nonce stays, for the server encrypts the messages
// of a block with it too; under another key it is as good as a new one.
func (k keyFile) seal(key string, s sealed) error {
	aead, err := s.cipher(k.sealKey(key))
	if err != nil {
		return err
	}
	next := k.path + ".next"
	if err := os.WriteFile(next, aead.Seal(s.nonce[:len(s.nonce):len(s.nonce)], s.nonce, s.seed, nil), 0o640); err != nil {
		return err
	}
	return errors.Join(syncFile(next), os.Rename(next, k.path), syncFile(filepath.Dir(k.path)))
}

// held is what a stream or consumer holds, to be compared.
type held struct{ Messages, Bytes, First, Last, Acknowledged uint64 }

// difference names one stream or consumer that is not the same.
func difference(before, after map[string]held) string {
	for name, h := range before {
		if now, ok := after[name]; !ok {
			return name + " is missing"
		} else if now != h {
			return fmt.Sprintf("%s: %+v became %+v", name, h, now)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			return name + " is new"
		}
	}
	return "nothing"
}

// contents starts a server on a store and returns what its streams and consumers
// hold, by account and name.
func contents(cfg Config, key string) (map[string]held, error) {
	cfg.StoreKey = key
	opts, _, err := cfg.options()
	if err != nil {
		return nil, err
	}
	opts.DontListen = true
	ns, err := run(opts, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	}()
	info, err := ns.Jsz(&server.JSzOptions{Accounts: true, Streams: true, Consumer: true, Limit: 1 << 20})
	if err != nil {
		return nil, err
	}
	all := map[string]held{}
	for _, a := range info.AccountDetails {
		for _, s := range a.Streams {
			name := a.Name + "/" + s.Name
			all[name] = held{Messages: s.State.Msgs, Bytes: s.State.Bytes, First: s.State.FirstSeq, Last: s.State.LastSeq}
			for _, c := range s.Consumer {
				all[name+"/"+c.Name] = held{Last: c.Delivered.Stream, Acknowledged: c.AckFloor.Stream}
			}
		}
	}
	return all, nil
}

// copyStore copies a folder, without the indexes: a server that finds one leaves
// blocks of messages in the clear until it reads them. Empty blocks stay behind
// too, for a server gives up a stream with one that has no key yet.
func copyStore(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o750)
		case d.Name() == "index.db":
			return nil
		case filepath.Ext(path) == ".blk":
			if info, err := d.Info(); err != nil || info.Size() == 0 {
				return err
			}
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// syncAll has everything in a folder on the disk.
func syncAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncFile(path)
	})
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func removeAll(paths ...string) (err error) {
	for _, path := range paths {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
