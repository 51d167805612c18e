package engineio

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// answerSize is how many bytes an answer has before no further packet is added.
	answerSize = 64 << 10
	// probeWait is how long a GET waits while the client tries a WebSocket: it cannot go
	// over to that before its GET has ended.
	probeWait = 100 * time.Millisecond
	// pongTime is how long the one byte of a pong may take.
	pongTime = 5 * time.Second
)

// Errors of Read. After ErrUpgraded the client is to be read from its WebSocket.
var (
	ErrEnded    = errors.New("engine.io: the session has ended")
	ErrUpgraded = errors.New("engine.io: the session was upgraded")
)

// state is how a session's polling has ended, or that it has not.
type state int

const (
	polls state = iota
	closedByServer
	closedByClient
	lost // the server ends it, and the client is to connect again
	upgraded
)

// Polling is the polling of one session. One GET and one POST may be under way at once;
// a second of the same kind ends the session, as two of them would mix up the order.
type Polling struct {
	next  func() (text []byte, ok bool)
	close func()
	limit int64
	time  time.Duration

	inbox chan Packet
	more  chan struct{} // gets one when a GET that waits must look again
	ended chan struct{} // closed with the first state other than polls

	mu               sync.Mutex
	state            state
	getting, posting bool
	probing          bool
	urgent           []byte // goes before everything that waits; nil is nothing
}

// NewPolling returns the polling of a new session. next takes out what is sent next: nil
// when nothing waits, not ok when the client is given up. close is called, on any
// goroutine, when the client has ended the session or broken a rule. limit bounds a POST
// in bytes, and bodyTime how long its body may take.
func NewPolling(next func() (text []byte, ok bool), close func(), limit int, bodyTime time.Duration) *Polling {
	return &Polling{next: next, close: close, limit: int64(limit), time: bodyTime,
		inbox: make(chan Packet), more: make(chan struct{}, 1), ended: make(chan struct{})}
}

// Wake tells a GET that waits to look again. It does not wait and takes no lock.
func (p *Polling) Wake() {
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// SendFirst sends a packet before everything that waits, in place of the last such one
// that still waits. It returns false for a session that polls no longer.
func (p *Polling) SendFirst(packet []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != polls {
		return false
	}
	p.urgent = packet
	p.Wake()
	return true
}

// Read returns the next packet of the client, in the order of its POSTs.
func (p *Polling) Read(ctx context.Context) (Packet, error) {
	select {
	case packet := <-p.inbox:
		return packet, nil
	case <-p.ended:
	case <-ctx.Done():
		return Packet{}, ctx.Err()
	}
	if p.is(upgraded) {
		return Packet{}, ErrUpgraded
	}
	return Packet{}, ErrEnded
}

// Ended reports whether the session polls no longer: its requests are refused.
func (p *Polling) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Close ends the session. A GET that waits gets the packet that says so, or, where the
// client is to come back, what a GET that comes later gets: the session is unknown. Some
// clients take the packet for the last word. Close returns false for a session that was
// upgraded, which must be closed there.
func (p *Polling) Close(comeBack bool) bool {
	s := closedByServer
	if comeBack {
		s = lost
	}
	p.end(s)
	return !p.is(upgraded)
}

// Probe marks that the client tries a WebSocket, and returns false if it tries one
// already.
func (p *Polling) Probe() bool {
	defer p.Wake()
	return p.begin(&p.probing)
}

// StopProbe marks that the client tries a WebSocket no longer.
func (p *Polling) StopProbe() { p.finish(&p.probing) }

// Upgrade ends the polling, and nothing else of the session. Nothing is taken out of what
// waits after it. It returns what SendFirst has left, and false for a session that has
// ended.
func (p *Polling) Upgrade() (urgent []byte, ok bool) {
	p.end(upgraded)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.urgent, p.state == upgraded
}

func (p *Polling) end(s state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == polls {
		p.state = s
		close(p.ended)
	}
}

// breakOff ends the session for a fault of the client.
func (p *Polling) breakOff() {
	p.end(closedByServer)
	p.close()
}

// begin marks that a GET or a POST is under way, unless one is.
func (p *Polling) begin(underWay *bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *underWay {
		return false
	}
	*underWay = true
	return true
}

func (p *Polling) finish(underWay *bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*underWay = false
}

// Get answers a GET with what waits, once something does.
func (p *Polling) Get(w http.ResponseWriter, r *http.Request) {
	if !p.begin(&p.getting) {
		p.breakOff()
		Refuse(w, CodeBadRequest)
		return
	}
	defer p.finish(&p.getting)
	late := p.isProbing()
	switch payload := p.wait(r.Context()); {
	case payload == nil: // the client has gone, and what was sent to it is lost
		p.breakOff()
	case late && p.is(upgraded): // the request was overtaken on its way
		Refuse(w, CodeBadRequest)
	case p.is(lost):
		Refuse(w, CodeUnknownSession)
	default:
		answer(w, "text/plain; charset=UTF-8", payload)
	}
}

// wait returns the packets to send, nil when ctx ends first.
func (p *Polling) wait(ctx context.Context) []byte {
	var enough <-chan time.Time
	for {
		payload, probing := p.take()
		if len(payload) > 0 {
			return payload
		}
		if probing && enough == nil {
			enough = time.After(probeWait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.more:
		case <-p.ended:
		case <-enough:
			return []byte{TypeNoop}
		}
	}
}

// take returns the packets that wait. Of a session that has ended it is the last packet.
func (p *Polling) take() (payload []byte, probing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.state {
	case closedByServer, lost:
		return []byte{TypeClose}, false
	case closedByClient, upgraded:
		return []byte{TypeNoop}, false
	}
	if p.urgent != nil {
		payload, p.urgent = append(payload, p.urgent...), nil
	}
	for len(payload) < answerSize {
		text, ok := p.next()
		if !ok {
			return appendPacket(payload, []byte{TypeClose}), false
		}
		if text == nil {
			break
		}
		payload = appendPacket(payload, text)
	}
	return payload, p.probing
}

func (p *Polling) isProbing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.probing
}

func (p *Polling) is(s state) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state == s
}

