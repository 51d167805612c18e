package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"rollcall.example/services/api/apitest"
	"rollcall.example/services/mail/settings"
)

func (r *rig) saveNotifications(who, wish string) apitest.Reply {
	r.T.Helper()
	return r.Do(who, http.MethodPut, "/me/notifications", strings.NewReader(wish), "application/json")
}

// addresses returns those that are kept.
func (r *rig) addresses() (list []string) {
	r.T.Helper()
	if err := r.DB.Select(&list, `SELECT email FROM notifications ORDER BY user_id`); err != nil {
		r.T.Fatal(err)
	}
	return list
}

func TestNotificationsAreSwitchedByThePersonAlone(t *testing.T) {
	r := newRig(t)
	const alice, boss = "alice member email=alice@example.org", "boss national_admin email=boss@example.org"
	if a := r.Get(alice, "/me/notifications"); a.Status != http.StatusOK || a.Data["jobs"] != false ||
		a.Data["email"] != "alice@example.org" || a.Data["available"] != true || a.Data["may_approve"] != false {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if len(r.addresses()) != 0 {
		t.Error("an address was kept of somebody who wants nothing")
	}
	if a := r.saveNotifications(alice, `{"jobs":true,"waiting":false}`); a.Status != http.StatusOK ||
		a.Data["jobs"] != true {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if a := r.saveNotifications(boss, `{"jobs":true,"waiting":true}`); a.Status != http.StatusOK ||
		a.Data["waiting"] != true || a.Data["may_approve"] != true {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	for what, a := range map[string]apitest.Reply{
		"waiting of a member": r.saveNotifications(alice, `{"jobs":true,"waiting":true}`),
		"no address":          r.saveNotifications("carol member", `{"jobs":true,"waiting":false}`),
		"half a body":         r.saveNotifications(alice, `{"jobs":true}`),
		"an address":          r.saveNotifications(alice, `{"jobs":true,"waiting":false,"email":"bob@example.org"}`),
	} {
		want := http.StatusBadRequest
		if what == "waiting of a member" {
			want = http.StatusForbidden
		}
		if a.Status != want {
			t.Errorf("%s: %d %s", what, a.Status, a.Raw)
		}
	}
	// The address follows the token; a token without one changes nothing.
	r.Get("alice member email=new@example.org", "/me/notifications")
	if a := r.Get("alice member", "/me/notifications"); a.Data["email"] != "new@example.org" || a.Data["jobs"] != true {
		t.Errorf("%s", a.Raw)
	}
	// Who switches all off is forgotten.
	r.saveNotifications(alice, `{"jobs":false,"waiting":false}`)
	if got := r.addresses(); len(got) != 1 || got[0] != "boss@example.org" {
		t.Errorf("kept: %v", got)
	}
	if strings.Contains(r.Logs.String(), "@example.org") {
		t.Errorf("an address was logged: %s", r.Logs)
	}
}

// The link works without a token, does nothing when it is only opened, and ends one setting.
func TestTheLinkOfAnEMailNeedsNoSignIn(t *testing.T) {
	r := newRig(t)
	const boss = "boss national_admin email=boss@example.org"
	r.saveNotifications(boss, `{"jobs":true,"waiting":true}`)
	var kept struct {
		ID     string
		Secret []byte
	}
	if err := r.DB.Get(&kept, `SELECT id, secret FROM notifications`); err != nil {
		t.Fatal(err)
	}
	path := "/notifications/unsubscribe?token=" + url.QueryEscape(settings.SignLink(kept.ID, kept.Secret, settings.Jobs))
	asked := r.Get("", path)
	if asked.Status != http.StatusOK || !strings.Contains(string(asked.Raw), `<form method="post">`) ||
		!strings.Contains(asked.Header.Get("Content-Security-Policy"), "form-action 'self'") {
		t.Errorf("%d %v %s", asked.Status, asked.Header, asked.Raw)
	}
	if a := r.Get(boss, "/me/notifications"); a.Data["jobs"] != true {
		t.Fatal("opening the link has changed something")
	}
	for range 2 {
		done := r.Do("", http.MethodPost, path, strings.NewReader("List-Unsubscribe=One-Click"),
			"application/x-www-form-urlencoded")
		if done.Status != http.StatusOK || strings.Contains(string(done.Raw), "<form") ||
			strings.Contains(string(done.Raw), "boss") {
			t.Errorf("%d %s", done.Status, done.Raw)
		}
		if a := r.Get(boss, "/me/notifications"); a.Data["jobs"] != false || a.Data["waiting"] != true {
			t.Errorf("%s", a.Raw)
		}
	}
	for what, token := range map[string]string{
		"another topic": strings.Replace(settings.SignLink(kept.ID, kept.Secret, settings.Jobs), ".jobs.", ".waiting.", 1),
		"another key":   settings.SignLink(kept.ID, make([]byte, 32), settings.Waiting),
		"cut":           kept.ID, "nothing": "",
	} {
		a := r.Do("", http.MethodPost, "/notifications/unsubscribe?token="+url.QueryEscape(token), nil, "")
		if a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", what, a.Status, a.Raw)
		}
	}
	if a := r.Get(boss, "/me/notifications"); a.Data["waiting"] != true {
		t.Errorf("%s", a.Raw)
	}
	// The last one that is switched off takes the address with it.
	last := settings.SignLink(kept.ID, kept.Secret, settings.Waiting)
	r.Do("", http.MethodPost, "/notifications/unsubscribe?token="+url.QueryEscape(last), nil, "")
	if got := r.addresses(); len(got) != 0 {
		t.Errorf("kept: %v", got)
	}
}
