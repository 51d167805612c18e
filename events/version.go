package events

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// DataVersion is the version of the shape of facts that this program stores. It
// grows when a field changes its meaning or goes, not when one is added: readers
// pass over fields that they do not know.
const DataVersion = 1

// ErrNewer marks a fact that a newer rollcall stored in a shape that this one
// does not know. It is true, so it is neither refused nor left out: whoever meets
// it leaves the job to a newer process.
var ErrNewer = errors.New("stored by a newer rollcall")

// newerAgain is when a message that is left to a newer process is offered again,
// to whichever takes it.
const newerAgain = 10 * time.Second

// known says whether facts of the version that the headers name can be read. The
// first versions were stored without a number and are 1. Once DataVersion is
// more, what is older is made into the newest shape here, and nobody else knows of it.
func known(header nats.Header) error {
	text := header.Get(HeaderDataVersion)
	if text == "" {
		return nil
	}
	version, err := strconv.Atoi(text)
	switch {
	case err != nil || version < 1:
		return fmt.Errorf("%w: no such version of data", ErrDisbelieved)
	case version > DataVersion:
		return fmt.Errorf("%w: data of version %d, this one knows %d", ErrNewer, version, DataVersion)
	}
	return nil
}
