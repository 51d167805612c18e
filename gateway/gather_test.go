package gateway

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// countingConn counts the writes that reach the network.
type countingConn struct {
	net.Conn
	writes [][]byte
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes = append(c.writes, bytes.Clone(p))
	return len(p), nil
}

// Messages that follow at once are one write, in their order, and a long one splits them.
func TestMessagesThatFollowAreWrittenTogether(t *testing.T) {
	long := strings.Repeat("x", gathered+1)
	for name, tt := range map[string]struct {
		texts []string
		want  []string
	}{
		"one":              {[]string{"a"}, []string{"a"}},
		"three":            {[]string{"a", "b", "c"}, []string{"abc"}},
		"a long one":       {[]string{"a", long, "b"}, []string{"a", long, "b"}},
		"more than gather": {[]string{long[:3000], long[:3000], "b"}, []string{long[:3000], long[:3000] + "b"}},
	} {
		conn := &countingConn{}
		g := &gatherer{conn: conn}
		for i, text := range tt.texts {
			g.follows.Store(i < len(tt.texts)-1)
			if n, err := g.Write([]byte(text)); n != len(text) || err != nil {
				t.Fatalf("%s: wrote %d of %d, %v", name, n, len(text), err)
			}
		}
		if got := bytes.Join(conn.writes, []byte("|")); string(got) != strings.Join(tt.want, "|") {
			t.Errorf("%s: %d writes, want %d", name, len(conn.writes), len(tt.want))
		}
	}
}

// The queue says of each message whether another one follows, and of the last that none does.
func TestTheLastMessageOfAQueueIsNotHeldBack(t *testing.T) {
	q := newQueue(8, plainJSON, &counters{}, func() {})
	for _, text := range []string{"a", "b"} {
		q.putReply([]byte(text))
	}
	q.putProgress(frame{jobID: "job", encodings: encodings{[]byte("p"), nil}})
	var got []bool
	for o, ok := q.next(); ok && o.text != nil; o, ok = q.next() {
		got = append(got, o.follows)
	}
	if len(got) != 3 || !got[0] || got[1] || got[2] {
		t.Errorf("follows: %v", got)
	}
}
