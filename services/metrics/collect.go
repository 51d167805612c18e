package metrics

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"rollcall.example/events"
)

// collectTime bounds what a scrape asks of NATS, the database and others: a
// scrape is given ten seconds by default.
const collectTime = 3 * time.Second

// collector asks for values when it is scraped.
type collector struct {
	descs   []*prometheus.Desc
	collect func(ctx context.Context, put func(i int, value float64, labels ...string)) error
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTime)
	defer cancel()
	err := c.collect(ctx, func(i int, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.descs[i], prometheus.GaugeValue, value, labels...)
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.descs[0], err)
	}
}

// Consumer collects the backlog of one durable consumer. Each service asks for
// its own, the only one that it may ask for.
func (m *Metrics) Consumer(js jetstream.JetStream, name string) {
	labels := prometheus.Labels{"consumer": name}
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{
			prometheus.NewDesc("rollcall_consumer_pending", "Facts that the consumer has not handed out yet.", nil, labels),
			prometheus.NewDesc("rollcall_consumer_ack_pending", "Facts that were handed out and are worked on or parked.", nil, labels),
			prometheus.NewDesc("rollcall_consumer_redelivered", "Those of them that were handed out more than once.", nil, labels),
		},
		collect: func(ctx context.Context, put func(int, float64, ...string)) error {
			c, err := js.Consumer(ctx, events.StreamFacts, name)
			if err != nil {
				return fmt.Errorf("consumer %s: %w", name, err)
			}
			info := c.CachedInfo()
			put(0, float64(info.NumPending))
			put(1, float64(info.NumAckPending))
			put(2, float64(info.NumRedelivered))
			return nil
		},
	})
}

// Quota collects how much of the IEC's quota is spent, by all replicas together.
func (m *Metrics) Quota(state func(context.Context) (events.Quota, error)) {
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{
			prometheus.NewDesc("rollcall_iec_quota_limit", "Calls to the IEC that are allowed in an hour.", nil, nil),
			prometheus.NewDesc("rollcall_iec_quota_used", "Those of the last hour, with what is reserved.", nil, nil),
			prometheus.NewDesc("rollcall_iec_quota_remaining", "Those that are left.", nil, nil),
		},
		collect: func(ctx context.Context, put func(int, float64, ...string)) error {
			q, err := state(ctx)
			if err != nil {
				return err
			}
			put(0, float64(q.Limit))
			put(1, float64(q.Used))
			put(2, float64(max(q.Limit-q.Used, 0)))
			return nil
		},
	})
}

// jobsOfAllStates has each state with each stage that is in it, and those that
// no job is in once, without a stage.
const jobsOfAllStates = `SELECT s.status, coalesce(j.stage, ''), count(j.job_id)
	FROM unnest(ARRAY['pending', 'processing', 'paused', 'completed', 'failed', 'cancelled']) AS s(status)
	LEFT JOIN jobs j USING (status) GROUP BY 1, 2`

// Database collects a pool of connections, under a name that begins with rollcall.
func (m *Metrics) Database(db *sql.DB, name string) {
	m.registry.MustRegister(collectors.NewDBStatsCollector(db, name))
}

// Jobs collects how many jobs are in which state and stage.
func (m *Metrics) Jobs(db *sql.DB) {
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{prometheus.NewDesc("rollcall_jobs", "Jobs by state and stage, of all time.", []string{"status", "stage"}, nil)},
		collect: func(ctx context.Context, put func(int, float64, ...string)) error {
			rows, err := db.QueryContext(ctx, jobsOfAllStates)
			if err != nil {
				return fmt.Errorf("count jobs: %w", err)
			}
			defer func() { _ = rows.Close() }() // a reader
			for rows.Next() {
				var status, stage string
				var n float64
				if err := rows.Scan(&status, &stage, &n); err != nil {
					return fmt.Errorf("count jobs: %w", err)
				}
				put(0, n, status, stage)
			}
			return rows.Err()
		},
	})
}

// GatewayStats are those of gateway.Stats.
type GatewayStats struct {
	Connections, Subscriptions int
	Sent, Conflated, Dropped   uint64
	Refused                    map[string]uint64
}

// Gateway collects what a gateway counts.
func (m *Metrics) Gateway(stats func() GatewayStats) {
	gauge := func(name, help string, f func(GatewayStats) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return f(stats()) }))
	}
	count := func(opts prometheus.CounterOpts, f func(GatewayStats) float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(opts, func() float64 { return f(stats()) }))
	}
	counter := func(name, help string, f func(GatewayStats) float64) {
		count(prometheus.CounterOpts{Name: name, Help: help}, f)
	}
	gauge("rollcall_gateway_connections", "Clients that are connected.", func(s GatewayStats) float64 { return float64(s.Connections) })
	gauge("rollcall_gateway_subscriptions", "Jobs that they follow together.", func(s GatewayStats) float64 { return float64(s.Subscriptions) })
	counter("rollcall_gateway_frames_sent_total", "Frames that were written to clients.", func(s GatewayStats) float64 { return float64(s.Sent) })
	counter("rollcall_gateway_frames_conflated_total", "Progress that was left out for what is newer.", func(s GatewayStats) float64 { return float64(s.Conflated) })
	counter("rollcall_gateway_frames_dropped_total", "Frames for which a slow client had no room; it is disconnected and asks for them again.", func(s GatewayStats) float64 { return float64(s.Dropped) })
	for reason := range stats().Refused {
		count(prometheus.CounterOpts{Name: "rollcall_gateway_refused_total", Help: "Connections that were turned away.", ConstLabels: prometheus.Labels{"reason": reason}},
			func(s GatewayStats) float64 { return float64(s.Refused[reason]) })
	}
}

// Check collects whether a condition of health holds.
func (m *Metrics) Check(name string, ok func(context.Context) error) {
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{prometheus.NewDesc("rollcall_check_ok", "1 when the condition of health holds, else 0.", nil, prometheus.Labels{"check": name})},
		collect: func(ctx context.Context, put func(int, float64, ...string)) error {
			value := 1.0
			if ok(ctx) != nil {
				value = 0
			}
			put(0, value)
			return nil
		},
	})
}
