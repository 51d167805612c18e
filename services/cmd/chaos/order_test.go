package chaos

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"rollcall.example/events"
	"rollcall.example/gateway/client"
)

// order records what clients and the API saw of each job, with times, and checks it
// against a model: a job is a register whose value is the sequence of its newest fact.
// It only grows. The stages may let it grow at any time, unseen.
type order struct {
	began time.Time
	mu    sync.Mutex
	ops   map[string][]porcupine.Operation // by job
	// stale counts the reads that said that the job may have come further.
	stale int
	// begun are those about a commit or an undo: whether there is its job.
	begun map[string][]porcupine.Operation
}

// saw is one look at a job, or one change of it by a client.
type saw struct {
	// exact means that the job stood at seq at one moment of the operation: a read, or a
	// change that made seq. Otherwise it stood there or beyond: a frame that was received.
	exact bool
	// change means that the job had not come as far as seq before.
	change bool
}

func newOrder() *order {
	return &order{began: time.Now(), ops: map[string][]porcupine.Operation{}, begun: map[string][]porcupine.Operation{}}
}

// now is the time for an operation.
func (o *order) now() int64 { return int64(time.Since(o.began)) }

// note records an operation that has been called at a time and returns now.
func (o *order) note(jobID string, what saw, called int64, seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ops[jobID] = append(o.ops[jobID], porcupine.Operation{Input: what, Call: called, Output: seq, Return: o.now()})
}

