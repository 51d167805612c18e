// Package notices answers those who choose what they are told by e-mail.
package notices

import (
	"encoding/json"
	"html/template"
	"net/http"

	"rollcall.example/events/access"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/mail/settings"
)

// Desk is what its handlers work with.
type Desk struct {
	*rest.Desk
	People *settings.Store
	// Mail says whether this installation sends e-mail.
	Mail bool
}

// view is what a person is told of, and where.
type view struct {
	settings.Wish
	// Email is where, nil where the token names no address.
	Email *string `json:"email"`
	// Available says whether this installation sends e-mail, and MayApprove whether jobs
	// can wait for the person.
	Available  bool `json:"available"`
	MayApprove bool `json:"may_approve"`
}

func (d Desk) viewOf(who rest.Caller, wish settings.Wish, email string) *view {
	v := &view{Wish: wish, Available: d.Mail, MayApprove: who.MayOnOthers(access.Approve)}
	if email != "" {
		v.Email = &email
	}
	return v
}

// Show tells what the person is told of.
func (d Desk) Show(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	wish, email, err := d.People.Get(r.Context(), who.Principal)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: "What you are told by e-mail.", Data: d.viewOf(who, wish, email)}, nil
}

// Save changes what the person is told of.
func (d Desk) Save(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	var wanted struct{ Jobs, Waiting *bool }
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&wanted); err != nil || wanted.Jobs == nil || wanted.Waiting == nil {
		return nil, refusal.New(refusal.CodeBadRequest, "The body must be JSON with jobs and waiting, each true or false.")
	}
	wish := settings.Wish{Jobs: *wanted.Jobs, Waiting: *wanted.Waiting}
	email, err := d.People.Put(r.Context(), who.Principal, wish)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: "Saved.", Data: d.viewOf(who, wish, email)}, nil
}

// unsubscribePage is for people who follow the link of an e-mail. It names nobody.
var unsubscribePage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{if .Ask}}<form method="post"><button>Yes, send no more</button></form>{{end}}
</html>
`))

// Programs follow the links of messages before people do, so that following one changes
// nothing (RFC 8058).

// AskUnsubscribe asks whoever follows a link whether to switch its topic off.
func (d Desk) AskUnsubscribe(w http.ResponseWriter, r *http.Request, _ rest.Caller) (*rest.Result, error) {
	topic, known, err := d.People.CheckLink(r.Context(), r.URL.Query().Get("token"))
	if err != nil {
		return nil, err
	}
	d.sendPage(w, r, topic, known)
	return nil, nil
}

// Unsubscribe switches off the topic of a link. Mail programs do it with one click.
func (d Desk) Unsubscribe(w http.ResponseWriter, r *http.Request, _ rest.Caller) (*rest.Result, error) {
	topic, err := d.People.Unsubscribe(r.Context(), r.URL.Query().Get("token"))
	if err != nil {
		return nil, err
	}
	d.sendPage(w, r, topic, false)
	return nil, nil
}

func (d Desk) sendPage(w http.ResponseWriter, r *http.Request, topic settings.Topic, ask bool) {
	of := "jobs of yours"
	if topic == settings.Waiting {
		of = "jobs that wait for your approval"
	}
	page := struct {
		Title, Text string
		Ask         bool
	}{"You get no more e-mail", "You get no e-mail about " + of + ". You can switch it on again in rollcall.", ask}
	if ask {
		page.Title, page.Text = "No more e-mail?", "Shall rollcall send you no more e-mail about "+of+"?"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	if err := unsubscribePage.Execute(w, page); err != nil {
		d.Logger.DebugContext(r.Context(), "page not sent", "err", err)
	}
}
