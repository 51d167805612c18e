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
// denied. Each user has an account of its own, which imports exactly what the
// user may publish and subscribe to.
type User struct {
	Name string
	// Account is the name of the account; "" means the name in upper case.
	Account string
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
	// Publish and Subscribe are further subjects, with wildcards. The user's own
	// inbox is added to Subscribe.
	Publish   []Group
	Subscribe []string
	// CLI says that answers may come to _INBOX.> too, as the NATS CLI asks by
	// default.
	CLI bool
	// Makes says that the user may make consumers, which deliver to _INBOX.> of
	// the account BULK.
	Makes bool
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

// Users returns the users with permissions, in the order of nats.conf.
func Users() []User {
	return append([]User{gateway(), provisioner(), auditor(), operator(), investigator()}, services()...)
}

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
				{Name: events.KVStations, Write: true, Batch: true},
			},
			Publish: []Group{answers(events.SubjectAnswers, events.SubjectClaims)},
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
			Name: "webhook", Comment: "Tells webhooks and people of jobs; writes nothing here.",
			Consumer: events.ConsumerWebhook, ReadsLog: true,
			Publish: []Group{consumerGroup("its consumer for e-mail", events.StreamFacts+"."+events.ConsumerMail)},
		},
		privacy(),
		{
			Name: "revoker", Comment: "A person who revokes tokens: `rollcall revoke`. No service.",
			KeyValues: []KeyValueBucket{{Name: events.KVRevocations, Write: true, Batch: true}},
		},
	}
}

// answers is what a user may do with the log of the IEC's answers.
func answers(subjects ...string) Group {
	return Group{"the newest answers of the IEC", append(subjects, "$JS.API.STREAM.INFO."+events.StreamIEC,
		"$JS.API.DIRECT.GET."+events.StreamIEC, "$JS.API.STREAM.PURGE."+events.StreamIEC,
		"$JS.API.STREAM.PURGE.KV_"+events.KVVerdicts)}
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

func gateway() User {
	return User{
		Name: "gateway", Account: "EDGE", Comment: "Faces the internet; only reads.",
		Publish: []Group{{"reads the log", []string{
			"$JS.API.DIRECT.GET." + events.StreamFacts, "$JS.API.DIRECT.GET." + events.StreamProgress,
		}}, {"reads which tokens are revoked", []string{"$JS.API.DIRECT.GET.KV_" + events.KVRevocations}}},
		Subscribe: []string{events.LivePrefix + "bulk.>"},
	}
}

// Names returns the names of all users with a password in nats.conf. The first
// one is sys, the user of the system account, which has no permissions.
func Names() []string {
	names := []string{"sys"}
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
		Audit: append([]events.AccessKind{events.AccessReport, events.AccessRejects, events.AccessRow,
			events.AccessRows, events.AccessRegister, events.AccessStory, events.AccessExport}, events.OfCases...),
		ReadsLog: true, Consumer: events.ConsumerProjection,
		Objects: slices.Concat(writes(events.BucketUploads),
			reads(events.BucketReports, events.BucketRows, events.BucketVerdicts, events.BucketOutcomes),
			[]ObjectBucket{{Name: events.BucketCases, Read: true, Write: true}}),
		// The process that checks the tokens of REST acts for everybody already. Revoking adds to that
		// only that it may end sessions, or bring one back to the gateway, which reads and no more.
		KeyValues: []KeyValueBucket{{Name: events.KVQuota}, {Name: events.KVRevocations, Write: true, Batch: true},
			{Name: events.KVMappings, Write: true}},
		Publish: []Group{{"parts of uploads that have not arrived whole", []string{
			"partial.*.*.*", "$JS.API.STREAM.INFO." + events.StreamPartial,
			"$JS.API.DIRECT.GET." + events.StreamPartial, "$JS.API.STREAM.PURGE." + events.StreamPartial,
		}}, auditChain, casesOf(cases.KindRequested, cases.KindApproved, cases.KindDeclined)},
	}
}

// consumerGroup is what a user may do with a durable consumer, given as <stream>.<name>.
func consumerGroup(comment, name string) Group {
	return Group{comment, []string{
		"$JS.API.CONSUMER.INFO." + name, "$JS.API.CONSUMER.MSG.NEXT." + name, "$JS.ACK." + name + ".>",
	}}
}

const caseConsumer = events.StreamCases + "." + events.ConsumerCases

