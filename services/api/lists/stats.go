package lists

import (
	"fmt"
	"math"
	"net/http"

	"rollcall.example/events"
	"rollcall.example/services/api/rest"
	"rollcall.example/services/jobs"
)

// totalsView is the sums, also by the names that other systems have for them.
type totalsView struct {
	jobs.Totals
	Uploads    int `json:"total_uploads"`
	Successful int `json:"successful_uploads"`
	Failed     int `json:"failed_uploads"`
	// SuccessRate is how many percent of those that were completed or failed were
	// completed; 0 where there are none.
	SuccessRate float64 `json:"success_rate"`
	AverageMS   int64   `json:"avg_processing_time_ms"`
	Records     int64   `json:"total_records_processed"`
	Inserts     int64   `json:"total_inserts"`
	Updates     int64   `json:"total_updates"`
}

func viewOfTotals(t jobs.Totals) totalsView {
	v := totalsView{
		Totals: t, Uploads: t.Jobs, Successful: t.ByStatus[events.StatusCompleted], Failed: t.ByStatus[events.StatusFailed],
		AverageMS: t.AverageMS, Records: t.Records, Inserts: t.Inserts, Updates: t.Updates,
	}
	if ended := v.Successful + v.Failed; ended > 0 {
		v.SuccessRate = math.Round(10000*float64(v.Successful)/float64(ended)) / 100
	}
	return v
}

// Stats adds up the jobs that the person sees.
func (d Desk) Stats(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	totals, err := d.Jobs.Totals(r.Context(), who.VisibleOwner())
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: fmt.Sprintf("%d jobs.", totals.Jobs), Data: viewOfTotals(totals)}, nil
}
