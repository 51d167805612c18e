package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// network is a switch with machines on it, each a network namespace, so that what passes
// between any two of them can be stopped. Nothing of it touches this machine's network.
type network struct {
	t      *testing.T
	prefix string // of the namespaces
	ips    map[string]string
}

// requireNamespaces ends the test unless this machine can have a network of its own.
func requireNamespaces(t *testing.T) {
	t.Helper()
	var err error
	for _, tool := range []string{"ip", "nft", "setpriv", "nsenter"} {
		_, missing := exec.LookPath(tool)
		err = errors.Join(err, missing)
	}
	if err == nil && os.Geteuid() != 0 {
		err = errors.New("only root makes namespaces")
	}
	if err != nil {
		t.Fatalf("NOT RUN: partitions. They need root, iproute2 and nftables (go tool task netns): %v", err)
	}
}

func newNetwork(t *testing.T, machines ...string) *network {
	t.Helper()
	requireNamespaces(t)
	n := &network{t: t, prefix: fmt.Sprintf("rc%d-", os.Getpid()), ips: map[string]string{}}
	hub := n.namespace("switch")
	n.must("ip", "-n", hub, "link", "add", "br0", "type", "bridge")
	n.must("ip", "-n", hub, "link", "set", "br0", "up")
	for i, name := range machines {
		ns := n.namespace(name)
		n.ips[name] = fmt.Sprintf("10.77.0.%d", i+1)
		port := fmt.Sprintf("p%d", i)
		n.must("ip", "-n", ns, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", hub)
		n.must("ip", "-n", hub, "link", "set", port, "master", "br0", "up")
		n.must("ip", "-n", ns, "addr", "add", n.ips[name]+"/24", "dev", "eth0")
		n.must("ip", "-n", ns, "link", "set", "eth0", "up")
		n.must("ip", "-n", ns, "link", "set", "lo", "up")
	}
	return n
}

func (n *network) namespace(name string) string {
	n.t.Helper()
	ns := n.prefix + name
	n.must("ip", "netns", "add", ns)
	n.t.Cleanup(func() { n.must("ip", "netns", "del", ns) })
	return ns
}

func (n *network) must(argv ...string) {
	n.t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		n.t.Fatalf("NOT RUN: partitions. %s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// host is where the processes of a machine run.
func (n *network) host(name string) host {
	// Not with ip netns exec: it makes a copy of all mounts, which would hold a disk.
	return host{ip: n.ips[name], run: []string{"nsenter", "--net=/var/run/netns/" + n.prefix + name}}
}

// deafen makes a machine hear nothing from some others. What it says, they still hear.
func (n *network) deafen(machine string, to ...string) error { return n.drop("split", machine, to) }

// drop has a machine drop what comes from others, by a table of its own for each kind of fault.
func (n *network) drop(table, machine string, others []string) error {
	var from []string
	for _, name := range others {
		if name != machine {
			from = append(from, n.ips[name])
		}
	}
	return n.filter(machine, fmt.Sprintf("table inet %s { chain in { type filter hook input priority 0; "+
		"ip saddr { %s } drop; }; }", table, strings.Join(from, ", ")))
}

// hear undoes drop. It is no error that there is nothing to undo.
func (n *network) hear(table, machine string) error {
	return n.filter(machine, fmt.Sprintf("add table inet %[1]s; delete table inet %[1]s", table))
}

func (n *network) filter(machine, rules string) error {
	cmd := exec.Command("ip", "netns", "exec", n.prefix+machine, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft in %s: %w: %s", machine, err, out)
	}
	return nil
}

// breakLine makes two machines not hear each other, until mendLine. It has nothing to do
// with split and heal.
func (n *network) breakLine(a, b string) error {
	return errors.Join(n.drop("line", a, []string{b}), n.drop("line", b, []string{a}))
}

func (n *network) mendLine(a, b string) error {
	return errors.Join(n.hear("line", a), n.hear("line", b))
}

// split makes some machines and others not hear each other.
func (n *network) split(some, others []string) (err error) {
	for _, name := range some {
		err = errors.Join(err, n.deafen(name, others...))
	}
	for _, name := range others {
		err = errors.Join(err, n.deafen(name, some...))
	}
	return err
}

// heal has all machines hear each other.
func (n *network) heal() (err error) {
	for name := range n.ips {
		err = errors.Join(err, n.hear("split", name))
	}
	return err
}

// dial connects to an address from the machine that has it, whoever else hears that.
func (n *network) dial(ctx context.Context, protocol, addr string) (conn net.Conn, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	for name, ip := range n.ips {
		if ip == host {
			return n.dialFrom(ctx, name, protocol, addr)
		}
	}
	return nil, fmt.Errorf("no machine has %s", addr)
}

func (n *network) dialFrom(ctx context.Context, machine, protocol, addr string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread stays in the namespace, so it ends with the goroutine.
		runtime.LockOSThread()
		var ns *os.File
		if ns, err = os.Open("/var/run/netns/" + n.prefix + machine); err != nil {
			return
		}
		defer func() { _ = ns.Close() }() // only read
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		conn, err = (&net.Dialer{}).DialContext(ctx, protocol, addr)
	}()
	<-done
	return conn, err
}

// forward returns an address of this machine that leads to one of the network.
func (n *network) forward(addr string) string {
	n.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return // closed
			}
			serving.Go(func() {
				defer func() { _ = from.Close() }() // the other side may have closed it
				to, err := n.dial(n.t.Context(), "tcp", addr)
				if err != nil {
					return // whoever dialed sees the end
				}
				defer func() { _ = to.Close() }()
				serving.Go(func() { _, _ = io.Copy(from, to); _ = from.Close() })
				_, _ = io.Copy(to, from) // ends with either side
			})
		}
	})
	n.t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			n.t.Error(err)
		}
		serving.Wait()
	})
	return ln.Addr().String()
}
