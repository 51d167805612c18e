package metrics

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lib/pq"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"rollcall.example/events"
	"rollcall.example/events/security"
)

// collectTimeout limits what one scrape asks of NATS, the database and others.
// Prometheus waits ten seconds for a scrape by default.
const collectTimeout = 3 * time.Second

// collector reads its values when it is scraped.
type collector struct {
	descs []*prometheus.Desc
	// collect calls put with the index of a desc, its value and the values of its
	// labels.
	collect func(ctx context.Context, put func(i int, value float64, labels ...string)) error
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	err := c.collect(ctx, func(i int, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.descs[i], prometheus.GaugeValue, value, labels...)
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.descs[0], err)
	}
}

// CollectConsumer collects the backlog of one durable consumer. Each service may read
// its own consumer only.
func (m *Metrics) CollectConsumer(js jetstream.JetStream, name string) {
	desc := func(metric, help string) *prometheus.Desc {
		return prometheus.NewDesc(metric, help, nil, prometheus.Labels{"consumer": name})
	}
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{
			desc("rollcall_consumer_pending", "Facts that wait to be delivered."),
			desc("rollcall_consumer_ack_pending", "Facts that were delivered and not yet acknowledged."),
			desc("rollcall_consumer_redelivered", "Unacknowledged facts that were delivered more than once."),
		},
		collect: func(ctx context.Context, put func(int, float64, ...string)) error {
			c, err := js.Consumer(ctx, events.StreamFacts, name)
			if err != nil {
				return fmt.Errorf("read consumer %s: %w", name, err)
			}
			info := c.CachedInfo()
			put(0, float64(info.NumPending))
			put(1, float64(info.NumAckPending))
			put(2, float64(info.NumRedelivered))
			return nil
		},
	})
}

// CollectQuota collects how much of the IEC's quota all replicas together have used.
func (m *Metrics) CollectQuota(state func(context.Context) (events.Quota, error)) {
	desc := func(metric, help string) *prometheus.Desc { return prometheus.NewDesc(metric, help, nil, nil) }
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{
			desc("rollcall_iec_quota_limit", "Calls to the IEC that are allowed in an hour."),
			desc("rollcall_iec_quota_used", "Calls to the IEC in the last hour, reserved ones included."),
			desc("rollcall_iec_quota_remaining", "Calls to the IEC that are left."),
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

// CollectOutage collects whether the IEC answers nobody, and why: one of reasons, or ""
// while it answers.
func (m *Metrics) CollectOutage(reasons []string, reason func(context.Context) (string, error)) {
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{prometheus.NewDesc("rollcall_iec_outage",
			"Whether the IEC answers nobody, by reason, 0 or 1.", []string{"reason"}, nil)},
		collect: func(ctx context.Context, put func(int, float64, ...string)) error {
			now, err := reason(ctx)
			if err != nil {
				return err
			}
			for _, r := range reasons {
				value := 0.0
				if r == now {
					value = 1
				}
				put(0, value, r)
			}
			return nil
		},
	})
}

// CollectDatabase collects the statistics of a connection pool. name becomes the label
// db_name and begins with rollcall.
func (m *Metrics) CollectDatabase(db *sql.DB, name string) {
	m.registry.MustRegister(collectors.NewDBStatsCollector(db, name))
}

// countJobsSQL counts jobs by status and stage. A status that no job has comes once,
// with 0 and without a stage.
const countJobsSQL = `SELECT s.status, coalesce(j.stage, ''), count(j.job_id)
	FROM unnest($1::text[]) AS s(status)
	LEFT JOIN jobs j USING (status) GROUP BY 1, 2`

