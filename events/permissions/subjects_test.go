package permissions_test

import (
	"fmt"
	"slices"
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
	for _, u := range permissions.Users() {
		a := access{publish: mayPublish(u), subscribe: append(u.Subscribe, "_INBOX_"+u.Name+".>")}
		if u.CLI {
			a.subscribe = append(a.subscribe, "_INBOX.>")
		}
		switch u.Name {
		case "operator":
			a.publish = append(look(w), read(w)...)
		case "investigator":
			a.publish = slices.Concat(look(w), read(w), readArtifacts(w))
		case "provisioner":
			a.publish = provision(w)
		case "auditor":
			a.publish = keepAudit(w)
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
			if strings.HasPrefix(s, "$JS.ACK.") {
				s = strings.TrimSuffix(s, ">") + "1.1.1.1.0"
			}
			list = append(list, s)
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
		if b.Read || b.Clear {
			add("$JS.API.DIRECT.GET.OBJ_%s", b.Name)
		}
		if b.Clear {
			add("$JS.API.DIRECT.GET.OBJ_%s.$O.%s.C.x", b.Name, b.Name)
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

// look returns the requests that show streams and consumers.
func look(w world) []string {
	return choose(w, func(verb, about string) bool {
		switch verb {
		case "INFO":
			return about == ""
		case "STREAM":
			return about == "NAMES" || about == "LIST" || strings.HasPrefix(about, "INFO.")
		case "CONSUMER":
			return strings.HasPrefix(about, "NAMES.") || strings.HasPrefix(about, "LIST.") ||
				strings.HasPrefix(about, "INFO.")
		}
		return false
	})
}

// read returns the requests for messages without artifacts or answers of the IEC.
func read(w world) []string {
	streams := []string{"BULK", "BULK_PROGRESS", "CASES", "AUDIT", "ADVISORIES"}
	return choose(w, func(verb, about string) bool {
		for _, name := range streams {
			if verb == "STREAM" && about == "MSG.GET."+name ||
				verb == "DIRECT" && (about == "GET."+name || strings.HasPrefix(about, "GET."+name+".")) {
				return true
			}
		}
		return false
	})
}

// readArtifacts returns the requests of `nats object ls` and `nats object get`.
func readArtifacts(w world) (list []string) {
	for _, name := range []string{"UPLOADS", "ROWS", "VERDICTS", "OUTCOMES", "REPORTS"} {
		create := "$JS.API.CONSUMER.CREATE.OBJ_" + name + ".x.$O." + name
		list = append(list, create+".C.x", create+".M.x", "$JS.API.CONSUMER.DELETE.OBJ_"+name+".x",
			"$JS.FC.OBJ_"+name+".x.x", "$JS.API.DIRECT.GET.OBJ_"+name+".$O."+name+".M.x")
	}
	return list
}

// provision returns the requests that make streams and the consumers of services.
func provision(w world) []string {
	return append(look(w), choose(w, func(verb, about string) bool {
		switch verb {
		case "STREAM":
			name := about[strings.LastIndexByte(about, '.')+1:]
			audit := name == "AUDIT" || name == "ADVISORIES"
			return w.streams[name] != nil && (about == "CREATE."+name || about == "UPDATE."+name && !audit ||
				about == "DELETE."+name && strings.HasPrefix(name, "KV_"))
		case "CONSUMER":
			parts := strings.Split(about, ".")
			return parts[0] == "CREATE" && len(parts) > 2 && parts[2] != "x" && (parts[1] == "BULK" || parts[1] == "CASES")
		}
		return false
	})...)
}

// keepAudit returns the requests that change how long the audit is kept.
func keepAudit(w world) []string {
	return choose(w, func(verb, about string) bool {
		for _, name := range []string{"AUDIT", "ADVISORIES"} {
			if verb == "STREAM" && (about == "INFO."+name || about == "CREATE."+name || about == "UPDATE."+name) {
				return true
			}
		}
		return false
	})
}

// choose returns the requests to the API of JetStream that are wanted.
func choose(w world, want func(verb, about string) bool) (list []string) {
	for _, s := range w.publish {
		if request, ok := strings.CutPrefix(s, "$JS.API."); ok {
			if verb, about, _ := strings.Cut(request, "."); want(verb, about) {
				list = append(list, s)
			}
		}
	}
	return list
}
