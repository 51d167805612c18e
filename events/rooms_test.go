package events_test

import (
	"fmt"
	"slices"
	"strings"

	"rollcall.example/events"
)

// room is all that a user of nats.conf may touch. What is not said is denied.
type room struct {
	kinds              []events.Kind // may append facts, or progress, of these
	consumer           string        // may take and acknowledge its messages
	log                bool          // reads stream, jobs and progress
	writes, reads      []string      // object buckets
	kvWrites, kvReads  []string      // key-value buckets
	kvBatch            []string      // of the latter, read many keys at once
	clears             []string      // object buckets of which it lists and purges all, beside reading and writing
	publish, subscribe []string      // and these, literally
}

func rooms() map[string]room {
	stage := func(s events.Stage, r room, more ...events.Kind) room {
		r.kinds = append([]events.Kind{s.Produces(), events.KindFailed, events.KindProgress}, more...)
		r.consumer, r.log = string(s), true
		r.subscribe = []string{"live.bulk.*.cancelled"}
		return r
	}
	all := map[string]room{
		"upload": {
			kinds:    []events.Kind{events.KindUploaded, events.KindCancelled, events.KindRetried},
			consumer: events.ConsumerProjection, log: true,
			writes: []string{events.BucketUploads}, reads: []string{events.BucketReports, events.BucketRows, events.BucketVerdicts, events.BucketOutcomes},
			kvReads: []string{events.KVQuota},
			publish: []string{
				"partial.*.*.*", "$JS.API.STREAM.INFO." + events.StreamPartial, "$JS.API.DIRECT.GET." + events.StreamPartial, "$JS.API.STREAM.PURGE." + events.StreamPartial,
			},
		},
		"validation": stage(events.StageValidation, room{writes: []string{events.BucketRows}, reads: []string{events.BucketUploads}}),
		"iec": stage(events.StageIEC, room{
			writes: []string{events.BucketVerdicts}, reads: []string{events.BucketRows},
			kvWrites: []string{events.KVQuota, events.KVVerdicts, events.KVClaims}, kvBatch: []string{events.KVVerdicts},
		}, events.KindPaused, events.KindResumed, events.KindWarned),
		"persistence": stage(events.StagePersistence, room{
			writes: []string{events.BucketOutcomes}, reads: []string{events.BucketRows, events.BucketVerdicts},
		}, events.KindPaused, events.KindResumed),
		"report": stage(events.StageReport, room{
			writes: []string{events.BucketReports}, reads: []string{events.BucketRows, events.BucketVerdicts, events.BucketOutcomes},
		}),
		"webhook": {consumer: events.ConsumerWebhook, publish: []string{"$JS.API.DIRECT.GET." + events.StreamFacts}},
		"privacy": {
			kinds: []events.Kind{events.KindErased}, log: true,
			writes: events.ObjectBuckets(), reads: events.ObjectBuckets(), clears: events.ObjectBuckets(),
			kvWrites: []string{events.KVVerdicts},
			publish: []string{
				"$JS.API.STREAM.PURGE." + events.StreamFacts, "$JS.API.STREAM.INFO." + events.StreamProgress, "$JS.API.STREAM.PURGE." + events.StreamProgress,
			},
		},
		"gateway": {
			publish:   []string{"$JS.API.DIRECT.GET." + events.StreamFacts, "$JS.API.DIRECT.GET." + events.StreamProgress},
			subscribe: []string{"live.bulk.>", "live.bulk.*.cancelled"},
		},
	}
	for user, r := range all {
		r.subscribe = append(r.subscribe, "_INBOX_"+user+".>")
		all[user] = r
	}
	return all
}

const aJob = "job-01999999-0000-7000-8000-000000000000"

