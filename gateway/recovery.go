package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"

	"rollcall.example/events"
)

// What Socket.IO calls recovery. A client of 4.6 and later keeps the pid of its connection
// and the offset of the last event, a string behind all other arguments, and sends both
// when it connects again. Our offset says how far the client is with each job that it
// follows, so that any gateway can go on from there and none has to remember it.

// newPID returns the id of a connection of a user, which knows its user again.
func newPID(user string) string {
	salt := rand.Text()
	return salt + "." + signPID(salt, user)
}

// isOf reports whether a pid was made for a user. Whoever makes one gets no more than by
// naming sequences: a subscription needs the same rights. It keeps a page whose user
// changes from going on where another was.
func isOf(pid, user string) bool {
	salt, sum, ok := strings.Cut(pid, ".")
	return ok && sum == signPID(salt, user)
}

func signPID(salt, user string) string {
	sum := sha256.Sum256([]byte(salt + "." + user))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// parseOffset returns the sequences by job. What is no offset of ours has none.
func parseOffset(offset string, limit int) map[string]uint64 {
	positions := map[string]uint64{}
	for part := range strings.SplitSeq(offset, ",") {
		jobID, text, _ := strings.Cut(part, ":")
		seq, err := strconv.ParseUint(text, 10, 63)
		if err == nil && seq > 0 && events.ValidJobID(jobID) && len(positions) < limit {
			positions[jobID] = seq
		}
	}
	return positions
}

// appendOffset adds the offset of a connection: how far the client is with each job.
func appendOffset(text []byte, subs map[string]*subscription) []byte {
	first := true
	for jobID, s := range subs {
		if s.written == 0 {
			continue
		}
		if !first {
			text = append(text, ',')
		}
		first = false
		text = append(append(text, jobID...), ':')
		text = strconv.AppendUint(text, s.written, 10)
	}
	return text
}

// stamp adds the offset to a fact of a job that the client follows, and to the progress
// that says where the job stood when it subscribed.
func (*socketIODialect) stamp(c *conn, o outgoing) []byte {
	if o.jobID == "" {
		return o.text
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subs[o.jobID]
	if s == nil || o.seq == 0 && s.stood == 0 {
		return o.text
	}
	text := make([]byte, 0, len(o.text)+64*len(c.subs))
	text = append(text, o.text[:len(o.text)-1]...)
	if o.seq > 0 {
		s.written = o.seq
	} else { // all facts up to there have been written, for they go first
		s.written, s.stood = max(s.written, s.stood), 0
		text = append(text, ",null"...)
	}
	return append(appendOffset(append(text, `,"`...), c.subs), `"]`...)
}

// begin begins where the client was before it connected again, or else with where the job
// stands: a bar that the client has moved already must not run again.
func (s *socketIODialect) begin(past *history, given *uint64) (after uint64, facts []frame) {
	if given != nil {
		return *given, past.facts
	}
	if after, ok := s.positions[past.job.ID]; ok {
		delete(s.positions, past.job.ID)
		return after, past.facts
	}
	if past.progress != nil { // comes by itself
		return 0, nil
	}
	return 0, past.facts[past.standing:]
}
