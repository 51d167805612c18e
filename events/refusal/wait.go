package refusal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// waitField is what a close reason has before the milliseconds that its client should wait.
const waitField = "; retry_ms="

// maxWait bounds what a client believes. A wait that is longer is nobody's who wants it back.
const maxWait = time.Minute

// CloseReason returns the reason of a close frame that asks its client to wait before it
// connects again: a text, then "; retry_ms=" and the milliseconds. All clients of a gateway
// that ends are told different waits.
func CloseReason(text string, wait time.Duration) string {
	return fmt.Sprint(text, waitField, wait.Milliseconds())
}

// CloseWait returns the wait that a close reason tells, at most a minute. It is not ok
// where the reason tells none.
func CloseWait(reason string) (wait time.Duration, ok bool) {
	_, text, _ := strings.Cut(reason, waitField)
	ms, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, false
	}
	return min(time.Duration(ms)*time.Millisecond, maxWait), true
}
