// Package permissions says what each user of the NATS server may do. It is the
// source of the users in nats.conf; go generate writes them there.
package permissions

import (
	"slices"

	"rollcall.example/events"
	"rollcall.example/events/cases"
)

//go:generate go run ./gen

// User is a user of nats.conf with all its permissions. Everything else is
// denied.
type User struct {
	Name string
	// Comment stands above the user in nats.conf.
	Comment string
	// Kinds are the facts that the user may append. KindProgress means that it
	// may publish progress.
	Kinds []events.Kind
	// Audit are the accesses to personal data that the user may write.
	Audit []events.AccessKind
	// ReadsLog permits to read jobs and their progress.
	ReadsLog bool
	// Consumer is the durable consumer of BULK whose messages the user may
	// fetch and acknowledge; "" for none.
	Consumer string
	// Objects and KeyValues are the buckets that the user may use.
	Objects   []ObjectBucket
	KeyValues []KeyValueBucket
	// Publish, Deny and Subscribe are further subjects, with wildcards. Deny
	// takes some of Publish away. The user's own inbox is added to Subscribe.
	Publish, Deny []Group
	Subscribe     []string
}

// ObjectBucket is an object bucket and what a user may do with it.
type ObjectBucket struct {
	Name        string
	Read, Write bool
	// Clear permits to list the bucket and to purge all of it.
	Clear bool
}

// KeyValueBucket is a key-value bucket that a user may read.
type KeyValueBucket struct {
	Name  string
	Write bool
	// Batch permits to read many keys with one request.
	Batch bool
}

// Group is a list of subjects with one purpose, which Comment names.
type Group struct {
	Comment  string
	Subjects []string
}

// Users returns the users of the account BULK, in the order of nats.conf.
func Users() []User { return append([]User{provisioner(), operator()}, services()...) }

func services() []User {
	return []User{
		upload(),
		stage(events.StageValidation, User{
			Comment: "Reads the workbook, judges its rows.",
			Objects: append(reads(events.BucketUploads, events.BucketOutcomes),
				ObjectBucket{Name: events.BucketRows, Read: true, Write: true}),
			KeyValues: objections,
		}),
		stage(events.StageIEC, User{
			Comment: "Asks the IEC.",
			Objects: append(reads(events.BucketRows),
				ObjectBucket{Name: events.BucketVerdicts, Read: true, Write: true}),
			KeyValues: []KeyValueBucket{
				{Name: events.KVQuota, Write: true},
				{Name: events.KVVerdicts, Write: true, Batch: true},
				{Name: events.KVClaims, Write: true},
			},
		}, events.KindPaused, events.KindResumed, events.KindWarned),
		stage(events.StagePersistence, User{
			Comment: "Writes the members.",
			Objects: append(reads(events.BucketRows, events.BucketVerdicts),
				ObjectBucket{Name: events.BucketOutcomes, Read: true, Write: true}),
			KeyValues: objections,
		}, events.KindProposed, events.KindPaused, events.KindResumed),
		stage(events.StageReport, User{
			Comment: "Writes the report.",
			Objects: slices.Concat(writes(events.BucketReports),
				reads(events.BucketRows, events.BucketVerdicts, events.BucketOutcomes)),
		}),
		{
			Name: "webhook", Comment: "Tells webhooks of jobs; writes nothing here.",
			Consumer: events.ConsumerWebhook,
			Publish:  []Group{{"reads the log", []string{"$JS.API.DIRECT.GET." + events.StreamFacts}}},
		},
		privacy(),
		{
			Name: "revoker", Comment: "A person who revokes tokens: `rollcall revoke`. No service.",
			KeyValues: []KeyValueBucket{{Name: events.KVRevocations, Write: true, Batch: true}},
		},
	}
}

// objections is the list of those who must not be written.
var objections = []KeyValueBucket{{Name: events.KVObjections, Batch: true}}

// auditChain lets a writer find the message that the next one follows.
var auditChain = Group{"finds the newest of them", []string{
	"$JS.API.STREAM.INFO." + events.StreamAudit, "$JS.API.DIRECT.GET." + events.StreamAudit,
}}

// casesOf is what a writer of the given facts may do with cases.
func casesOf(kinds ...cases.FactKind) Group {
	g := Group{Comment: "cases: erasures and exports"}
	for _, k := range kinds {
		g.Subjects = append(g.Subjects, cases.Subject("*", k))
	}
	g.Subjects = append(g.Subjects, "$JS.API.DIRECT.GET."+events.StreamCases)
	return g
}

// Gateway returns the only user of the account EDGE.
func Gateway() User {
	return User{
		Name: "gateway",
		Publish: []Group{{"reads the log", []string{
			"$JS.API.DIRECT.GET." + events.StreamFacts, "$JS.API.DIRECT.GET." + events.StreamProgress,
		}}, {"reads which tokens are revoked", []string{"$JS.API.DIRECT.GET.KV_" + events.KVRevocations}}},
		Subscribe: []string{events.LivePrefix + "bulk.>"},
	}
}

// Names returns the names of all users with a password in nats.conf. The first
// one is sys, the user of the system account, which has no permissions.
func Names() []string {
	names := []string{"sys", Gateway().Name}
	for _, u := range Users() {
		names = append(names, u.Name)
	}
	return names
}

