package iec

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/records"
)

// moreRounds is how often somebody is asked about again whom the IEC gave no valid
// answer about, though it answered about others. The waits grow, so a few minutes lie
// between the first round and the last.
const moreRounds = 3

// unanswered is a person of a job without a valid answer in this round.
type unanswered struct {
	key   string // the hash of the ID number
	err   error
	since time.Time // when the first call had no valid answer
	// final says that the API itself refuses this person: to ask again is of no use.
	final bool
	// skipped says that nobody was asked, because an outage has to end first.
	skipped bool
}

// unansweredPeople are those of a job. They keep nobody else waiting: their rows are
// written as unverified, which counts only if the round ends so.
type unansweredPeople struct {
	mu     sync.Mutex
	list   []unanswered
	rounds map[string]int // how many rounds a person was asked in before, by hash
}

func (u *unansweredPeople) add(p unanswered) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = append(u.list, p)
}

// askedBefore reports whether a person was asked about in vain in an earlier round.
func (u *unansweredPeople) askedBefore(key string) bool { return u.rounds[key] > 0 }

// noAnswerError means that some people have to be asked about again later.
type noAnswerError struct {
	People int
	Until  time.Time // of the clock of NATS
}

func (e *noAnswerError) Error() string {
	return fmt.Sprintf("the iec gave no valid answer about %d people", e.People)
}

// isAboutPerson reports whether the error of a lookup may be about this one person: the
// API gave no answer, or none that can be used.
func isAboutPerson(err error) bool {
	var down *UnavailableError
	var token *tokenError
	return unverifiedReason(err) != "" || errors.As(err, &down) && !errors.As(err, &token)
}

// setAside returns the row of somebody whom the IEC gave no valid answer about, and
// remembers that.
func (v *verification) setAside(n int, key string, since time.Time, err error) rowVerdict {
	reason := unverifiedReason(err)
	v.unanswered.add(unanswered{
		key: key, err: err, since: since, final: reason != "", skipped: errors.Is(err, errTriedInVain),
	})
	if reason == "" {
		reason = ReasonNoAnswer
	}
	return rowVerdict{
		Verdict: records.Verdict{N: n, Status: records.Unverified, Reason: reason}, called: true, aside: true,
	}
}

// settleUnanswered decides, at the end of a round, about those without a valid answer.
// It returns nil when they are unverified and the job goes on; a *noAnswerError when
// they are asked about again; an *outageError when nobody is answered.
func (v *verification) settleUnanswered(ctx context.Context) error {
	u := &v.unanswered
	if len(u.list) == 0 {
		return nil
	}
	b := v.service.breaker
	since, cause, asked := time.Time{}, error(nil), false
	for _, p := range u.list {
		if !p.skipped && (!asked || p.since.After(since)) {
			since, cause, asked = p.since, p.err, true
		}
	}
	if !asked {
		return v.probeWithControl(ctx)
	}
	if err := v.checkAnswers(ctx, since, cause); err != nil {
		return err
	}
	again, round := 0, 0
	for _, p := range u.list {
		switch {
		case p.skipped:
			again++
		case p.final:
		case u.rounds[p.key] < moreRounds:
			u.rounds[p.key]++
			round = max(round, u.rounds[p.key])
			again++
		}
	}
	if again == 0 {
		return nil
	}
	if err := v.storeRounds(ctx); err != nil {
		return err
	}
	return &noAnswerError{People: again, Until: b.clock.Now().Add(time.Duration(round) * b.wait)}
}

// checkAnswers returns nil if the IEC answers anybody: somebody was answered since, or a
// person whom it once answered about is so again. Else it is an *outageError with the
// reason of cause.
func (v *verification) checkAnswers(ctx context.Context, since time.Time, cause error) error {
	b := v.service.breaker
	if b.answersSince(since) {
		return nil
	}
	b.checking.Lock()
	defer b.checking.Unlock()
	if b.answersSince(since) {
		return nil // another one has asked meanwhile
	}
	if o := b.current(); o != nil && o.forbids(b.clock.Now()) {
		return &outageError{*o} // and was not answered
	}
	if control := b.knownControl(); control != "" {
		verdict, err := v.service.cfg.Client.ask(ctx, control, 1, v.acquireCall, v.settleControl(control))
		switch {
		case err == nil:
			v.calls.Add(1)
			return v.service.cfg.Answers.Put(ctx, control, verdict)
		case ctx.Err() != nil || !endsOutage(err):
			return err
		}
	}
	return b.begin(context.WithoutCancel(ctx), cause, false)
}

