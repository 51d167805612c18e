package events

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// A cast makes the body of an older fact into that of the next version. What the
// body says of its job, kind, time and cause has to stay.
type cast func(kind Kind, body []byte) ([]byte, error)

// casts are in order: the first takes version 1 to 2. Whoever changes what a field
// means, or takes one away, adds one at the end, and nobody else knows of what was
// before; for a field that is added there is no need, since readers pass over fields
// that they do not know. So far all that has changed was added.
var casts = [...]cast{}

// DataVersion is the version of the shape of facts that this program stores.
const DataVersion = 1 + len(casts)

// ErrNewer marks a fact that a newer rollcall stored in a shape that this one
// does not know. It is true, so it is neither refused nor left out: whoever meets
// it leaves the job to a newer process.
var ErrNewer = errors.New("stored by a newer rollcall")

// newest is a body in the shape that the last of the casts leads to. The first
// versions were stored without a number and are 1.
func upgradeBody(casts []cast, header nats.Header, kind Kind, body []byte) ([]byte, error) {
	version := 1
	if text := header.Get(HeaderDataVersion); text != "" {
		var err error
		if version, err = strconv.Atoi(text); err != nil || version < 1 {
			return nil, fmt.Errorf("%w: no such version of data", ErrUntrusted)
		}
	}
	if version > 1+len(casts) {
		return nil, fmt.Errorf("%w: data of version %d, this one knows %d", ErrNewer, version, 1+len(casts))
	}
	for ; version <= len(casts); version++ {
		var err error
		if body, err = casts[version-1](kind, body); err != nil {
			return nil, fmt.Errorf("%w: from version %d: %s", ErrUntrusted, version, describeFault(err))
		}
	}
	return body, nil
}
