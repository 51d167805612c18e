package main

import (
	"fmt"

	"rollcall.example/events/embedded"
	"rollcall.example/services/app"
)

type encryptCmd struct {
	Data     string `default:"rollcall-data" type:"path" placeholder:"DIR" help:"Data folder of up."`
	Store    string `type:"existingdir" placeholder:"DIR" help:"${help_encrypt_store}"`
	NATSConf string `name:"nats-conf" type:"existingfile" placeholder:"FILE" help:"${help_encrypt_conf}"`
	Check    bool   `help:"${help_encrypt_check}"`
}

// Run works on the files of a NATS server that is not running.
func (c *encryptCmd) Run(p *process) error {
	done, err := app.EncryptStore(app.StoreEncryption{
		Data: c.Data, Store: c.Store, NATSConf: c.NATSConf, Check: c.Check,
		Key: p.getenv(embedded.StoreKeyVariable), Next: p.getenv(app.NextStoreKeyVariable),
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, done)
	return nil
}