func privacy() User {
	u := User{
		Name: "privacy", Comment: "Removes what is kept no longer, and a person who asks for it.",
		Kinds: []events.Kind{events.KindErased, events.KindArchived},
		Audit: append([]events.AccessKind{
			events.AccessExport, events.AccessErasure, events.AccessObjection, events.AccessLift,
		}, events.OfCases...),
		ReadsLog: true,
		KeyValues: []KeyValueBucket{{Name: events.KVVerdicts, Write: true, Batch: true},
			{Name: events.KVStations, Write: true, Batch: true}, {Name: events.KVObjections, Write: true}},
		Publish: []Group{{"purges jobs as a whole, and the events that an archive has", []string{
			"$JS.API.STREAM.INFO." + events.StreamProgress, "$JS.API.STREAM.MSG.DELETE." + events.StreamFacts,
			"$JS.API.STREAM.PURGE." + events.StreamFacts, "$JS.API.STREAM.PURGE." + events.StreamProgress,
		}}, {"finds and removes unfinished uploads", []string{
			"$JS.API.STREAM.INFO." + events.StreamPartial, "$JS.API.DIRECT.GET." + events.StreamPartial,
			"$JS.API.STREAM.PURGE." + events.StreamPartial,
		}}, answers(events.SubjectAnswers), auditChain, casesOf(cases.FactKinds...),
			consumerGroup("its consumer of cases", caseConsumer)},
	}
	u.Objects = append(u.Objects, ObjectBucket{Name: events.BucketCases, Read: true, Write: true})
	for _, name := range events.ObjectBuckets() {
		u.Objects = append(u.Objects, ObjectBucket{Name: name, Read: true, Write: true, Clear: true})
	}
	return u
}

func provisioner() User {
	u := User{Name: "provisioner", Comment: "Creates streams, buckets and consumers: `rollcall migrate`. No service."}
	streams := Group{Comment: "all streams but those that hold the audit"}
	for _, name := range events.Streams() {
		if !slices.Contains(audits, name) {
			streams.Subjects = append(streams.Subjects, "$JS.API.STREAM.CREATE."+name, "$JS.API.STREAM.UPDATE."+name)
		}
	}
	// A bucket that an earlier version kept in memory is made anew.
	buckets := Group{Comment: "buckets of an earlier version"}
	for _, name := range events.KeyValueBuckets() {
		buckets.Subjects = append(buckets.Subjects, "$JS.API.STREAM.DELETE.KV_"+name)
	}
	consumers := Group{Comment: "the consumers of the services"}
	for _, name := range events.Consumers() {
		create := "$JS.API.CONSUMER.CREATE." + name
		consumers.Subjects = append(consumers.Subjects, create, create+".>")
	}
	audit := Group{Comment: "creates the audit, and never changes it"}
	for _, name := range audits {
		audit.Subjects = append(audit.Subjects, "$JS.API.STREAM.CREATE."+name)
	}
	u.Publish = []Group{looks(), streams, buckets, consumers, audit}
	return u
}

// audits are the streams that say who has read personal data.
var audits = []string{events.StreamAudit, events.StreamAdvisories}

func auditor() User {
	u := User{Name: "auditor",
		Comment: "Changes how long the audit is kept: `rollcall migrate` with its password. No service."}
	g := Group{}
	for _, name := range audits {
		g.Subjects = append(g.Subjects, "$JS.API.STREAM.INFO."+name, "$JS.API.STREAM.CREATE."+name,
			"$JS.API.STREAM.UPDATE."+name)
	}
	u.Publish = []Group{g}
	return u
}

// looks returns the requests that show all streams and consumers, but none of
// their messages.
func looks() Group {
	return Group{"looks at streams and consumers", []string{
		"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*",
		"$JS.API.CONSUMER.NAMES.*", "$JS.API.CONSUMER.LIST.*", "$JS.API.CONSUMER.INFO.*.*",
	}}
}

// readsMessages returns the requests for the messages of streams. Who may make
// a consumer tells the server where to publish what it holds, so a consumer is
// not among them.
func readsMessages(comment string, streams ...string) Group {
	g := Group{Comment: comment}
	for _, name := range streams {
		direct := "$JS.API.DIRECT.GET." + name
		g.Subjects = append(g.Subjects, "$JS.API.STREAM.MSG.GET."+name, direct, direct+".>")
	}
	return g
}

func operator() User {
	return User{
		Name: "operator", Comment: "A person with the NATS CLI: sees facts and consumers, no artifacts; writes nothing.",
		Publish: []Group{looks(), readsMessages("reads facts, progress and the audit",
			events.StreamFacts, events.StreamProgress, events.StreamCases, events.StreamAudit, events.StreamAdvisories)},
		Subscribe: []string{"bulk.>", events.LivePrefix + "bulk.>", "$JS.EVENT.ADVISORY.>"},
		CLI:       true,
	}
}

func investigator() User {
	u := User{
		Name:    "investigator",
		Comment: "A person who reads artifacts; the server notes each one in the stream ADVISORIES.",
		Publish: []Group{looks(), readsMessages("reads facts, progress and the audit",
			events.StreamFacts, events.StreamProgress, events.StreamCases, events.StreamAudit, events.StreamAdvisories)},
		CLI: true, Makes: true,
	}
	// A direct get leaves no trace, so it gives descriptions only. The bytes take
	// a consumer.
	for _, name := range events.ObjectBuckets() {
		stream, object := "OBJ_"+name, "$O."+name
		u.Publish = append(u.Publish, Group{"nats object ls, info and get of " + name, []string{
			"$JS.API.DIRECT.GET." + stream + "." + object + ".M.*",
			"$JS.API.CONSUMER.CREATE." + stream + ".*." + object + ".>",
			"$JS.API.CONSUMER.DELETE." + stream + ".*", "$JS.FC." + stream + ".>",
		}})
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
