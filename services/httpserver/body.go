package httpserver

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// BodyPiece is how many bytes of a body a client sends to be given more time. It
// is more than a byte: a client that sends one now and then would hold the
// connection for ever.
const BodyPiece = 64 << 10

// BoundBody gives a client idle for each BodyPiece of body, however large the
// whole is. A Read that takes longer fails with os.ErrDeadlineExceeded. It sets
// the connection's read deadline; the caller takes it away once the body is read,
// or it would end the request while it is worked on.
func BoundBody(w http.ResponseWriter, body io.ReadCloser, idle time.Duration) io.ReadCloser {
	return &boundBody{ReadCloser: body, idle: idle, control: http.NewResponseController(w)}
}

// ClockBody is BoundBody for handlers that set read deadlines of their own: it
// looks at the clock after each Read instead. One that comes too late fails with
// io.ErrUnexpectedEOF, as if the client had gone.
func ClockBody(body io.ReadCloser, idle time.Duration) io.ReadCloser {
	return &boundBody{ReadCloser: body, idle: idle}
}

type boundBody struct {
	io.ReadCloser
	idle    time.Duration
	control *http.ResponseController // nil leaves deadlines alone
	begun   time.Time                // of the piece
	due     int                      // bytes until there is more time
}

// Read implements io.Reader.
func (b *boundBody) Read(p []byte) (int, error) {
	if b.due <= 0 {
		b.begun, b.due = time.Now(), BodyPiece
		if b.control != nil {
			if err := b.control.SetReadDeadline(b.begun.Add(b.idle)); err != nil {
				return 0, fmt.Errorf("bound read: %w", err)
			}
		}
	}
	n, err := b.ReadCloser.Read(p)
	b.due -= n
	if b.control == nil && err == nil && b.due > 0 && time.Since(b.begun) > b.idle {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
