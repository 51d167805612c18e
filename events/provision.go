package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ProvisionConfig is how streams, buckets and consumers are set up.
type ProvisionConfig struct {
	// Replicas is the number of servers that keep each stream, bucket and
	// consumer; 0 means 1.
	Replicas int
	// MaxAckPending is the number of jobs that a stage may hold, running or
	// waiting; 0 means 1000.
	MaxAckPending int
	// AuditAge is how long the stream AUDIT keeps an access; 0 means for ever.
	AuditAge time.Duration
	// Logger says which streams keep their settings because Provision may not
	// change them; nil discards.
	Logger *slog.Logger
}

// VerdictsTTL is how long answers of the IEC are kept. Readers decide for
// themselves how old an answer may be. VerdictsTTL must be longer than a job
// may wait for its quota, several times.
const VerdictsTTL = 72 * time.Hour

// QuotaTTL is how long counts of calls are kept after the last call. It is longer
// than the hour that they count.
const QuotaTTL = 3 * time.Hour

// AdvisoriesAge is how long the server's own notes of requests are kept when the
// audit is kept for ever.
const AdvisoriesAge = 400 * 24 * time.Hour

// StationsTTL is how long what answers have in common is kept after it was written.
// It is longer than VerdictsTTL by far, for an answer may come to refer to it later.
const StationsTTL = 2 * VerdictsTTL

// ClaimTTL is how long other workers wait for an answer about a person when the
// asking process has died. It is longer than a call with all its retries.
const ClaimTTL = 2 * time.Minute

// Provision creates the streams, buckets and consumers, or changes existing
// ones to the present settings. It can run at any time. It needs the
// permissions of the user provisioner, which no service has.
//
// It creates the streams of the audit but never changes them: their keeper is
// another user, see ProvisionAudit.
func Provision(ctx context.Context, js jetstream.JetStream, cfg ProvisionConfig) error {
	cfg = cfg.complete()
	for _, s := range streamConfigs(cfg) {
		provide := js.CreateOrUpdateStream
		if isAudit(s) {
			provide = js.CreateStream
		}
		err := askUntilAnswered(ctx, func(ctx context.Context) error { _, err := provide(ctx, s); return err })
		if isAudit(s) && errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			Logger(cfg.Logger).WarnContext(ctx,
				"stream keeps its settings, which differ; only the user auditor may change them", "stream", s.Name)
			continue
		}
		if err != nil {
			return fmt.Errorf("provision stream %s: %w", s.Name, err)
		}
	}
	for _, name := range objectBuckets {
		if err := provideObjects(ctx, js, jetstream.ObjectStoreConfig{Bucket: name, Replicas: cfg.Replicas}); err != nil {
			return err
		}
	}
	cases := jetstream.ObjectStoreConfig{Bucket: BucketCases, Replicas: cfg.Replicas, TTL: CaseTTL}
	if err := provideObjects(ctx, js, cases); err != nil {
		return err
	}
	for _, kv := range keyValues {
		if kv.Bucket == KVRevocations {
			continue
		}
		kv.Replicas = cfg.Replicas
		err := askUntilAnswered(ctx, func(ctx context.Context) error {
			if err := deleteMemoryBucket(ctx, js, kv.Bucket); err != nil {
				return err
			}
			_, err := js.CreateOrUpdateKeyValue(ctx, kv)
			return err
		})
		if err != nil {
			return fmt.Errorf("provision bucket %s: %w", kv.Bucket, err)
		}
	}
	err := askUntilAnswered(ctx, func(ctx context.Context) error {
		_, err := js.CreateOrUpdateStream(ctx, revocationsConfig(cfg))
		return err
	})
	if err != nil {
		return fmt.Errorf("provision bucket %s: %w", KVRevocations, err)
	}
	for _, c := range consumerConfigs(cfg) {
		err := askUntilAnswered(ctx, func(ctx context.Context) error {
			_, err := js.CreateOrUpdateConsumer(ctx, consumerStream(c.Durable), c)
			return err
		})
		if err != nil {
			return fmt.Errorf("provision consumer %s: %w", c.Durable, err)
		}
	}
	return nil
}

func provideObjects(ctx context.Context, js jetstream.JetStream, cfg jetstream.ObjectStoreConfig) error {
	err := askUntilAnswered(ctx, func(ctx context.Context) error {
		_, err := js.CreateOrUpdateObjectStore(ctx, cfg)
		return err
	})
	if err != nil {
		return fmt.Errorf("provision bucket %s: %w", cfg.Bucket, err)
	}
	return nil
}

const (
	answerTime = 10 * time.Second
	answerWait = 250 * time.Millisecond
)

