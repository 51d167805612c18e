package events

import (
	"errors"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go/jetstream"
)

// JetStream's error codes for full storage: the limit of the account, the limit
// of the server, the disk, and any failure to store, such as the limit of a
// stream.
const (
	codeAccountFull = 10002
	codeServerFull  = 10023
	codeStorageFull = 10047
	codeNotStored   = 10077
)

// StorageFull reports whether an error means that there is no room: in
// JetStream, or on the disk of this machine. The same data can be stored once
// somebody has made room.
func StorageFull(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	}
	switch api.ErrorCode {
	case codeAccountFull, codeServerFull, codeStorageFull:
		return true
	}
	full := strings.HasPrefix(api.Description, "maximum ") || strings.Contains(api.Description, "no space left")
	return api.ErrorCode == codeNotStored && full
}