// register is the model of one job.
var register = porcupine.Model{
	Init: func() any { return uint64(0) },
	Step: func(state, input, output any) (bool, any) {
		at, what, seq := state.(uint64), input.(saw), output.(uint64)
		switch {
		case what.change:
			return at < seq, seq
		case what.exact:
			return at <= seq, seq
		}
		return true, max(at, seq)
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %d", input, output) },
}

// check returns how many operations there were, and the jobs whose operations have no
// order in which the model could have done them.
func (o *order) check(t *testing.T) (operations int, wrong []string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, part := range []struct {
		model porcupine.Model
		ops   map[string][]porcupine.Operation
	}{{register, o.ops}, {derivation, o.begun}} {
		for id, ops := range part.ops {
			operations += len(ops)
			switch porcupine.CheckOperationsTimeout(part.model, ops, time.Minute) {
			case porcupine.Illegal:
				wrong = append(wrong, id)
			case porcupine.Unknown:
				t.Errorf("the order of %d operations on %s was not found in time", len(ops), id)
			}
		}
	}
	return operations, wrong
}

// asked is what was done about a job that commits or undoes another one: begin asks for
// it, and any other operation looks whether there is one.
type asked struct{ begin bool }

// derivation is the model of such a job: once it was begun there is one, for everybody.
var derivation = porcupine.Model{
	Init: func() any { return false },
	Step: func(state, input, output any) (bool, any) {
		begun, is := state.(bool), output.(bool)
		if input.(asked).begin {
			return true, true
		}
		return begun == is, begun
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %t", input, output) },
}

func (o *order) noteBegun(id string, what asked, called, returned int64, is bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun[id] = append(o.begun[id], porcupine.Operation{Input: what, Call: called, Output: is, Return: returned})
}

// begin asks for the job that commits or undoes another one until that is accepted, of one
// server after the other. It has to be the same job each time, so it is asked for twice.
func (o *order) begin(ctx context.Context, u *user, of, id string,
	ask func(*client.Client, context.Context, string) (client.JobState, error)) error {
	unknown := false
	for accepted, try := 0, 0; accepted < 2; try++ {
		called := o.now()
		state, err := ask(u.uploads[try%len(u.uploads)], ctx, of)
		refused, ok := errors.AsType[*client.StatusError](err)
		switch {
		case err == nil && state.JobID == id:
			o.noteBegun(id, asked{begin: true}, called, o.now(), true)
			accepted++
			continue
		case err == nil:
			return fmt.Errorf("made %s, want %s", state.JobID, id)
		case ok && refused.Status < 500 && refused.Status != http.StatusTooManyRequests:
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("%w, last %w", ctx.Err(), err)
		}
		// Nobody knows whether it was done, or will be. Of several the first says it all.
		if !unknown {
			o.noteBegun(id, asked{begin: true}, called, math.MaxInt64, true)
		}
		unknown = true
		sleepUntil(ctx, time.Now().Add(retryDelay))
	}
	return nil
}

// lookUntil looks whether there is a job, through one server after the other, and a few
// times more once there is.
func (o *order) lookUntil(ctx context.Context, u *user, id string) {
	for n, found := 0, 0; found < 5 && n < 100 && ctx.Err() == nil; n++ {
		called := o.now()
		err := u.uploads[n%len(u.uploads)].Call(ctx, http.MethodGet, "/status/"+id, nil)
		refused, ok := errors.AsType[*client.StatusError](err)
		switch {
		case err == nil:
			found++
			o.noteBegun(id, asked{}, called, o.now(), true)
		case ok && refused.Status == http.StatusNotFound:
			o.noteBegun(id, asked{}, called, o.now(), false)
		}
		sleepUntil(ctx, time.Now().Add(60*time.Millisecond))
	}
}

// readUntil reads the status of a job through one of a user's servers after the other.
func (o *order) readUntil(ctx context.Context, u *user, jobID string) {
	for n := 0; n < 100 && ctx.Err() == nil; n++ {
		sleepUntil(ctx, time.Now().Add(150*time.Millisecond))
		var status struct {
			Seq   uint64 `json:"seq"`
			Stale bool   `json:"stale"`
		}
		called := o.now()
		if err := u.uploads[n%len(u.uploads)].Call(ctx, http.MethodGet, "/status/"+jobID, &status); err != nil {
			continue
		}
		if status.Stale {
			o.mu.Lock()
			o.stale++
			o.mu.Unlock()
			continue
		}
		o.note(jobID, saw{exact: true}, called, status.Seq)
	}
}

// change is an accepted cancel or retry. Its fact is known when the job has ended.
type change struct {
	kind           events.Kind
	called, answer int64
}

// cancelAndRetry cancels a job and has it go on. It returns what was accepted.
func (o *order) cancelAndRetry(ctx context.Context, u *user, jobID string) (done []change) {
	do := func(kind events.Kind, ask func(*client.Client) error) bool {
		called := o.now()
		if err := ask(u.uploads[0]); err != nil {
			return false
		}
		done = append(done, change{kind, called, o.now()})
		return true
	}
	cancel := func(c *client.Client) error { _, err := c.Cancel(ctx, jobID); return err }
	again := func(c *client.Client) error { _, err := c.Retry(ctx, jobID); return err }
	do(events.KindCancelled, cancel)
	// Also when the answer was lost; refused, it was not cancelled or is not any more.
	for tries := 0; tries < 20 && ctx.Err() == nil && !do(events.KindRetried, again); tries++ {
		sleepUntil(ctx, time.Now().Add(retryDelay))
	}
	return done
}

// noteChanges records changes with the sequences of their facts, if each has one.
func (o *order) noteChanges(jobID string, done []change, list []events.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, kind := range []events.Kind{events.KindCancelled, events.KindRetried, events.KindApproved} {
		var facts []uint64
		for _, e := range list {
			if e.Kind == kind {
				facts = append(facts, e.Seq)
			}
		}
		for _, c := range done {
			// With more facts than answers it is open which one an answer was about.
			if c.kind == kind && len(facts) == 1 {
				o.ops[jobID] = append(o.ops[jobID], porcupine.Operation{Input: saw{exact: true, change: true},
					Call: c.called, Output: facts[0], Return: c.answer})
			}
		}
	}
}

// The model refuses what must not be: a job that goes back, a change that a later read
// does not see, a frame that a later read does not see.
func TestTheModelRefusesAnOrderThatCannotBe(t *testing.T) {
	read, write, frame := saw{exact: true}, saw{exact: true, change: true}, saw{}
	op := func(what saw, seq uint64, called, returned int64) porcupine.Operation {
		return porcupine.Operation{Input: what, Output: seq, Call: called, Return: returned}
	}
	never := int64(math.MaxInt64)
	begin := func(called, returned int64) porcupine.Operation {
		return porcupine.Operation{Input: asked{begin: true}, Output: true, Call: called, Return: returned}
	}
	look := func(found bool, called, returned int64) porcupine.Operation {
		return porcupine.Operation{Input: asked{}, Output: found, Call: called, Return: returned}
	}
	for name, c := range map[string]struct {
		ops  []porcupine.Operation
		want bool
	}{
		"found once begun":              {[]porcupine.Operation{look(false, 0, 1), begin(2, 4), look(true, 3, 5)}, true},
		"found before it was begun":     {[]porcupine.Operation{look(true, 0, 1), begin(2, 4)}, false},
		"not found after it was begun":  {[]porcupine.Operation{begin(0, 1), look(false, 2, 3)}, false},
		"found, and then not":           {[]porcupine.Operation{begin(0, 9), look(true, 1, 2), look(false, 3, 4)}, false},
		"not known whether it began":    {[]porcupine.Operation{begin(0, never), look(false, 1, 2), look(true, 3, 4)}, true},
		"never found after an error":    {[]porcupine.Operation{begin(0, never), look(false, 1, 2)}, true},
		"gone again after an error":     {[]porcupine.Operation{begin(0, never), look(true, 1, 2), look(false, 3, 4)}, false},
		"asked for twice is begun once": {[]porcupine.Operation{begin(0, 1), begin(2, 3), look(true, 4, 5)}, true},
	} {
		o := newOrder()
		o.begun["job"] = c.ops
		if _, wrong := o.check(t); (len(wrong) == 0) != c.want {
			t.Errorf("%s: wrong %v", name, wrong)
		}
	}
	for name, c := range map[string]struct {
		ops  []porcupine.Operation
		want bool
	}{
		"in order":                  {[]porcupine.Operation{op(write, 1, 0, 2), op(read, 1, 3, 4), op(read, 5, 5, 6)}, true},
		"reads at the same time":    {[]porcupine.Operation{op(read, 5, 0, 9), op(read, 1, 1, 8)}, true},
		"a read that goes back":     {[]porcupine.Operation{op(read, 5, 0, 2), op(read, 1, 3, 4)}, false},
		"a change that is not seen": {[]porcupine.Operation{op(write, 5, 0, 2), op(read, 1, 3, 4)}, false},
		"a frame that is not seen":  {[]porcupine.Operation{op(frame, 5, 0, 2), op(read, 1, 3, 4)}, false},
		"a frame seen later":        {[]porcupine.Operation{op(read, 5, 0, 2), op(frame, 1, 0, 4), op(read, 5, 5, 6)}, true},
		"a change seen before":      {[]porcupine.Operation{op(read, 5, 0, 2), op(write, 5, 3, 4)}, false},
	} {
		o := newOrder()
		o.ops["job"] = c.ops
		if _, wrong := o.check(t); (len(wrong) == 0) != c.want {
			t.Errorf("%s: wrong %v", name, wrong)
		}
	}
}
