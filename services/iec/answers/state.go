package answers

import (
	"time"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// claimed is a claim in the log, or the end of one.
type claimed struct {
	Person key    `json:"person"`
	Job    string `json:"job,omitempty"`
	// Over is the sequence of the claim that this one takes the place of, because whoever
	// appends it takes that one for ended.
	Over uint64 `json:"over,omitempty"`
	// Ends is the sequence of the claim that ends with this. Then there is no Job.
	Ends uint64 `json:"ends,omitempty"`
}

// answered is an answer in the log.
type answered struct {
	Person key `json:"person"`
	// Verdict is what the IEC has said; nil removes what is kept about the person.
	Verdict *records.Verdict `json:"verdict,omitempty"`
}

// message is what a message of the log holds.
type message struct {
	Claims  []claimed  `json:"claims,omitempty"`
	Answers []answered `json:"answers,omitempty"`
	// Folded says that the buckets have all answers up to this sequence.
	Folded uint64 `json:"folded,omitempty"`
}

// tailAnswer is an answer of the log. Its Answer is zero where the person is forgotten.
type tailAnswer struct {
	answer Answer
	seq    uint64
}

// heldClaim is a claim that has not ended, as far as the log says.
type heldClaim struct {
	job string
	seq uint64
	at  time.Time // when it was stored, by the clock of NATS
}

// state is what the log says. All processes that have applied it up to the same sequence
// have the same claims.
type state struct {
	applied uint64
	claims  map[key]heldClaim
	// tail has all answers that were stored after dropped and up to applied. Those up to
	// folded are in the buckets, too. They stay until the next fold, because a replica of
	// a bucket may lag.
	tail            map[key]tailAnswer
	dropped, folded uint64

	unfolded      int // answers of the tail after folded
	claimsAtSweep int
}

func newState() state {
	return state{claims: map[key]heldClaim{}, tail: map[key]tailAnswer{}}
}

// apply applies a message. It returns for each of its claims whether it was granted.
func (st *state) apply(seq uint64, at time.Time, m *message, intern func(*records.Verdict) *records.Verdict) []bool {
	if seq != st.applied+1 {
		// Messages were removed before this process has read them. Their answers are in
		// the buckets, and their claims have ended.
		st.dropped = max(st.dropped, seq-1)
	}
	st.applied = seq
	granted := make([]bool, len(m.Claims))
	for i, c := range m.Claims {
		granted[i] = st.applyClaim(seq, at, c)
	}
	for _, a := range m.Answers {
		delete(st.claims, a.Person)
		kept := tailAnswer{seq: seq}
		if v := a.Verdict; v != nil {
			kept.answer = Answer{said: intern(v), at: v.At.UnixNano()}
		}
		st.tail[a.Person] = kept
		st.unfolded++
	}
	if m.Folded > st.folded {
		st.drop(st.folded)
		st.folded = m.Folded
		st.unfolded = 0
		for _, kept := range st.tail {
			if kept.seq > st.folded {
				st.unfolded++
			}
		}
	}
	return granted
}

// applyClaim reports whether a claim is granted: nobody has one, or only the same job, or
// only one that has ended by then.
func (st *state) applyClaim(seq uint64, at time.Time, c claimed) bool {
	held, ok := st.claims[c.Person]
	if c.Job == "" {
		if ok && held.seq == c.Ends {
			delete(st.claims, c.Person)
		}
		return true
	}
	if ok && held.job != c.Job && held.seq != c.Over && at.Sub(held.at) < events.ClaimTTL {
		return false
	}
	st.claims[c.Person] = heldClaim{job: c.Job, seq: seq, at: at}
	st.sweepClaims(at)
	return true
}

// sweepClaims removes claims that have ended by themselves, whenever there are twice as many.
func (st *state) sweepClaims(now time.Time) {
	if len(st.claims) < 2*st.claimsAtSweep+1000 {
		return
	}
	for person, held := range st.claims {
		if now.Sub(held.at) >= 2*events.ClaimTTL {
			delete(st.claims, person)
		}
	}
	st.claimsAtSweep = len(st.claims)
}

// drop removes the answers up to a sequence.
func (st *state) drop(upTo uint64) {
	for person, kept := range st.tail {
		if kept.seq <= upTo {
			delete(st.tail, person)
		}
	}
	st.dropped = max(st.dropped, upTo)
}
