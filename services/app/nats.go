package app

import (
	"fmt"
	"os"

	"rollcall.example/events/embedded"
)

// embedNATS starts a server in the process and leaves NATSEnv and InvestigatorEnv.
func (in *Infrastructure) embedNATS(dir *dataFolder, c *UpConfig) error {
	var conf []byte
	if c.NATSConf != "" {
		var err error
		if conf, err = os.ReadFile(c.NATSConf); err != nil {
			return fmt.Errorf("read nats.conf: %w", err)
		}
	}
	key, err := dir.storeKey(in.storeKey)
	if err != nil {
		return err
	}
	srv, err := embedded.Start(embedded.Config{
		Conf: conf, StoreKey: key, Dir: dir.join(natsFolder), Addr: c.NATSAddr, Passwords: in.passwords, Logger: in.logger,
		Cert: c.NATS.Cert, Key: c.NATS.Key,
	})
	if err != nil {
		return err
	}
	in.closeLater(func() error { srv.Stop(); return nil })
	in.connect, in.embedded = srv.Connect, srv
	return in.writeNATSEnv(dir, c.NATS.CA)
}
