package events

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestStorageFullKnowsFullStorage(t *testing.T) {
	notStored := func(description string) error {
		return &jetstream.APIError{Code: 503, ErrorCode: codeNotStored, Description: description}
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"no error":             {nil, false},
		"text only":            {errors.New("no space left on device"), false},
		"full disk":            {&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, true},
		"disk quota used up":   {fmt.Errorf("spool: %w", syscall.EDQUOT), true},
		"limit of the account": {&jetstream.APIError{Code: 400, ErrorCode: 10002}, true},
		"limit of the server":  {fmt.Errorf("put: %w", &jetstream.APIError{Code: 503, ErrorCode: 10023}), true},
		"limit of a stream":    {notStored("maximum bytes exceeded"), true},
		"message too large":    {notStored("message size exceeds maximum allowed"), false},
		"failed guard":         {&jetstream.APIError{Code: 400, ErrorCode: codeWrongLastSequence}, false},
	} {
		if got := StorageFull(c.err); got != c.want {
			t.Errorf("%s: StorageFull is %v", name, got)
		}
	}
}
