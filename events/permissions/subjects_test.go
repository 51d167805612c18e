package permissions_test

import (
	"fmt"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/permissions"
)

// access is the subjects that a user may publish and subscribe to.
type access struct{ publish, subscribe []string }

// expected returns what the table allows to each user, without wildcards. It
// repeats the logic of the package on purpose.
func expected(w world) map[string]access {
	all := map[string]access{}
	for _, u := range append(permissions.Users(), permissions.Gateway()) {
		a := access{publish: mayPublish(u), subscribe: append(u.Subscribe, "_INBOX_"+u.Name+".>")}
		switch u.Name {
		case "operator":
			a.publish = operatorMayPublish(w)
		case "provisioner":
			a.publish = provisionerMayPublish(w)
		}
		for _, s := range a.subscribe {
			if s == "live.bulk.>" {
				a.subscribe = append(a.subscribe, "live.bulk.*.cancelled")
			}
		}
		all[u.Name] = a
	}
	return all
}

const aCase = "case-01999999-0000-7000-8000-000000000000"

const aJob = "job-01999999-0000-7000-8000-000000000000"

// mayPublish returns the subjects that a service may publish to.
func mayPublish(u permissions.User) (list []string) {
	add := func(format string, names ...any) { list = append(list, fmt.Sprintf(format, names...)) }
	for _, g := range u.Publish {
		for _, s := range g.Subjects {
			s = strings.Replace(s, "case.*", "case."+aCase, 1)
			list = append(list, strings.Replace(s, "$JS.ACK.CASES.cases.>", "$JS.ACK.CASES.cases.1.1.1.1.0", 1))
		}
	}
	for _, k := range u.Kinds {
		add("%s", events.Subject(aJob, k))
	}
	for _, what := range u.Audit {
		add("%s", events.AuditSubject(aJob, what))
	}
	if u.ReadsLog {
		add("$JS.API.STREAM.INFO.%s", events.StreamFacts)
		add("$JS.API.DIRECT.GET.%s", events.StreamFacts)
		for _, k := range events.Kinds {
			add("$JS.API.DIRECT.GET.%s.%s", events.StreamFacts, events.Subject(aJob, k))
		}
		add("$JS.API.DIRECT.GET.%s", events.StreamProgress)
	}
	if u.Consumer != "" {
		add("$JS.API.CONSUMER.INFO.%s.%s", events.StreamFacts, u.Consumer)
		add("$JS.API.CONSUMER.MSG.NEXT.%s.%s", events.StreamFacts, u.Consumer)
		add("$JS.ACK.%s.%s.1.1.1.1.0", events.StreamFacts, u.Consumer)
	}
	for _, b := range u.Objects {
		add("$JS.API.STREAM.INFO.OBJ_%s", b.Name)
		add("$JS.API.DIRECT.GET.OBJ_%s.$O.%s.M.x", b.Name, b.Name)
		if b.Write {
			add("$O.%s.C.x", b.Name)
			add("$O.%s.M.x", b.Name)
			add("$JS.API.STREAM.PURGE.OBJ_%s", b.Name)
		}
		if b.Clear {
			add("$JS.API.DIRECT.GET.OBJ_%s", b.Name)
			add("$JS.API.DIRECT.GET.OBJ_%s.$O.%s.C.x", b.Name, b.Name)
		}
		if b.Read {
			add("$JS.API.CONSUMER.CREATE.OBJ_%s.x.$O.%s.C.x", b.Name, b.Name)
			add("$JS.API.CONSUMER.DELETE.OBJ_%s.x", b.Name)
			add("$JS.FC.OBJ_%s.x.x", b.Name)
		}
	}
	for _, b := range u.KeyValues {
		add("$JS.API.STREAM.INFO.KV_%s", b.Name)
		add("$JS.API.DIRECT.GET.KV_%s.$KV.%s.x", b.Name, b.Name)
		if b.Write {
			add("$KV.%s.x", b.Name)
		}
		if b.Batch {
			add("$JS.API.DIRECT.GET.KV_%s", b.Name)
		}
	}
	return list
}

// operatorMayPublish returns the subjects that read everything and change only
// consumers of the user's own.
func operatorMayPublish(w world) (list []string) {
	for _, s := range w.publish {
		verb, about, _ := strings.Cut(strings.TrimPrefix(s, "$JS.API."), ".")
		switch {
		case strings.HasPrefix(s, "$JS.FC."),
			s == "$JS.API.INFO",
			s == "$JS.API.STREAM.NAMES",
			s == "$JS.API.STREAM.LIST",
			verb == "DIRECT",
			verb == "STREAM" && (strings.HasPrefix(about, "INFO.") || strings.HasPrefix(about, "MSG.GET.")),
			verb == "CONSUMER" && (strings.HasPrefix(about, "NAMES.") || strings.HasPrefix(about, "LIST.") ||
				strings.HasPrefix(about, "INFO.")):
			list = append(list, s)
		}
	}
	for stream := range w.streams {
		list = append(list, "$JS.API.CONSUMER.MSG.NEXT."+stream+".x", "$JS.API.CONSUMER.DELETE."+stream+".x")
	}
	for _, s := range w.publish {
		for stream := range w.streams {
			create := "$JS.API.CONSUMER.CREATE." + stream + ".x"
			plain := stream == events.StreamFacts || stream == events.StreamProgress ||
				stream == events.StreamAudit || stream == events.StreamPartial || stream == events.StreamCases
			if plain && s == create || strings.HasPrefix(s, create+".") {
				list = append(list, s)
			}
		}
	}
	return list
}

// provisionerMayPublish returns all requests of the JetStream API; the user
// stores no messages.
func provisionerMayPublish(w world) (list []string) {
	for _, s := range w.publish {
		if strings.HasPrefix(s, "$JS.API.") {
			list = append(list, s)
		}
	}
	return list
}
