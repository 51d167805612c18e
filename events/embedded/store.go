package embedded

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrStoreKey means that a store cannot be read with the key that was given.
var ErrStoreKey = errors.New("wrong key of the NATS store")

// minStoreKey is the length of the shortest key, in bytes.
const minStoreKey = 32

// State says how the files of a store are.
type State int

const (
	// Empty is a store without streams.
	Empty State = iota
	// Plain is a store whose streams are all in the clear.
	Plain
	// Encrypted is a store with at least one encrypted stream.
	Encrypted
)

// folder is where a server keeps its streams, within the folder of the store. The
// others are there while Encrypt works, or was interrupted.
const (
	folder        = "jetstream"
	folderPlain   = "jetstream.plain"
	folderWorking = "jetstream.encrypting"
)

// CheckStore looks at the store in dir, which no server needs to run on, and
// reports its state. It is an ErrStoreKey when the key is missing, is shorter
// than 32 bytes, or is not the one that the streams are encrypted with.
func CheckStore(dir, key string) (State, error) {
	if key == "" {
		return Empty, fmt.Errorf("%w: there is none; set %s", ErrStoreKey, StoreKeyVariable)
	}
	return checkStore(dir, key)
}

// checkStore is CheckStore that takes no key for a store that is not encrypted.
func checkStore(dir, key string) (State, error) {
	if err := longEnough(key); key != "" && err != nil {
		return Empty, err
	}
	if exists(filepath.Join(dir, folderPlain)) && !exists(filepath.Join(dir, folder)) {
		return Empty, fmt.Errorf("encrypting the store %s was interrupted; run rollcall encrypt again", dir)
	}
	keys, plain, err := listKeys(dir)
	switch {
	case err != nil:
		return Empty, err
	case len(keys) == 0 && plain == 0:
		return Empty, nil
	case len(keys) == 0:
		return Plain, nil
	case key == "":
		return Encrypted, fmt.Errorf("%w: the store %s is encrypted and there is no key; set %s. Nothing was changed",
			ErrStoreKey, dir, StoreKeyVariable)
	}
	var other int
	for _, k := range keys {
		if _, err := k.open(key); err != nil {
			if !errors.Is(err, ErrStoreKey) {
				return Encrypted, err
			}
			other++
		}
	}
	switch other {
	case 0:
		return Encrypted, nil
	case len(keys):
		return Encrypted, fmt.Errorf("%w: the store %s is encrypted with another one; "+
			"give %s the key that it was made with. Nothing was changed", ErrStoreKey, dir, StoreKeyVariable)
	}
	return Encrypted, fmt.Errorf("%w: %d of %d files in the store %s are encrypted with another one: "+
		"a change of the key was interrupted. Run rollcall encrypt again. Nothing was changed",
		ErrStoreKey, other, len(keys), dir)
}

func longEnough(key string) error {
	if len(key) < minStoreKey {
		return fmt.Errorf("%w: it has %d bytes, and needs %d or more: openssl rand -hex 32",
			ErrStoreKey, len(key), minStoreKey)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// keyFile holds the key of a stream, consumer, block of messages or raft log,
// sealed with the key of the store.
type keyFile struct {
	path string
	// info and context are hashed with the key of the store, as the server does.
	info, context string
}

// sealed is an opened keyFile.
type sealed struct {
	seed, nonce []byte
	cipher      func(key []byte) (cipher.AEAD, error)
}

// sealers are the ciphers of nats.conf: aes and chachapoly.
var sealers = []func([]byte) (cipher.AEAD, error){
	func(key []byte) (cipher.AEAD, error) {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		return cipher.NewGCMWithNonceSize(block, block.BlockSize())
	},
	chacha20poly1305.NewX,
}

// sealKey returns what the file is sealed with.
func (k keyFile) sealKey(key string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(k.info + k.context))
	return h.Sum(nil)
}

// open returns the contents. It is an ErrStoreKey when they are sealed with
// another key.
func (k keyFile) open(key string) (sealed, error) {
	text, err := os.ReadFile(k.path)
	if err != nil {
		return sealed{}, fmt.Errorf("read key of the store: %w", err)
	}
	for _, newSealer := range sealers {
		aead, err := newSealer(k.sealKey(key))
		if err != nil {
			return sealed{}, fmt.Errorf("open key of the store: %w", err)
		}
		if n := aead.NonceSize(); len(text) > n {
			if seed, err := aead.Open(nil, text[:n], text[n:], nil); err == nil {
				return sealed{seed: seed, nonce: text[:n], cipher: newSealer}, nil
			}
		}
	}
	return sealed{}, fmt.Errorf("%w: %s", ErrStoreKey, k.path)
}

// listKeys returns the files with keys in a store, and how many streams and
// blocks of messages have none.
func listKeys(dir string) (keys []keyFile, plain int, err error) {
	root := filepath.Join(dir, folder)
	add := func(path, info, context string) {
		if exists(path) {
			keys = append(keys, keyFile{path, info, context})
		} else {
			plain++
		}
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == root && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		// ACCOUNT/streams/STREAM/... or SYS/_js_/GROUP/...
		part := strings.Split(rel, string(filepath.Separator))
		if len(part) < 4 || d.IsDir() {
			// The server removes what begins with a dot: deleted streams.
			if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		info, name := part[0], part[2]
		if part[1] == "_js_" {
			info = name
		}
		switch n, isBlock := strings.CutSuffix(d.Name(), ".blk"); {
		case len(part) == 4 && part[3] == "meta.inf":
			add(filepath.Join(filepath.Dir(path), "meta.key"), info, name)
		case len(part) == 6 && part[3] == "obs" && part[5] == "meta.inf":
			add(filepath.Join(filepath.Dir(path), "meta.key"), info, name+"."+part[4])
		case len(part) == 5 && part[3] == "msgs" && isBlock:
			add(filepath.Join(filepath.Dir(path), n+".key"), info, name+":"+n)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("look at the store: %w", err)
	}
	return keys, plain, nil
}