// probeWithControl ends a round in which nobody was asked, because all who are left were
// asked in vain before. Somebody whom the IEC once answered about tells whether the
// outage is over. It returns errAskAgain when it is.
func (v *verification) probeWithControl(ctx context.Context) error {
	b := v.service.breaker
	control := b.knownControl()
	if control == "" {
		if b.current() == nil {
			return errAskAgain
		}
		return b.tryOthers(ctx)
	}
	probe, err := b.enter(ctx, v.queue.job, "")
	if err != nil {
		return err
	}
	if !probe {
		return errAskAgain
	}
	verdict, err := v.service.cfg.Client.ask(ctx, control, 1, v.acquireCall, v.settleControl(control))
	if err := v.judge(ctx, err, true); err != nil {
		return err
	}
	v.calls.Add(1)
	return cmp.Or(v.service.cfg.Answers.Put(ctx, control, verdict), errAskAgain)
}

// errAskAgain means that an outage is over and the round has to be repeated.
var errAskAgain = errors.New("the iec answers again")

// endsOutage reports whether the error of a call says something of the API.
func endsOutage(err error) bool {
	var limited *RateLimitedError
	return isAboutPerson(err) || errors.As(err, &limited) || errors.Is(err, ErrCredentials) || isToken(err)
}

func roundsKey(job string) string { return "unanswered." + job }

// loadRounds reads in how many rounds people of the job were asked about in vain.
func (v *verification) loadRounds(ctx context.Context) error {
	v.unanswered.rounds = map[string]int{}
	entry, err := v.service.breaker.kv.Get(ctx, roundsKey(v.job.ID))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &v.unanswered.rounds)
	}
	if err != nil {
		return fmt.Errorf("read who was not answered: %w", err)
	}
	return nil
}

func (v *verification) storeRounds(ctx context.Context) error {
	value, err := json.Marshal(v.unanswered.rounds)
	if err == nil {
		_, err = v.service.breaker.kv.Put(ctx, roundsKey(v.job.ID), value)
	}
	if err != nil {
		return fmt.Errorf("store who was not answered: %w", err)
	}
	return nil
}

// settleCall returns what is done after each call about a person, whose hash is key: the breaker hears of
// it, and a call that never reached the IEC is not counted.
func (v *verification) settleCall(id, key string) func(context.Context, error) error {
	b := v.service.breaker
	return func(ctx context.Context, err error) error {
		var down *UnavailableError
		var limited *RateLimitedError
		switch {
		case err == nil:
			return b.noteAnswer(ctx, id)
		case errors.As(err, &limited):
			return b.begin(context.WithoutCancel(ctx), err, true)
		case errors.As(err, &down) && down.Unsent:
			v.giveBackCall(ctx)
		}
		if isAboutPerson(err) {
			b.noteFailure(key)
		}
		return nil
	}
}

// settleControl is settleCall for somebody whom the IEC once answered about.
func (v *verification) settleControl(id string) func(context.Context, error) error {
	return v.settleCall(id, v.service.cfg.Answers.Hash(id))
}

// giveBackCall returns a call that was allowed and never reached the IEC.
func (v *verification) giveBackCall(ctx context.Context) {
	v.own.giveBack()
	if err := v.service.cfg.Quota.giveBack(context.WithoutCancel(ctx)); err != nil {
		v.service.cfg.Logger.WarnContext(ctx, "a call that was not made was not returned", "err", err)
	}
}

// OutageReasons are the reasons of an outage.
var OutageReasons = []string{events.PauseUnavailable, events.PauseRefused, events.PauseRateLimited}

// OutageReason returns why the IEC answers nobody at the moment: one of OutageReasons, or
// "" while it answers.
func (s *Service) OutageReason(ctx context.Context) (string, error) {
	o, _, err := readOutage(ctx, s.breaker.kv)
	if err != nil || o == nil {
		return "", err
	}
	return o.Reason, nil
}
