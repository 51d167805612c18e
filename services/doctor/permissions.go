package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events/embedded"
)

// deniedToAll is a subject that no user may publish to.
const deniedToAll = "rollcall.doctor"

// examinePermissions tries as a user what each user may do. What is tried changes
// nothing, even where it is allowed by mistake: a request for information, or a
// message that says that it follows one that does not exist.
func (d *doctor) examinePermissions(ctx context.Context, nc *nats.Conn, user string,
	all map[string]embedded.Permissions) {
	const mend = "Start the server with the nats.conf of this version of rollcall; " +
		"after a change: nats-server --signal reload"
	name := "permissions of " + user
	subjects := harmlessSubjects(all)
	denied, err := tryPublishing(ctx, nc, append(subjects, deniedToAll))
	if err != nil {
		d.judge(name, err, mend)
		return
	}
	var wrong []string
	for _, s := range subjects {
		switch may := !slices.Contains(denied, s); {
		case may && !all[user].CanPublish(s):
			wrong = append(wrong, "may publish to "+s)
		case !may && all[user].CanPublish(s):
			wrong = append(wrong, "may not publish to "+s)
		}
	}
	if len(wrong) > 3 {
		wrong = append(wrong[:3], fmt.Sprintf("and %d more", len(wrong)-3))
	}
	if wrong != nil {
		err = errors.New(strings.Join(wrong, ", "))
	}
	d.judge(name, err, mend)
}

// harmlessSubjects returns subjects, one of each kind that a user may publish to, to
// which a message can be sent that has no effect.
func harmlessSubjects(all map[string]embedded.Permissions) (list []string) {
	for _, p := range all {
		for _, pattern := range p.Allow {
			for _, prefix := range []string{"bulk.", "$O.", "$KV.", "$JS.API.STREAM.INFO.", "$JS.API.DIRECT.GET."} {
				if strings.HasPrefix(pattern, prefix) {
					list = append(list, strings.NewReplacer("*", "doctor", ">", "doctor").Replace(pattern))
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// tryPublishing returns which of the subjects the server denies. The last one must be
// denied in any case: when it is, all others have been.
func tryPublishing(ctx context.Context, nc *nats.Conn, subjects []string) (denied []string, err error) {
	refused := make(chan string, len(subjects))
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if _, quoted, ok := strings.Cut(err.Error(), " to \""); ok {
			subject, _, _ := strings.Cut(quoted, `"`)
			select {
			case refused <- subject:
			default: // one that was not asked about
			}
		}
	})
	for _, s := range subjects {
		msg := nats.NewMsg(s)
		msg.Reply = nc.NewInbox() // that nobody reads
		// No stream has a sequence as high as this, so none stores the message.
		msg.Header.Set(jetstream.ExpectedLastSeqHeader, "9007199254740991")
		if err := nc.PublishMsg(msg); err != nil {
			return nil, fmt.Errorf("try %s: %w", s, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := nc.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("try permissions: %w", err)
	}
	last := subjects[len(subjects)-1]
	if err := nc.LastError(); err == nil || !strings.Contains(err.Error(), last) {
		return nil, errors.New("the server denies nothing: it does not run with rollcall's nats.conf")
	}
	for {
		select {
		case s := <-refused:
			if s == last {
				return denied, nil
			}
			denied = append(denied, s)
		case <-ctx.Done():
			return nil, fmt.Errorf("try permissions: %w", ctx.Err())
		}
	}
}
