// Command gen writes the users of events/permissions into nats.conf, and a copy
// of nats.conf into events/embedded. Run it with go generate in
// events/permissions.
package main

import (
	"log"
	"os"

	"rollcall.example/events/permissions"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	conf, err := os.ReadFile("../../nats.conf")
	if err != nil {
		log.Fatal(err)
	}
	if conf, err = permissions.Rewrite(conf); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"../../nats.conf", "../embedded/nats.conf"} {
		if err := os.WriteFile(name, conf, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
