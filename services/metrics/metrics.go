// Package metrics counts and measures what the services do, for Prometheus. The
// services do not know it: it fills the hooks of their configurations. No label has a
// job, a person or a file in it.
package metrics

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rollcall.example/events"
	"rollcall.example/events/records"
	"rollcall.example/events/stage"
)

// Metrics are the metrics of one process.
type Metrics struct {
	registry *prometheus.Registry

	stageAttempts     *prometheus.CounterVec
	stageSeconds      *prometheus.HistogramVec
	stageRows         *prometheus.CounterVec
	stageRedeliveries *prometheus.CounterVec
	artifactBytes     *prometheus.CounterVec
	calls             *prometheus.HistogramVec
	verdicts          *prometheus.CounterVec
	fanOut            prometheus.Histogram
}

// New returns the metrics of a process without services: those of the Go runtime, of
// the process and of its artifacts.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.artifactBytes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_artifact_bytes_total", Help: "Bytes of artifacts, read and written.",
	}, []string{"bucket", "direction"})
	m.registry.MustRegister(m.artifactBytes, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves all metrics. It leaves out and logs those that cannot be collected;
// a nil logger discards.
func (m *Metrics) Handler(logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(events.Logger(logger).Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
		Registry:      m.registry,
	})
}

// CountArtifacts counts the bytes that a store reads and writes, and returns the
// store.
func (m *Metrics) CountArtifacts(s *events.Store) *events.Store {
	s.Observe = func(bucket string, written bool, bytes int64) {
		direction := "read"
		if written {
			direction = "written"
		}
		m.artifactBytes.WithLabelValues(bucket, direction).Add(float64(bytes))
	}
	return s
}

// ObserveStage counts the attempts of a runner and collects the state of its jobs.
func (m *Metrics) ObserveStage(r *stage.Runner) {
	name := string(r.Stage)
	if m.stageAttempts == nil {
		m.registerStages()
	}
	for _, end := range stage.Ends {
		m.stageAttempts.WithLabelValues(name, string(end))
	}
	seconds, rows, redeliveries := m.stageSeconds.WithLabelValues(name), m.stageRows.WithLabelValues(name),
		m.stageRedeliveries.WithLabelValues(name)
	r.Observe = func(a stage.Attempt) {
		m.stageAttempts.WithLabelValues(name, string(a.End)).Inc()
		if a.Delivery > 1 {
			redeliveries.Inc()
		}
		if a.End == stage.EndDone {
			seconds.Observe(a.Took.Seconds())
			rows.Add(float64(a.Rows))
		}
	}
	labels := prometheus.Labels{"stage": name}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rollcall_stage_jobs", Help: "Jobs that the stage works on now.", ConstLabels: labels,
		}, func() float64 { jobs, _ := r.InProgress(); return float64(jobs) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rollcall_stage_quiet_seconds", ConstLabels: labels,
			Help: "Seconds since the most stalled running job last made progress; 0 when idle.",
		}, func() float64 { _, quiet := r.InProgress(); return quiet.Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rollcall_stage_storage_full", ConstLabels: labels,
			Help: "1 while the stage has no room to store its result, else 0.",
		}, func() float64 {
			if r.StorageError() != nil {
				return 1
			}
			return 0
		}),
	)
}

func (m *Metrics) registerStages() {
	m.stageAttempts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_stage_attempts_total", Help: "Attempts of the stage at a job, by how they ended.",
	}, []string{"stage", "end"})
	m.stageSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "rollcall_stage_seconds", Help: "Duration of the attempts that ended as done.",
		// From fifty rows to a roll that takes the IEC hours.
		Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400},
	}, []string{"stage"})
	m.stageRows = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_stage_rows_total", Help: "Rows of the jobs that the stage has done.",
	}, []string{"stage"})
	m.stageRedeliveries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_stage_redeliveries_total",
		Help: "Attempts whose message was delivered before: after a failure, a pause or the death of a process.",
	}, []string{"stage"})
	m.registry.MustRegister(m.stageAttempts, m.stageSeconds, m.stageRows, m.stageRedeliveries)
}

// RegisterFanOut registers the gateway's fan-out latency and returns a function that
// records one.
func (m *Metrics) RegisterFanOut() func(time.Duration) {
	m.fanOut = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "rollcall_gateway_fanout_seconds",
		Help:    "Time from when a fact was stored until it was queued for all who follow its job.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	})
	m.registry.MustRegister(m.fanOut)
	return func(d time.Duration) { m.fanOut.Observe(d.Seconds()) }
}

// RegisterIECCalls registers the duration of calls to the IEC, for the given results,
// and returns a function that records a call.
func (m *Metrics) RegisterIECCalls(results []string) func(result string, took time.Duration) {
	m.calls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "rollcall_iec_call_seconds", Help: "Duration of calls to the IEC about a person, by result.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"result"})
	m.registry.MustRegister(m.calls)
	for _, r := range results {
		m.calls.WithLabelValues(r)
	}
	return func(result string, took time.Duration) {
		m.calls.WithLabelValues(result).Observe(took.Seconds())
	}
}

// RegisterVerdicts registers the verdicts on rows and returns a function that counts
// one.
func (m *Metrics) RegisterVerdicts() func(status records.VerdictStatus, asked bool) {
	m.verdicts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_iec_verdicts_total",
		Help: "Verdicts on rows, by status and by whether the IEC answered just now.",
	}, []string{"status", "source"})
	m.registry.MustRegister(m.verdicts)
	return func(status records.VerdictStatus, asked bool) {
		source := "not_asked"
		if asked {
			source = "asked"
		}
		m.verdicts.WithLabelValues(string(status), source).Inc()
	}
}

// RegisterMail registers the results of e-mail, and returns a function that counts one.
func (m *Metrics) RegisterMail(results []string) func(result string) {
	counted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_mails_total",
		Help: "Attempts to send an e-mail, by result; unreachable counts attempts to reach the server.",
	}, []string{"result"})
	m.registry.MustRegister(counted)
	for _, r := range results {
		counted.WithLabelValues(r)
	}
	return func(result string) { counted.WithLabelValues(result).Inc() }
}
