// Package metrics counts and measures what the services do, for Prometheus. The
// services know nothing of it: it fills the hooks of their configurations. No
// label holds a job, a person or a file.
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

// Metrics are those of one process.
type Metrics struct {
	registry *prometheus.Registry

	attempts     *prometheus.CounterVec
	seconds      *prometheus.HistogramVec
	rows         *prometheus.CounterVec
	redeliveries *prometheus.CounterVec
	artifacts    *prometheus.CounterVec
	calls        *prometheus.HistogramVec
	verdicts     *prometheus.CounterVec
	fanOut       prometheus.Histogram
}

// New returns the metrics of a process that has no service yet: those of the Go
// runtime, of the process and of its artifacts.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.artifacts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_artifact_bytes_total", Help: "Bytes of artifacts that were read or written.",
	}, []string{"bucket", "direction"})
	m.registry.MustRegister(m.artifacts, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves all of them. What cannot be collected is left out and logged.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
		Registry:      m.registry,
	})
}

// Artifacts counts what a store moves.
func (m *Metrics) Artifacts(s *events.Store) *events.Store {
	s.Observe = func(bucket string, written bool, bytes int64) {
		direction := "read"
		if written {
			direction = "written"
		}
		m.artifacts.WithLabelValues(bucket, direction).Add(float64(bytes))
	}
	return s
}

// Stage counts the attempts of a runner, and collects what it has in hand.
func (m *Metrics) Stage(r *stage.Runner) {
	name := string(r.Stage)
	if m.attempts == nil {
		m.stages()
	}
	for _, end := range stage.Ends {
		m.attempts.WithLabelValues(name, string(end))
	}
	seconds, rows, again := m.seconds.WithLabelValues(name), m.rows.WithLabelValues(name), m.redeliveries.WithLabelValues(name)
	r.Observe = func(a stage.Attempt) {
		m.attempts.WithLabelValues(name, string(a.End)).Inc()
		if a.Delivery > 1 {
			again.Inc()
		}
		if a.End == stage.EndDone {
			seconds.Observe(a.Took.Seconds())
			rows.Add(float64(a.Rows))
		}
	}
	labels := prometheus.Labels{"stage": name}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rollcall_stage_jobs", Help: "Jobs that the stage works on at the moment.", ConstLabels: labels,
		}, func() float64 { jobs, _ := r.InProgress(); return float64(jobs) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rollcall_stage_quiet_seconds", ConstLabels: labels,
			Help: "How long the job at work that has not come forward for the longest time has not; 0 without a job.",
		}, func() float64 { _, quiet := r.InProgress(); return quiet.Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rollcall_stage_storage_full", Help: "1 while the stage finds no room to store what it has, else 0.", ConstLabels: labels,
		}, func() float64 {
			if r.StorageError() != nil {
				return 1
			}
			return 0
		}),
	)
}

func (m *Metrics) stages() {
	m.attempts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_stage_attempts_total", Help: "Attempts of a stage at a job, by how they ended.",
	}, []string{"stage", "end"})
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "rollcall_stage_seconds", Help: "Time of the attempts that were done.",
		// From fifty rows to a roll that is asked about for hours.
		Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400},
	}, []string{"stage"})
	m.rows = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_stage_rows_total", Help: "Rows of the jobs that a stage was done with.",
	}, []string{"stage"})
	m.redeliveries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_stage_redeliveries_total", Help: "Attempts whose message had been handed out before: after a failure, a pause or a death.",
	}, []string{"stage"})
	m.registry.MustRegister(m.attempts, m.seconds, m.rows, m.redeliveries)
}

// FannedOut registers the gateway's latency and returns what hears of it.
func (m *Metrics) FannedOut() func(time.Duration) {
	m.fanOut = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "rollcall_gateway_fanout_seconds", Help: "Time from a fact's storing until it was queued for all who follow its job.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	})
	m.registry.MustRegister(m.fanOut)
	return func(d time.Duration) { m.fanOut.Observe(d.Seconds()) }
}

// IECCalls registers the calls to the IEC, by one of the results, and returns
// what hears of each.
func (m *Metrics) IECCalls(results []string) func(result string, took time.Duration) {
	m.calls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "rollcall_iec_call_seconds", Help: "Time of the calls to the IEC about a person, by what came of them.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"result"})
	m.registry.MustRegister(m.calls)
	for _, r := range results {
		m.calls.WithLabelValues(r)
	}
	return func(result string, took time.Duration) { m.calls.WithLabelValues(result).Observe(took.Seconds()) }
}

// Verdicts registers the verdicts on rows and returns what hears of each.
func (m *Metrics) Verdicts() func(status records.VerdictStatus, asked bool) {
	m.verdicts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_iec_verdicts_total", Help: "Verdicts on rows, and whether the IEC was asked for it just now.",
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
