package gateway

import (
	"maps"
	"slices"
	"sync"
)

// hub routes frames to connections, by job and by owner. It waits for none of them.
type hub struct {
	mu     sync.Mutex
	jobs   map[string]map[*conn]struct{}
	owners map[string]map[*conn]struct{}
	all    map[*conn]struct{}
	// recent is a ring of the facts routed last: a history that is read now must have
	// them.
	recent []routed
	next   int
}

type routed struct {
	jobID string
	seq   uint64
}

// recentFacts go back much further than a replica may lag.
const recentFacts = 1024

func newHub() *hub {
	return &hub{recent: make([]routed, recentFacts), all: map[*conn]struct{}{},
		jobs: map[string]map[*conn]struct{}{}, owners: map[string]map[*conn]struct{}{}}
}

// route offers a frame to the connections that follow its job or belong to its owner.
// Calls are in the order of the frames.
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

// concerned returns the connections that follow a job or belong to its owner.
func (h *hub) concerned(jobID, owner string) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	both := maps.Clone(h.jobs[jobID])
	if both == nil {
		both = map[*conn]struct{}{}
	}
	maps.Copy(both, h.owners[owner])
	return slices.Collect(maps.Keys(both))
}

// forget drops the facts routed last.
func (h *hub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.recent)
}

// add adds a connection that is in no room yet.
func (h *hub) add(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all[c] = struct{}{}
}

// joinUser puts a connection into the room of its user, and returns false if that is
// full.
func (h *hub) joinUser(c *conn, user string, limit int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.owners[user]) >= limit {
		return false
	}
	addTo(h.owners, user, c)
	return true
}

// userIsFull reports whether the room of a user is full.
func (h *hub) userIsFull(user string, limit int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.owners[user]) >= limit
}

// joinJob puts a connection into the room of a job. It returns the newest sequence of
// the job that went out before: the history has to be read at least as far.
func (h *hub) joinJob(c *conn, jobID string) (routed uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	addTo(h.jobs, jobID, c)
	for _, r := range h.recent {
		if r.jobID == jobID {
			routed = max(routed, r.seq)
		}
	}
	return routed
}

func (h *hub) leaveJob(c *conn, jobID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	removeFrom(h.jobs, jobID, c)
}

// remove takes a connection out of the hub and all its rooms.
func (h *hub) remove(c *conn, user string, jobs []string) {
	h.leave(c, user, jobs)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, c)
}

// leave takes a connection out of all its rooms.
func (h *hub) leave(c *conn, user string, jobs []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	removeFrom(h.owners, user, c)
	for _, id := range jobs {
		removeFrom(h.jobs, id, c)
	}
}

func (h *hub) connections() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.all))
}

// count returns how many connections there are, and how many jobs they follow in all.
func (h *hub) count() (connections, subscriptions int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, room := range h.jobs {
		subscriptions += len(room)
	}
	return len(h.all), subscriptions
}

func addTo(rooms map[string]map[*conn]struct{}, name string, c *conn) {
	room := rooms[name]
	if room == nil {
		room = map[*conn]struct{}{}
		rooms[name] = room
	}
	room[c] = struct{}{}
}

func removeFrom(rooms map[string]map[*conn]struct{}, name string, c *conn) {
	delete(rooms[name], c)
	if len(rooms[name]) == 0 {
		delete(rooms, name)
	}
}
