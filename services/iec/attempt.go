package iec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// once is an empty request body. With one, net/http cannot know that the
// request may be sent again, and so does not: without it a GET on a connection
// that breaks is repeated behind our back, and one acquired call becomes two.
// Nothing of it is sent.
type once struct{}

func (*once) Read([]byte) (int, error) { return 0, io.EOF }
func (*once) Close() error             { return nil }

// broken makes an error of a call without an answer. What net/http says may
// quote the URL, which holds the ID number, or whatever came over the wire, so
// only errors known to quote neither are kept. A caller who gave up is told so:
// that is no failure of the API.
func broken(ctx context.Context, status int, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("iec: %w", context.Cause(ctx))
	}
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		err = errors.New("no answer in time")
	case errors.As(err, &op):
		err = op
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("connection closed before the answer was complete")
	default:
		err = errors.New("answer is not HTTP, or the connection cannot be made")
	}
	return &UnavailableError{Status: status, Err: err}
}
