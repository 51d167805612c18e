package events

import (
	"errors"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go/jetstream"
)

// What JetStream says when it stores no more: a limit of the account, of the
// server, or one of a stream, whose code is that of all failures to store.
const (
	codeAccountFull = 10002
	codeServerFull  = 10023
	codeStorageFull = 10047
	codeNotStored   = 10077
)

// StorageFull reports whether an error says that there is no room: in JetStream,
// or on the disk of this machine. Nothing is wrong with what was to be stored, and
// it can be once somebody has made room.
func StorageFull(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	}
	switch api.ErrorCode {
	case codeAccountFull, codeServerFull, codeStorageFull:
		return true
	}
	return api.ErrorCode == codeNotStored && (strings.HasPrefix(api.Description, "maximum ") || strings.Contains(api.Description, "no space left"))
}