// stage completes the user of a stage. It consumes the messages of its stage
// and appends its kind of fact, failed, progress, and more.
func stage(s events.Stage, u User, more ...events.Kind) User {
	u.Name, u.Consumer, u.ReadsLog = string(s), string(s), true
	u.Kinds = slices.Concat([]events.Kind{s.Produces()}, more, []events.Kind{events.KindFailed, events.KindProgress})
	u.Subscribe = []string{events.LivePrefix + "bulk.*." + string(events.KindCancelled)}
	return u
}

func upload() User {
	return User{
		Name: "upload", Comment: "Takes uploads, cancels and retries, serves status and reports, keeps the jobs table.",
		Kinds: []events.Kind{events.KindUploaded, events.KindCancelled, events.KindRetried,
			events.KindApproved, events.KindDeclined},
		Audit: []events.AccessKind{events.AccessReport, events.AccessRejects, events.AccessRow,
			events.AccessExport},
		ReadsLog: true, Consumer: events.ConsumerProjection,
		Objects: slices.Concat(writes(events.BucketUploads),
			reads(events.BucketReports, events.BucketRows, events.BucketVerdicts, events.BucketOutcomes),
			[]ObjectBucket{{Name: events.BucketCases, Read: true, Write: true}}),
		KeyValues: []KeyValueBucket{{Name: events.KVQuota}, {Name: events.KVRevocations, Batch: true}},
		Publish: []Group{{"parts of uploads that have not arrived whole", []string{
			"partial.*.*.*", "$JS.API.STREAM.INFO." + events.StreamPartial,
			"$JS.API.DIRECT.GET." + events.StreamPartial, "$JS.API.STREAM.PURGE." + events.StreamPartial,
		}}, auditChain, casesOf(cases.KindRequested, cases.KindApproved, cases.KindDeclined)},
	}
}

const caseConsumer = events.StreamCases + "." + events.ConsumerCases

func privacy() User {
	u := User{
		Name: "privacy", Comment: "Removes what is kept no longer, and a person who asks for it.",
		Kinds: []events.Kind{events.KindErased},
		Audit: []events.AccessKind{
			events.AccessExport, events.AccessErasure, events.AccessObjection, events.AccessLift,
		},
		ReadsLog:  true,
		KeyValues: []KeyValueBucket{{Name: events.KVVerdicts, Write: true}, {Name: events.KVObjections, Write: true}},
		Publish: []Group{{"purges jobs as a whole", []string{
			"$JS.API.STREAM.INFO." + events.StreamProgress,
			"$JS.API.STREAM.PURGE." + events.StreamFacts, "$JS.API.STREAM.PURGE." + events.StreamProgress,
		}}, {"finds and removes unfinished uploads", []string{
			"$JS.API.STREAM.INFO." + events.StreamPartial, "$JS.API.DIRECT.GET." + events.StreamPartial,
			"$JS.API.STREAM.PURGE." + events.StreamPartial,
		}}, auditChain, casesOf(cases.FactKinds...), {"its consumer of cases", []string{
			"$JS.API.CONSUMER.INFO." + caseConsumer, "$JS.API.CONSUMER.MSG.NEXT." + caseConsumer,
			"$JS.ACK." + caseConsumer + ".>",
		}}},
	}
	u.Objects = append(u.Objects, ObjectBucket{Name: events.BucketCases, Read: true, Write: true})
	for _, name := range events.ObjectBuckets() {
		u.Objects = append(u.Objects, ObjectBucket{Name: name, Read: true, Write: true, Clear: true})
	}
	return u
}

func provisioner() User {
	return User{
		Name: "provisioner", Comment: "Creates streams, buckets and consumers: `rollcall migrate`. No service.",
		Publish: []Group{{Subjects: []string{"$JS.API.>"}}},
	}
}

func operator() User {
	const create = "$JS.API.CONSUMER.CREATE."
	u := User{
		Name: "operator", Comment: "A person with the NATS CLI: looks at everything, writes nothing.",
		Publish: []Group{
			{"looks at streams, consumers and messages", []string{
				"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*",
				"$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.>",
				"$JS.API.CONSUMER.NAMES.*", "$JS.API.CONSUMER.LIST.*", "$JS.API.CONSUMER.INFO.*.*",
			}},
			{"nats sub --stream and nats object get read through consumers of their own", []string{
				create + events.StreamFacts + ".>", create + events.StreamProgress + ".>",
				create + events.StreamAudit + ".>", create + events.StreamPartial + ".>",
				create + events.StreamCases + ".>",
				create + "*.*.$O.>", create + "*.*.$KV.>",
				"$JS.API.CONSUMER.MSG.NEXT.*.*", "$JS.API.CONSUMER.DELETE.*.*", "$JS.FC.>",
			}},
		},
		Subscribe: []string{"bulk.>", events.LivePrefix + "bulk.>", "$JS.EVENT.ADVISORY.>", "_INBOX.>"},
	}
	comment := "but takes nothing from the services' consumers and leaves them as they are"
	taken := []string{caseConsumer}
	for _, service := range services() {
		if service.Consumer != "" {
			taken = append(taken, events.StreamFacts+"."+service.Consumer)
		}
	}
	for _, name := range taken {
		u.Deny = append(u.Deny, Group{comment, []string{
			"$JS.API.CONSUMER.MSG.NEXT." + name, create + name, "$JS.API.CONSUMER.DELETE." + name, create + name + ".>",
		}})
		comment = ""
	}
	return u
}

func writes(name string) []ObjectBucket { return []ObjectBucket{{Name: name, Write: true}} }

func reads(names ...string) (list []ObjectBucket) {
	for _, name := range names {
		list = append(list, ObjectBucket{Name: name, Read: true})
	}
	return list
}
