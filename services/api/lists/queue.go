package lists

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
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

// QueueStats counts the jobs that the person sees by their state.
func (d Desk) QueueStats(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	totals, err := d.Jobs.Totals(r.Context(), who.VisibleOwner())
	if err != nil {
		return nil, err
	}
	data := map[string]int{"total": totals.Jobs}
	for _, state := range queueStates {
		data[state.name] = totals.ByStatus[state.status]
	}
	message := fmt.Sprintf("%d jobs wait and %d are being worked on.", data["waiting"], data["active"])
	return &rest.Result{Message: message, Data: data}, nil
}

// QueueJobs lists jobs that have not ended, or those of a state, in the order in which
// they came.
func (d Desk) QueueJobs(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
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
	page, paging, err := d.list(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].JobID
	}
	positions, err := d.Jobs.Positions(r.Context(), ids...)
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
	return &rest.Result{Message: fmt.Sprintf("%d jobs.", paging.Total),
		Data: map[string]any{"jobs": queued, "pagination": paging}}, nil
}

func stateNames() (names []string) {
	for _, state := range queueStates {
		names = append(names, state.name)
	}
	return names
}
