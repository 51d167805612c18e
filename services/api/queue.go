package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
)

// The jobs seen as a queue, for those who know queues. There is none: a stage takes what
// the log has for it.

// queueState is what a status is called in a queue.
type queueState struct {
	status events.Status
	name   string
}

// queueStates has all of events.Statuses.
var queueStates = []queueState{
	{events.StatusPending, "waiting"}, // its rows have not been checked yet
	{events.StatusProcessing, "active"},
	{events.StatusPaused, "delayed"}, // until a stated time
	{events.StatusAwaiting, string(events.StatusAwaiting)},
	{events.StatusCompleted, string(events.StatusCompleted)},
	{events.StatusFailed, string(events.StatusFailed)},
	{events.StatusCancelled, string(events.StatusCancelled)},
	{events.StatusDeclined, string(events.StatusDeclined)},
}

// unfinished are the statuses of jobs that have not ended.
var unfinished = []events.Status{
	events.StatusPending, events.StatusProcessing, events.StatusPaused, events.StatusAwaiting,
}

// queuedJob is a job as the queue shows it.
type queuedJob struct {
	listedJob
	State string `json:"state"`
	// Position counts from 1, among the jobs of all people; nil of a job that does not
	// wait.
	Position *int `json:"queue_position"`
}

// queueStats counts the jobs that the person sees by their state.
func (s lists) queueStats(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	totals, err := s.cfg.Jobs.Totals(r.Context(), visibleOwner(who))
	if err != nil {
		return nil, err
	}
	data := map[string]int{"total": totals.Jobs}
	for _, state := range queueStates {
		data[state.name] = totals.ByStatus[state.status]
	}
	message := fmt.Sprintf("%d jobs wait and %d are being worked on.", data["waiting"], data["active"])
	return &result{message: message, data: data}, nil
}

// queueJobs lists jobs that have not ended, or those of a state, in the order in which
// they came.
func (s lists) queueJobs(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	filter, err := filterOf(r, who)
	if err != nil {
		return nil, err
	}
	filter.OldestFirst, filter.Statuses = true, unfinished
	if name := r.URL.Query().Get("state"); name != "" {
		at := slices.IndexFunc(queueStates, func(q queueState) bool { return q.name == name })
		if at < 0 {
			return nil, refusal.New(refusal.CodeBadRequest, "state must be one of "+strings.Join(stateNames(), ", ")+".")
		}
		filter.Statuses = []events.Status{queueStates[at].status}
	}
	page, paging, err := s.list(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].JobID
	}
	positions, err := s.cfg.Jobs.Positions(r.Context(), ids...)
	if err != nil {
		return nil, err
	}
	queued := make([]queuedJob, len(page))
	for i, job := range page {
		at := slices.IndexFunc(queueStates, func(q queueState) bool { return q.status == job.Status })
		queued[i] = queuedJob{listedJob: job, State: queueStates[at].name}
		if n, waits := positions[job.JobID]; waits {
			queued[i].Position = &n
		}
	}
	return &result{message: fmt.Sprintf("%d jobs.", paging.Total),
		data: map[string]any{"jobs": queued, "pagination": paging}}, nil
}

func stateNames() (names []string) {
	for _, state := range queueStates {
		names = append(names, state.name)
	}
	return names
}