// askUntilAnswered repeats a request that nobody answers until ctx ends. Servers that
// start together lose the requests that come before they have a leader, and whoever
// waits for the answer to one of those waits in vain.
func askUntilAnswered(ctx context.Context, ask func(context.Context) error) error {
	for {
		try, cancel := context.WithTimeout(ctx, answerTime)
		err := ask(try)
		cancel()
		var api *jetstream.APIError
		again := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) ||
			errors.Is(err, jetstream.ErrNoStreamResponse) || errors.As(err, &api) && api.Code == http.StatusServiceUnavailable
		if !again {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(answerWait):
		}
	}
}

// ProvisionAudit creates the streams that say who has read personal data, or
// changes existing ones to the present settings. It needs the permissions of
// the user auditor. The provisioner, whom deployments use each day, does not have
// them, so that it cannot shorten the audit.
func ProvisionAudit(ctx context.Context, js jetstream.JetStream, cfg ProvisionConfig) error {
	for _, s := range streamConfigs(cfg.complete()) {
		if !isAudit(s) {
			continue
		}
		err := askUntilAnswered(ctx, func(ctx context.Context) error {
			_, err := js.CreateOrUpdateStream(ctx, s)
			return err
		})
		if err != nil {
			return fmt.Errorf("provision stream %s: %w", s.Name, err)
		}
	}
	return nil
}

func isAudit(s jetstream.StreamConfig) bool {
	return s.Name == StreamAudit || s.Name == StreamAdvisories
}

// deleteMemoryBucket deletes a bucket that an earlier version kept in memory.
// Such a bucket does not survive a restart of the server, and the server cannot
// change it to a file.
func deleteMemoryBucket(ctx context.Context, js jetstream.JetStream, bucket string) error {
	s, err := js.Stream(ctx, "KV_"+bucket)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil || s.CachedInfo().Config.Storage != jetstream.MemoryStorage {
		return err
	}
	return js.DeleteKeyValue(ctx, bucket)
}

func (c ProvisionConfig) complete() ProvisionConfig {
	c.Replicas = cmp.Or(c.Replicas, 1)
	c.MaxAckPending = cmp.Or(c.MaxAckPending, 1000)
	return c
}

var objectBuckets = []string{BucketUploads, BucketRows, BucketVerdicts, BucketOutcomes, BucketReports}

// ObjectBuckets returns the names of the buckets that hold artifacts.
func ObjectBuckets() []string { return slices.Clone(objectBuckets) }

// KeyValueBuckets returns the names of the key-value buckets.
func KeyValueBuckets() (names []string) {
	for _, kv := range keyValues {
		names = append(names, kv.Bucket)
	}
	return names
}

// Streams returns the names of all streams, those of the buckets included.
func Streams() (names []string) {
	for _, s := range streamConfigs(ProvisionConfig{}) {
		names = append(names, s.Name)
	}
	for _, bucket := range append(ObjectBuckets(), BucketCases) {
		names = append(names, objectStream(bucket))
	}
	for _, bucket := range KeyValueBuckets() {
		names = append(names, "KV_"+bucket)
	}
	return names
}

// Consumers returns the names of the durable consumers, each as <stream>.<name>.
func Consumers() (names []string) {
	for _, c := range consumerConfigs(ProvisionConfig{}) {
		names = append(names, consumerStream(c.Durable)+"."+c.Durable)
	}
	return names
}

var keyValues = []jetstream.KeyValueConfig{
	{Bucket: KVQuota, TTL: QuotaTTL},
	{Bucket: KVVerdicts, TTL: VerdictsTTL},
	{Bucket: KVStations, TTL: StationsTTL},
	{Bucket: KVObjections},
	{Bucket: KVMappings, TTL: MappingsTTL},
	{Bucket: KVRevocations}, // revocationsConfig says the rest
}

// revocationsConfig is the stream of the bucket REVOCATIONS. The service upload, which
// strangers reach, may write to it, so it takes no message that removes others: a bucket
// made by the client library does. Each entry ends at a time of its own.
func revocationsConfig(cfg ProvisionConfig) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              "KV_" + KVRevocations,
		Description:       "Which tokens are no longer good",
		Subjects:          []string{"$KV." + KVRevocations + ".>"},
		Storage:           jetstream.FileStorage,
		Replicas:          cfg.Replicas,
		MaxMsgsPerSubject: 1,
		Discard:           jetstream.DiscardNew,
		AllowDirect:       true,
		AllowMsgTTL:       true,
		DenyDelete:        true,
		DenyPurge:         true,
	}
}