// CollectJobs collects how many jobs have which status and stage.
func (m *Metrics) CollectJobs(db *sql.DB) {
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{
			prometheus.NewDesc("rollcall_jobs", "Jobs of all time by status and stage.", []string{"status", "stage"},
				nil),
		},
		collect: func(ctx context.Context, put func(int, float64, ...string)) error {
			rows, err := db.QueryContext(ctx, countJobsSQL, pq.Array(events.Statuses))
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

// GatewayStats are the counts of gateway.Stats.
type GatewayStats struct {
	Connections, Subscriptions int
	Sent, Conflated, Dropped   uint64
	// Refused counts refused connections by reason.
	Refused map[string]uint64
}

// CollectGateway collects the counts of a gateway. The reasons are those that stats
// returns at the call.
func (m *Metrics) CollectGateway(stats func() GatewayStats) {
	gauge := func(name, help string, read func(GatewayStats) int) {
		opts := prometheus.GaugeOpts{Name: name, Help: help}
		m.registry.MustRegister(prometheus.NewGaugeFunc(opts, func() float64 { return float64(read(stats())) }))
	}
	counter := func(name, help string, labels prometheus.Labels, read func(GatewayStats) uint64) {
		opts := prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}
		m.registry.MustRegister(prometheus.NewCounterFunc(opts, func() float64 { return float64(read(stats())) }))
	}
	gauge("rollcall_gateway_connections", "Connected clients.",
		func(s GatewayStats) int { return s.Connections })
	gauge("rollcall_gateway_subscriptions", "Subscriptions to jobs, over all clients.",
		func(s GatewayStats) int { return s.Subscriptions })
	counter("rollcall_gateway_frames_sent_total", "Frames written to clients.",
		nil, func(s GatewayStats) uint64 { return s.Sent })
	counter("rollcall_gateway_frames_conflated_total", "Progress that newer progress replaced before it was sent.",
		nil, func(s GatewayStats) uint64 { return s.Conflated })
	counter("rollcall_gateway_frames_dropped_total",
		"Frames for which a slow client had no room. The gateway disconnects it, and it asks for them again.",
		nil, func(s GatewayStats) uint64 { return s.Dropped })
	for reason := range stats().Refused {
		counter("rollcall_gateway_refused_total", "Refused connections, by reason.",
			prometheus.Labels{"reason": reason}, func(s GatewayStats) uint64 { return s.Refused[reason] })
	}
}

// CollectArchived collects how many jobs were archived, and how many could not be.
func (m *Metrics) CollectArchived(count func() (archived, kept uint64)) {
	counter := func(name, help string, read func() uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(read()) }))
	}
	counter("rollcall_jobs_archived_total", "Jobs whose events were moved into one message.",
		func() uint64 { n, _ := count(); return n })
	counter("rollcall_jobs_not_archived_total", "Old jobs that keep their events one by one; the log says why.",
		func() uint64 { _, n := count(); return n })
}

// CollectSecurity collects who was refused and how much was read, without names.
func (m *Metrics) CollectSecurity(w *security.Watch) {
	counter := func(name, help string, labels prometheus.Labels, read func(security.Stats) uint64) {
		opts := prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}
		m.registry.MustRegister(prometheus.NewCounterFunc(opts, func() float64 { return float64(read(w.Stats())) }))
	}
	gauge := func(name, help string, read func() int) {
		opts := prometheus.GaugeOpts{Name: name, Help: help}
		m.registry.MustRegister(prometheus.NewGaugeFunc(opts, func() float64 { return float64(read()) }))
	}
	for _, face := range security.Faces {
		for _, kind := range security.Kinds {
			counter("rollcall_refusals_total", "Requests that were refused, by face and by what that may be a sign of.",
				prometheus.Labels{"face": string(face), "kind": string(kind)},
				func(s security.Stats) uint64 { return s.Refused[face][kind] })
		}
	}
	for what := range w.Stats().Reads {
		counter("rollcall_reads_total", "Readings about people that the audit has, by what was read.",
			prometheus.Labels{"what": string(what)}, func(s security.Stats) uint64 { return s.Reads[what] })
	}
	counter("rollcall_security_log_suppressed_total", "Refusals that the security log had no room for.", nil,
		func(s security.Stats) uint64 { return s.Suppressed })
	gauge("rollcall_refusals_most_of_an_address",
		"Refusals of the address with the most, in the last 5 to 10 minutes.", w.MostRefusals)
	gauge("rollcall_reads_most_of_a_user",
		"Readings of the user who reads most, in the last 30 to 60 minutes.", w.MostReads)
}

// CollectClock collects how far the clock of the process is ahead of NATS's; nothing while
// that is not known.
func (m *Metrics) CollectClock(ahead func() (d time.Duration, known bool)) {
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{
			prometheus.NewDesc("rollcall_clock_ahead_seconds",
				"Seconds by which the clock of the machine is ahead of that of NATS.", nil, nil),
		},
		collect: func(_ context.Context, put func(int, float64, ...string)) error {
			if d, known := ahead(); known {
				put(0, d.Seconds())
			}
			return nil
		},
	})
}

// CollectCheck collects whether a check of health passes.
func (m *Metrics) CollectCheck(name string, check func(context.Context) error) {
	m.registry.MustRegister(&collector{
		descs: []*prometheus.Desc{
			prometheus.NewDesc("rollcall_check_ok", "1 when the check of health passes, else 0.",
				nil, prometheus.Labels{"check": name}),
		},
		collect: func(ctx context.Context, put func(int, float64, ...string)) error {
			value := 1.0
			if check(ctx) != nil {
				value = 0
			}
			put(0, value)
			return nil
		},
	})
}
