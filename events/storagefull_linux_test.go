package events

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestWhatNoRoomIs(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":            {nil, false},
		"something else":     {errors.New("no space left on device"), false},
		"the disk":           {&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, true},
		"a quota":            {fmt.Errorf("spool: %w", syscall.EDQUOT), true},
		"the account":        {&jetstream.APIError{Code: 400, ErrorCode: 10002}, true},
		"the server":         {fmt.Errorf("put: %w", &jetstream.APIError{Code: 503, ErrorCode: 10023}), true},
		"a stream":           {&jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}, true},
		"another bad moment": {&jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "message size exceeds maximum allowed"}, false},
		"a guard":            {&jetstream.APIError{Code: 400, ErrorCode: codeWrongLastSequence}, false},
	} {
		if got := StorageFull(c.err); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