func streamConfigs(cfg ProvisionConfig) []jetstream.StreamConfig {
	facts := make([]string, len(Kinds))
	for i, k := range Kinds {
		facts[i] = Subject("*", k)
	}
	live := func() *jetstream.RePublish {
		return &jetstream.RePublish{Source: "bulk.>", Destination: LivePrefix + "bulk.>"}
	}
	return []jetstream.StreamConfig{{
		Name:        StreamFacts,
		Description: "The history of every job, one message a fact",
		Subjects:    facts,
		Storage:     jetstream.FileStorage,
		Replicas:    cfg.Replicas,
		Duplicates:  DuplicateWindow,
		AllowDirect: true,
		// If an operator sets a limit, the stream refuses new facts and keeps the old.
		Discard:   jetstream.DiscardNew,
		RePublish: live(),
	}, {
		Name:              StreamProgress,
		Description:       "The newest progress of every job",
		Subjects:          []string{Subject("*", KindProgress)},
		Storage:           jetstream.FileStorage,
		Replicas:          cfg.Replicas,
		MaxMsgsPerSubject: 1,
		AllowDirect:       true,
		RePublish:         live(),
	}, {
		Name:        StreamAudit,
		Description: "Who has read personal data, one message a reading",
		Subjects:    []string{"audit.*.*"},
		Storage:     jetstream.FileStorage,
		Replicas:    cfg.Replicas,
		AllowDirect: true,
		DenyDelete:  true,
		DenyPurge:   true,
		Discard:     jetstream.DiscardNew,
		MaxAge:      cfg.AuditAge,
	}, {
		Name:        StreamCases,
		Description: "What is done for one person on request, one message a fact",
		Subjects:    []string{"case.*.*"},
		Storage:     jetstream.FileStorage,
		Replicas:    cfg.Replicas,
		Duplicates:  DuplicateWindow,
		AllowDirect: true,
		DenyDelete:  true,
		Discard:     jetstream.DiscardNew,
	}, {
		Name:        StreamAdvisories,
		Description: "What the server says about each request to its API, and who made it",
		Subjects:    []string{"$JS.EVENT.ADVISORY.API"},
		Storage:     jetstream.FileStorage,
		Replicas:    cfg.Replicas,
		Compression: jetstream.S2Compression,
		AllowDirect: true,
		DenyDelete:  true,
		DenyPurge:   true,
		MaxAge:      cmp.Or(cfg.AuditAge, AdvisoriesAge),
	}, {
		Name:        StreamIEC,
		Description: "The newest answers of the IEC, and who is being asked about",
		Subjects:    []string{SubjectAnswers, SubjectClaims},
		Storage:     jetstream.FileStorage,
		Replicas:    cfg.Replicas,
		Discard:     jetstream.DiscardNew,
		AllowDirect: true,
		AllowMsgTTL: true, // a claim ends by itself
		Duplicates:  time.Minute,
		MaxAge:      VerdictsTTL,
	}, {
		Name:        StreamPartial,
		Description: "Parts of uploads that have not arrived whole",
		Subjects:    []string{"partial.*.*.*"},
		Storage:     jetstream.FileStorage,
		Replicas:    cfg.Replicas,
		AllowDirect: true,
		MaxAge:      PartialTTL,
	}}
}

// consumerStream returns the stream that a durable consumer reads.
func consumerStream(durable string) string {
	if durable == ConsumerCases {
		return StreamCases
	}
	return StreamFacts
}

func consumerConfigs(cfg ProvisionConfig) []jetstream.ConsumerConfig {
	base := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckExplicitPolicy,
		AckWait:   AckWait,
		// The runner decides which attempt is the last. A limit here would drop
		// the message in silence.
		MaxDeliver:    -1,
		MaxAckPending: cfg.MaxAckPending,
	}
	list := make([]jetstream.ConsumerConfig, 0, len(Stages)+4)
	for _, s := range Stages {
		c := base
		c.Durable = string(s)
		c.FilterSubjects = []string{Subject("*", s.Consumes()), Subject("*", KindRetried)}
		if s == StagePersistence {
			c.FilterSubjects = append(c.FilterSubjects, Subject("*", KindApproved))
		}
		if s.Parks() {
			c.FilterSubjects = append(c.FilterSubjects, Subject("*", KindResumed))
		}
		list = append(list, c)
	}
	projection, webhook, mail := base, base, base
	projection.Durable = ConsumerProjection
	webhook.Durable = ConsumerWebhook
	for _, k := range WebhookKinds {
		webhook.FilterSubjects = append(webhook.FilterSubjects, Subject("*", k))
	}
	mail.Durable = ConsumerMail
	for _, k := range MailKinds {
		mail.FilterSubjects = append(mail.FilterSubjects, Subject("*", k))
	}
	// Webhooks and e-mail start with the facts that come after the first start.
	webhook.DeliverPolicy = jetstream.DeliverNewPolicy
	mail.DeliverPolicy = jetstream.DeliverNewPolicy
	cases := base
	cases.Durable = ConsumerCases
	cases.FilterSubjects = []string{"case.*.requested", "case.*.approved"}
	return append(list, projection, webhook, mail, cases)
}
