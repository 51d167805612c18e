package gateway

import (
	"maps"
	"slices"
	"sync"
)

// hub routes frames to connections, by job and by owner. It never waits for one.
type hub struct {
	mu     sync.Mutex
	jobs   map[string]map[*conn]struct{}
	owners map[string]map[*conn]struct{}
	all    map[*conn]struct{}
	// recent is a ring of the facts routed last: what a history that is read
	// now must hold at least.
	recent []routed
	next   int
}

type routed struct {
	jobID string
	seq   uint64
}

// recentFacts outlasts by far the time by which a replica may lag.
const recentFacts = 1024

func newHub() *hub {
	return &hub{recent: make([]routed, recentFacts), jobs: map[string]map[*conn]struct{}{}, owners: map[string]map[*conn]struct{}{}, all: map[*conn]struct{}{}}
}

// route offers a frame to all whom it concerns. The order of calls is the order
// of frames.
func (h *hub) route(f frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.seq > 0 {
		h.recent[h.next] = routed{f.jobID, f.seq}
		h.next = (h.next + 1) % len(h.recent)
	}
	for c := range h.jobs[f.jobID] {
		c.offer(f)
	}
	for c := range h.owners[f.owner] {
		if _, both := h.jobs[f.jobID][c]; !both {
			c.offer(f)
		}
	}
}

// forget drops the sequences that have gone out.
func (h *hub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.recent)
}

// arrive makes a connection known, in no room yet.
func (h *hub) arrive(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all[c] = struct{}{}
}

// enter puts a connection into the room of its user, unless that is full.
func (h *hub) enter(c *conn, user string, limit int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.owners[user]) >= limit {
		return false
	}
	add(h.owners, user, c)
	return true
}

// crowded says whether the room of a user is full.
func (h *hub) crowded(user string, limit int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.owners[user]) >= limit
}

// join puts a connection into the room of a job. Routed is the newest sequence
// of the job that went out before: the history has to be read at least as far.
func (h *hub) join(c *conn, jobID string) (routed uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	add(h.jobs, jobID, c)
	for _, r := range h.recent {
		if r.jobID == jobID {
			routed = max(routed, r.seq)
		}
	}
	return routed
}

func (h *hub) leave(c *conn, jobID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	remove(h.jobs, jobID, c)
}

// gone takes a connection out of all its rooms.
func (h *hub) gone(c *conn, user string, jobs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, c)
	remove(h.owners, user, c)
	for _, id := range jobs {
		remove(h.jobs, id, c)
	}
}

func (h *hub) connections() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.all))
}

// size is how many connections there are, and how many jobs they follow together.
func (h *hub) size() (connections, subscriptions int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, room := range h.jobs {
		subscriptions += len(room)
	}
	return len(h.all), subscriptions
}

func add(rooms map[string]map[*conn]struct{}, name string, c *conn) {
	room := rooms[name]
	if room == nil {
		room = map[*conn]struct{}{}
		rooms[name] = room
	}
	room[c] = struct{}{}
}

func remove(rooms map[string]map[*conn]struct{}, name string, c *conn) {
	delete(rooms[name], c)
	if len(rooms[name]) == 0 {
		delete(rooms, name)
	}
}