// may are the subjects of the world that a room lets its user publish to.
func (r room) may() []string {
	list := slices.Clone(r.publish)
	add := func(format string, names ...any) { list = append(list, fmt.Sprintf(format, names...)) }
	for _, k := range r.kinds {
		add("%s", events.Subject(aJob, k))
	}
	if r.log {
		add("$JS.API.STREAM.INFO.%s", events.StreamFacts)
		add("$JS.API.DIRECT.GET.%s", events.StreamFacts)
		for _, k := range events.Kinds {
			add("$JS.API.DIRECT.GET.%s.%s", events.StreamFacts, events.Subject(aJob, k))
		}
		add("$JS.API.DIRECT.GET.%s", events.StreamProgress)
	}
	if r.consumer != "" {
		add("$JS.API.CONSUMER.INFO.%s.%s", events.StreamFacts, r.consumer)
		add("$JS.API.CONSUMER.MSG.NEXT.%s.%s", events.StreamFacts, r.consumer)
		add("$JS.ACK.%s.%s.1.1.1.1.0", events.StreamFacts, r.consumer)
	}
	for _, b := range slices.Concat(r.writes, r.reads) {
		add("$JS.API.STREAM.INFO.OBJ_%s", b)
		add("$JS.API.DIRECT.GET.OBJ_%s.$O.%s.M.x", b, b)
	}
	for _, b := range r.writes {
		add("$O.%s.C.x", b)
		add("$O.%s.M.x", b)
		add("$JS.API.STREAM.PURGE.OBJ_%s", b) // the object store drops the chunks of what it replaces
	}
	for _, b := range r.clears {
		add("$JS.API.DIRECT.GET.OBJ_%s", b)
		add("$JS.API.DIRECT.GET.OBJ_%s.$O.%s.C.x", b, b)
	}
	for _, b := range r.reads {
		add("$JS.API.CONSUMER.CREATE.OBJ_%s.x.$O.%s.C.x", b, b)
		add("$JS.API.CONSUMER.DELETE.OBJ_%s.x", b)
		add("$JS.FC.OBJ_%s.x.x", b)
	}
	for _, b := range slices.Concat(r.kvWrites, r.kvReads) {
		add("$JS.API.STREAM.INFO.KV_%s", b)
		add("$JS.API.DIRECT.GET.KV_%s.$KV.%s.x", b, b)
	}
	for _, b := range r.kvWrites {
		add("$KV.%s.x", b)
	}
	for _, b := range r.kvBatch {
		add("$JS.API.DIRECT.GET.KV_%s", b)
	}
	return list
}

// operatorRoom looks at everything and changes nothing but consumers of its own.
func operatorRoom(w world) (r room) {
	for _, s := range w.publish {
		verb, about, _ := strings.Cut(strings.TrimPrefix(s, "$JS.API."), ".")
		switch {
		case strings.HasPrefix(s, "$JS.FC."), s == "$JS.API.INFO", s == "$JS.API.STREAM.NAMES", s == "$JS.API.STREAM.LIST",
			verb == "DIRECT", verb == "STREAM" && (strings.HasPrefix(about, "INFO.") || strings.HasPrefix(about, "MSG.GET.")),
			verb == "CONSUMER" && (strings.HasPrefix(about, "NAMES.") || strings.HasPrefix(about, "LIST.") || strings.HasPrefix(about, "INFO.")):
			r.publish = append(r.publish, s)
		}
	}
	for stream := range w.streams {
		r.publish = append(r.publish, "$JS.API.CONSUMER.MSG.NEXT."+stream+".x", "$JS.API.CONSUMER.DELETE."+stream+".x")
	}
	for _, s := range w.publish {
		for stream := range w.streams {
			create := "$JS.API.CONSUMER.CREATE." + stream + ".x"
			facts := stream == events.StreamFacts || stream == events.StreamProgress || stream == events.StreamAudit || stream == events.StreamPartial
			if facts && s == create || strings.HasPrefix(s, create+".") {
				r.publish = append(r.publish, s)
			}
		}
	}
	r.subscribe = []string{"bulk.>", "live.bulk.>", "live.bulk.*.cancelled", "$JS.EVENT.ADVISORY.>", "_INBOX.>", "_INBOX_operator.>"}
	return r
}

// provisionerRoom owns the streams: all requests, but no message of its own.
func provisionerRoom(w world) (r room) {
	for _, s := range w.publish {
		if strings.HasPrefix(s, "$JS.API.") {
			r.publish = append(r.publish, s)
		}
	}
	r.subscribe = []string{"_INBOX_provisioner.>"}
	return r
}
