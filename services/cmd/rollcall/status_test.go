package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What a client saw live at a sequence is what the status at that sequence says.
func TestStatusAtASequenceIsWhatALiveClientSaw(t *testing.T) {
	r := newGoldenRig(t)
	job := r.run(r.file("hostile.xlsx"))
	access := []string{"--server", r.up.url(), "--token", r.token}
	seen := 0
	for line := range strings.Lines(mustAsk(t, append([]string{"history", job.ID, "--json"}, access...)...)) {
		var frame struct {
			Seq  uint64
			Data struct {
				Status   string
				Progress int
			}
		}
		if err := json.Unmarshal([]byte(line), &frame); err != nil {
			t.Fatal(err)
		}
		var then struct {
			Status   string
			Progress int
			Seq      uint64
		}
		at := fmt.Sprint(frame.Seq)
		if err := json.Unmarshal([]byte(mustAsk(t, append([]string{"status", job.ID, "--at-seq", at, "--json"}, access...)...)), &then); err != nil {
			t.Fatal(err)
		}
		if then.Seq != frame.Seq || then.Status != frame.Data.Status || then.Status != "completed" && then.Status != "pending" && then.Progress != frame.Data.Progress {
			t.Errorf("at %d the client saw %+v, the status is %+v", frame.Seq, frame.Data, then)
		}
		seen++
	}
	if said := mustAsk(t, append([]string{"status", job.ID}, access...)...); seen != 5 || !strings.HasPrefix(said, "completed, 100%: The report is ready.\n") {
		t.Errorf("%d frames; now it says %s", seen, said)
	}
}
