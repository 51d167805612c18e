package main

import (
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"

	"rollcall.example/events/eventstest"
)

// span is a span that the collector has received.
type span struct {
	id, parent, trace, name, service string
	attributes                       map[string]string
}

// spanCollector is a collector of spans, over HTTP.
type spanCollector struct {
	mu    sync.Mutex
	spans []span
}

func startCollector(t *testing.T) (*spanCollector, string) {
	t.Helper()
	c := &spanCollector{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var req collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &req)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		c.add(&req)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(srv.Close)
	return c, srv.URL
}

func (c *spanCollector) add(req *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range req.GetResourceSpans() {
		service := attributes(rs.GetResource().GetAttributes())["service.name"]
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				c.spans = append(c.spans, span{
					id: hex.EncodeToString(s.GetSpanId()), parent: hex.EncodeToString(s.GetParentSpanId()),
					trace: hex.EncodeToString(s.GetTraceId()), name: s.GetName(), service: service,
					attributes: attributes(s.GetAttributes()),
				})
			}
		}
	}
}

func attributes(list []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range list {
		m[kv.GetKey()] = kv.GetValue().String()
		if s := kv.GetValue().GetStringValue(); s != "" {
			m[kv.GetKey()] = s
		}
	}
	return m
}

// waitOneTrace waits for spans of a job from each of the services, and checks that they belong
// to one trace.
func (c *spanCollector) waitOneTrace(t *testing.T, jobID string, services ...string) {
	t.Helper()
	traces, from := map[string]bool{}, map[string]bool{}
	eventstest.Wait(t, "spans of all services", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, s := range c.spans {
			if s.attributes["rollcall.job"] == jobID {
				traces[s.trace], from[s.service] = true, true
			}
		}
		return len(from) >= len(services)
	})
	slices.Sort(services)
	if got := slices.Sorted(maps.Keys(from)); len(traces) != 1 || !slices.Equal(got, services) {
		t.Errorf("%d traces, from %v", len(traces), got)
	}
}

// A job is one trace, from its upload to its report, through every process.
func TestAJobIsOneTrace(t *testing.T) {
	t.Parallel()
	c, url := startCollector(t)
	p := rollcall(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + url}, "up", "--addr", "127.0.0.1:0", "--data", t.TempDir(),
		"--jwt-secret", secret)
	p.waitHealthy()
	alice := token(t, "alice", "member")
	jobID, _ := uploadAndWatch(t, p.url(), p.url(), alice)
	other, _ := uploadAndWatch(t, p.url(), p.url(), alice)
	p.stop(syscall.SIGTERM) // the last spans are sent when it ends

	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]span{}
	traces := map[string]string{} // job -> trace
	for _, s := range c.spans {
		byID[s.id] = s
		if job := s.attributes["rollcall.job"]; job != "" {
			if known, ok := traces[job]; ok && known != s.trace {
				t.Errorf("%s of %s is in another trace", s.name, job)
			}
			traces[job] = s.trace
		}
		for key, value := range s.attributes {
			if idNumbers.MatchString(value) || idNumbers.MatchString(s.name) || strings.Contains(value, "roll-500") ||
				strings.Contains(value, "alice") {
				t.Errorf("%s has %s=%s", s.name, key, value)
			}
		}
		if s.service != "rollcall" {
			t.Errorf("%s is of the service %q", s.name, s.service)
		}
	}
	if traces[jobID] == "" || traces[jobID] == traces[other] || len(traces) != 2 {
		t.Fatalf("traces of jobs: %v", traces)
	}
	// Each span by its path from the root.
	count := map[string]int{}
	for _, s := range c.spans {
		if s.trace != traces[jobID] {
			continue
		}
		path := s.name
		for s.parent != "" {
			above, ok := byID[s.parent]
			if !ok {
				t.Fatalf("the parent of %s was not sent", path)
			}
			s, path = above, above.name+" > "+path
		}
		count[path]++
	}
	uploaded := "POST /api/v1/bulk-upload/process > store uploaded"
	validation := uploaded + " > validation"
	iec := validation + " > store validated > iec"
	persistence := iec + " > store verified > persistence"
	report := persistence + " > store persisted > report"
	for path, want := range map[string]int{
		"POST /api/v1/bulk-upload/process":                   1,
		"POST /api/v1/bulk-upload/process > put UPLOADS":     1,
		"POST /api/v1/bulk-upload/process > sql project job": 1,
		uploaded:                              1,
		validation:                            1,
		validation + " > fetch UPLOADS":       1,
		validation + " > put ROWS":            2,
		iec:                                   1,
		iec + " > fetch ROWS":                 1,
		iec + " > iec token":                  1,
		iec + " > iec call":                   100,
		iec + " > put VERDICTS":               1,
		persistence:                           1,
		persistence + " > fetch VERDICTS":     1,
		persistence + " > sql read ledger":    1,
		persistence + " > sql copy rows":      1,
		persistence + " > sql insert members": 1,
		persistence + " > sql commit":         1,
		persistence + " > put OUTCOMES":       1,
		report:                                1,
		report + " > put REPORTS":             3, // the report, the index of its rows, the rows to correct
		report + " > store reported":          1,
	} {
		if count[path] != want {
			t.Errorf("%d of %s, want %d", count[path], path, want)
		}
	}
	if t.Failed() {
		t.Logf("%v", count)
	}
	// Log lines name the job, the stage and the trace.
	for _, stage := range []string{"validation", "iec", "persistence", "report"} {
		line := regexp.MustCompile(`msg="attempt done" stage=` + stage + ` job=` + jobID + ` .*trace=` + traces[jobID])
		if !line.MatchString(p.err.String()) {
			t.Errorf("no line of %s has the job and its trace", stage)
		}
	}
	if !regexp.MustCompile(`msg="file accepted" stage=upload job=` + jobID + ` .*trace=` +
		traces[jobID]).MatchString(p.err.String()) {
		t.Error("the line of the upload has no trace")
	}
}

// Jobs complete when the collector cannot be reached.
func TestMissingTraceCollectorDoesNoHarm(t *testing.T) {
	t.Parallel()
	p := rollcall(t, []string{"OTEL_BSP_SCHEDULE_DELAY=50"}, "up", "--addr", "127.0.0.1:0", "--data", t.TempDir(),
		"--jwt-secret", secret,
		"--otlp-endpoint", "http://"+freeAddr(t))
	p.waitHealthy()
	if _, shown := uploadAndWatch(t, p.url(), p.url(), token(t, "alice", "member")); !strings.Contains(shown,
		"completed") {
		t.Errorf("shown:\n%s", shown)
	}
	p.stop(syscall.SIGTERM)
	if p.exit != nil || !strings.Contains(p.err.String(), "spans not sent") {
		t.Errorf("ended with %v\n%s", p.exit, p.err)
	}
}
