package mail

import (
	"bytes"
	"context"
	"embed"
	"errors"
	html "html/template"
	"net/url"
	"strconv"
	text "text/template"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"rollcall.example/events"
	"rollcall.example/services/mail/settings"
)

// UnsubscribePath is the path of the links that switch a topic off, below which the API
// stands.
const UnsubscribePath = "/api/v1/bulk-upload/notifications/unsubscribe"

//go:embed message.txt.tmpl message.html.tmpl
var templates embed.FS

var (
	textTemplate = text.Must(text.ParseFS(templates, "message.txt.tmpl"))
	htmlTemplate = html.Must(html.ParseFS(templates, "message.html.tmpl"))
)

// errOver means that a person need not be told any more.
var errOver = errors.New("it is over")

// content is what a message says.
type content struct {
	Title string
	// File is the name of the job's file, in which ID numbers are masked.
	File   string
	Lead   string
	Counts []count
	// At is when it happened, in words.
	At string
	// Job and Unsubscribe are links.
	Job, Unsubscribe string
	// Why says why the person gets the message.
	Why string
}

type count struct{ Name, Number string }

// makeMessage makes a message of the job as it is now. It is errOver when the job is kept
// no longer, or was decided about meanwhile.
func (s *Service) makeMessage(ctx context.Context, m *due) (*gomail.Msg, error) {
	job, err := s.log.Load(ctx, m.JobID)
	if errors.Is(err, events.ErrNotFound) {
		return nil, errOver
	}
	if err != nil {
		return nil, err
	}
	if job.Seq < uint64(m.Seq) {
		return nil, events.ErrBehind
	}
	if m.Kind == string(events.KindProposed) && !job.Awaiting() {
		return nil, errOver
	}
	c := describe(&job, events.Kind(m.Kind), settings.Topic(m.Topic))
	c.At = m.At.In(events.SouthAfrica).Format("2 January 2006, 15:04")
	c.Job = s.cfg.PublicURL + "/#/jobs/" + m.JobID
	c.Unsubscribe = s.cfg.PublicURL + UnsubscribePath + "?token=" +
		url.QueryEscape(settings.SignLink(m.ID, m.Secret, settings.Topic(m.Topic)))
	return s.compose(m, c)
}

// compose makes a message with both texts.
func (s *Service) compose(m *due, c content) (*gomail.Msg, error) {
	var plain, rich bytes.Buffer
	if err := errors.Join(textTemplate.Execute(&plain, c), htmlTemplate.Execute(&rich, c)); err != nil {
		return nil, err
	}
	public, err := url.Parse(s.cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.From(s.cfg.Server.From); err != nil {
		return nil, errors.New("smtp-from is no address") // the error quotes it
	}
	if err := msg.To(m.Email); err != nil {
		return nil, errors.New("the person's address is none")
	}
	msg.Subject(c.Title + ": " + c.File)
	msg.SetDate()
	// The same at each attempt, so that whoever gets it twice can tell.
	msg.SetMessageIDWithValue(strconv.FormatInt(m.Seq, 10) + "." + m.ID + "@" + public.Hostname())
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(gomail.HeaderListUnsubscribe, "<"+c.Unsubscribe+">")
	msg.SetGenHeader(gomail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	msg.SetBodyString(gomail.TypeTextPlain, plain.String())
	msg.AddAlternativeString(gomail.TypeTextHTML, rich.String())
	return msg, nil
}

// maxName is how many characters of a file's name a message has.
const maxName = 80

// describe says what happened to a job, without anything of its rows. What a person wrote
// as a reason is left out, because it may name somebody.
func describe(j *events.Job, kind events.Kind, topic settings.Topic) content {
	c := content{File: events.MaskIDs(j.FileName), Counts: countsOf(j)}
	if utf8.RuneCountInString(c.File) > maxName {
		c.File = string([]rune(c.File)[:maxName-1]) + "…"
	}
	c.Why = "You get this because a job of yours has ended or waits for approval."
	switch kind {
	case events.KindReported:
		c.Title, c.Lead = "Complete", "The job is complete, and its report is ready."
		if j.Options.DryRun {
			c.Title, c.Lead = "Checked", "The check is complete, and its report is ready. Nothing was written."
		}
	case events.KindFailed:
		c.Title, c.Lead = "Failed", "The job has failed. Open it to read why."
	case events.KindCancelled:
		c.Title, c.Lead = "Cancelled", "Somebody else has cancelled the job."
	case events.KindDeclined:
		c.Title, c.Lead = "Declined", "The job was declined, and nothing was written. Open it to read why."
	case events.KindProposed:
		c.Title = "Waiting for approval"
		c.Lead = "The job waits until somebody else approves it. Nothing has been written yet."
		if topic == settings.Waiting {
			c.Title = "Waiting for your approval"
			c.Lead = "A job waits until somebody approves it, and you may. Nothing has been written yet."
			c.Why = "You get this because a job waits for an approval that you may give."
		}
	}
	return c
}

// countsOf returns what is known of a job in numbers: the rows of its file, and all others
// that are not zero. What the IEC said is left out, for rows may wait for another area.
func countsOf(j *events.Job) (list []count) {
	print := message.NewPrinter(language.English)
	add := func(name string, n int) {
		if n != 0 {
			list = append(list, count{name, print.Sprint(n)})
		}
	}
	if f := j.Validated; f != nil {
		list = append(list, count{"Rows", print.Sprint(f.Stats.TotalRecords)})
		add("Invalid ID numbers", f.Stats.InvalidIDs)
		add("Duplicates", f.Stats.Duplicates)
	}
	var stats events.DatabaseStats
	added, changed, removed := "New members", "Changed members", "Removed members"
	switch {
	case j.Persisted != nil:
		stats = j.Persisted.Stats
	case j.Proposed != nil:
		stats = j.Proposed.Stats
	}
	if j.Persisted == nil || stats.DryRun {
		added, changed, removed = "Members to add", "Members to change", "Members to remove"
	}
	add(added, stats.Inserts)
	add(changed, stats.Updates)
	add(removed, stats.Removed)
	add("Unchanged members", stats.Unchanged)
	add("Waiting for another area", stats.Transfers)
	add("Refused by the database", stats.Errors)
	return list
}