// Post hands over the packets of a POST.
func (p *Polling) Post(w http.ResponseWriter, r *http.Request) {
	if !p.begin(&p.posting) {
		p.breakOff()
		Refuse(w, CodeBadRequest)
		return
	}
	defer p.finish(&p.posting)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(p.time)) // the test's recorder has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, p.limit))
	_ = control.SetReadDeadline(time.Time{})
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		p.breakOff()
		http.Error(w, http.StatusText(http.StatusRequestEntityTooLarge), http.StatusRequestEntityTooLarge)
		return
	}
	var packets []Packet
	if err == nil {
		packets, err = ParsePayload(body)
	}
	if err != nil {
		p.breakOff()
		Refuse(w, CodeBadRequest)
		return
	}
	if !p.deliver(r.Context(), packets) {
		p.breakOff()
	}
	answer(w, "text/html", []byte("ok"))
}

// TakePong answers a POST of an unknown session that is a pong and nothing else, and returns
// false for any other request. The GET of such a session is refused, and the client connects
// again. But python-socketio, when a POST is refused before its GET is, ends without a word and
// never connects again. A pong asks for nothing, so nothing is lost with it.
func TakePong(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.ContentLength != 1 {
		return false
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(pongTime)) // the test's recorder has none
	body, err := io.ReadAll(r.Body)
	_ = control.SetReadDeadline(time.Time{})
	if err != nil || len(body) != 1 || body[0] != TypePong {
		return false
	}
	answer(w, "text/html", []byte("ok"))
	return true
}

// deliver hands packets to Read, and returns false if the client goes meanwhile.
func (p *Polling) deliver(ctx context.Context, packets []Packet) bool {
	for _, packet := range packets {
		if !packet.Binary && packet.Data[0] == TypeClose {
			p.end(closedByClient)
			p.close()
			return true
		}
		select {
		case p.inbox <- packet:
		case <-p.ended:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func answer(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // the client may be gone
}
