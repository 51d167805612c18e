package gateway_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/eventstest"
)

// Official clients, unchanged, follow a whole job, each over another way to two gateways.
// Meanwhile the first gateway is replaced. What each got is what the stream has.
func TestOfficialClientsFollowAWholeJob(t *testing.T) {
	dir := installClient(t)
	const python = "/usr/bin/python3" // Debian's, which has its packages
	if out, err := exec.Command(python, "-c", "import socketio, requests, websocket").CombinedOutput(); err != nil {
		t.Fatalf("python-socketio is missing: go tool task python\n%s", out)
	}
	r := newRig(t, socketIOConfig)
	second, secondURL, _ := startGateway(t, r.nats, socketIOConfig)
	direct, fixed := newFront(t, r.url), newFront(t, secondURL)
	blocked := newBlockingFront(t, direct)
	token := mintToken(t, "carol", "national_admin", time.Hour)
	withAuth := func(transports ...string) map[string]any {
		o := map[string]any{"auth": map[string]any{"token": token}, "timeout": 5000}
		if transports != nil {
			o["transports"] = transports
		}
		return o
	}
	tryAll := withAuth("websocket", "polling")
	tryAll["tryAllTransports"] = true
	bearer := map[string]any{"extraHeaders": map[string]any{"Authorization": "Bearer " + token}}
	header := map[string]any{"headers": map[string]any{"Authorization": "Bearer " + token}}

	type order struct {
		driver  *node
		url     string
		options map[string]any
		version int
		plain   bool // subscribes without a sequence
	}
	js, py := startNode(t, dir), startDriver(t, filepath.Join("testdata", "socketio"), python, "driver.py")
	clients := map[string]order{
		"4, default":                            {js, direct.url, withAuth(), 4, true},
		"4, default, with after":                {js, direct.url, withAuth(), 4, false},
		"4, token in the header":                {js, direct.url, bearer, 4, true},
		"4, WebSocket first":                    {js, direct.url, withAuth("websocket", "polling"), 4, true},
		"4, polling first":                      {js, direct.url, withAuth("polling", "websocket"), 4, true},
		"4, polling only":                       {js, direct.url, withAuth("polling"), 4, true},
		"4, WebSocket only":                     {js, direct.url, withAuth("websocket"), 4, true},
		"4, WebSocket is blocked":               {js, blocked, withAuth(), 4, true},
		"4, WebSocket first, but it is blocked": {js, blocked, tryAll, 4, true},
		"4, two gateways by turn":               {js, newBalancer(t, true, direct, fixed), withAuth("websocket"), 4, true},
		"4, two gateways by chance":             {js, newBalancer(t, false, direct, fixed), withAuth(), 4, true},
		"3, default":                            {js, direct.url, withAuth(), 3, false},
		"3, WebSocket first":                    {js, direct.url, withAuth("websocket", "polling"), 3, false},
		"3, polling only":                       {js, direct.url, withAuth("polling"), 3, false},
		"3, WebSocket is blocked":               {js, blocked, withAuth(), 3, false},
		"3, two gateways by chance":             {js, newBalancer(t, false, direct, fixed), withAuth(), 3, false},
		"python, default":                       {py, direct.url, withAuth(), 0, false},
		"python, token in the header":           {py, direct.url, header, 0, false},
		"python, polling only":                  {py, direct.url, withAuth("polling"), 0, false},
		"python, WebSocket is blocked":          {py, blocked, withAuth(), 0, false},
	}
	job := r.upload("alice")
	want := []uint64{job.Seq}
	for name, o := range clients {
		o.driver.send(map[string]any{"do": "connect", "socket": name, "url": o.url, "options": o.options, "job": job.ID,
			"version": o.version, "plain": o.plain})
	}
	got, subscribed, connects := map[string][]uint64{}, map[string]bool{}, map[string]int{}
	collect := func(what string, done func(name string) bool) {
		t.Helper()
		deadline := time.After(30 * time.Second)
		for !all(maps.Keys(clients), done) {
			var s clientMessage
			select {
			case s = <-js.messages:
			case s = <-py.messages:
			case <-deadline:
				for name := range clients {
					if !done(name) {
						t.Errorf("%s: %s does not come; it got %v of %v", name, what, got[name], want)
					}
				}
				t.FailNow()
			}
			switch {
			case s.On == "subscribed":
				subscribed[s.Socket] = true
			case s.On == "connect":
				connects[s.Socket]++
			case s.Seq > 0:
				got[s.Socket] = append(got[s.Socket], s.Seq)
			}
		}
	}
	reached := func(name string) bool { return slices.Contains(got[name], job.Seq) }
	collect("the subscription", func(name string) bool { return subscribed[name] && reached(name) })
	step := func() { r.step(&job); want = append(want, job.Seq) }
	step()
	collect("a fact", reached)
	direct.forwardTo(secondURL)
	r.stop()
	step()
	step()
	eventstest.Wait(t, "the facts to go out", func() bool { return second.Routed() >= job.Seq })
	collect("what was missed", reached)
	step()
	collect("the end", reached)
	for name := range clients {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
		t.Logf("%s: connected %d times", name, connects[name])
	}
	if job.Status != events.StatusCompleted {
		t.Errorf("the job is %s", job.Status)
	}
}

func all[T any](list func(func(T) bool), ok func(T) bool) bool {
	for v := range list {
		if !ok(v) {
			return false
		}
	}
	return true
}
