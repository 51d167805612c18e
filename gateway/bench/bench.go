//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/rpc"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"rollcall.example/events"
)

// bench has the processes and the jobs.
type bench struct {
	load
	secret   string
	nats     *process
	gateways []*process
	addrs    []string // of the gateways and of their replacements
	fleets   []*rpc.Client
	crews    []*process // of the fleets
	log      *events.Log
	peer     peer // nil when the gateway is measured
	jobs     []*job
}

// process is one that this process has started.
type process struct {
	cmd *exec.Cmd
	in  io.Closer // nil of a peer, which is told by a signal
	// address is the line that it wrote first: where it can be reached.
	address string
}

func spawn(ctx context.Context, name string, env ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+name), env...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: it wrote no address: %w", name, err), in.Close(), cmd.Wait())
	}
	return &process{cmd: cmd, in: in, address: strings.TrimSpace(line)}, nil
}

// stop lets the process close what it has open, and waits for its end.
func (p *process) stop() {
	if p.in != nil {
		_ = p.in.Close() // fails only when it is closed already
	} else {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended
	}
	_ = p.cmd.Wait() // how it ends no longer matters
}

// kill ends the process at once, as a crash would.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = p.cmd.Wait() // it was killed
	return nil
}

func start(ctx context.Context, l load) (b *bench, err error) {
	b = &bench{load: l, secret: rand.Text() + rand.Text()}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	if l.Peer != "" {
		addr, err := freeAddress()
		if err != nil {
			return nil, err
		}
		b.addrs = []string{addr}
		if b.peer, err = newPeer(l.Peer, l.Programs, addr); err != nil {
			return nil, err
		}
		return b, b.startPeer(ctx)
	}
	if b.nats, err = spawn(ctx, "nats", dirVariable+"="+l.Dir, secretVariable+"="+b.secret); err != nil {
		return nil, err
	}
	for range l.Gateways {
		b.addrs = append(b.addrs, "127.0.0.1:0")
	}
	if err := b.startGateways(ctx); err != nil {
		return nil, err
	}
	js, err := connectNATS(b.nats.address, "upload", b.secret)
	if err != nil {
		return nil, err
	}
	b.log = events.NewLog(js, events.StageUpload, newLogger())
	return b, nil
}

// returnsPerSecond is how many clients come back in a second to all gateways of this machine
// together, which is what one gateway asks for by default.
const returnsPerSecond = 6_000

// startGateways starts a gateway on each address, and keeps where it listens.
func (b *bench) startGateways(ctx context.Context) error {
	b.gateways = make([]*process, len(b.addrs))
	group := errgroup.Group{}
	for i, addr := range b.addrs {
		group.Go(func() (err error) {
			b.gateways[i], err = spawn(ctx, "gateway", natsVariable+"="+b.nats.address, addrVariable+"="+addr,
				secretVariable+"="+b.secret, returnsVariable+"="+strconv.Itoa(returnsPerSecond/len(b.addrs)))
			if err == nil {
				b.addrs[i] = b.gateways[i].address
			}
			return err
		})
	}
	return group.Wait()
}

// startFleets starts the processes of the clients.
func (b *bench) startFleets(ctx context.Context) error {
	for range b.Processes {
		crew, err := spawn(ctx, "fleet", secretVariable+"="+b.secret)
		if err != nil {
			return err
		}
		b.crews = append(b.crews, crew)
		fleet, err := rpc.Dial("tcp", crew.address)
		if err != nil {
			return err
		}
		b.fleets = append(b.fleets, fleet)
	}
	return nil
}

func (b *bench) stop() {
	for _, fleet := range b.fleets {
		_ = fleet.Close() // its process is ended next
	}
	if b.log != nil {
		b.log.JetStream().Conn().Close()
	}
	for _, p := range slices.Concat(b.crews, b.gateways, []*process{b.nats}) {
		if p != nil {
			p.stop()
		}
	}
}

// readMemory adds up what the gateways use after a collection.
func (b *bench) readMemory(ctx context.Context) (all memory, err error) {
	if b.peer != nil {
		return memory{Resident: b.resident()}, nil
	}
	for _, addr := range b.addrs {
		m, err := readMemory(ctx, addr)
		if err != nil {
			return all, fmt.Errorf("read the gateway's memory: %w", err)
		}
		all.Heap, all.Stacks, all.Resident = all.Heap+m.Heap, all.Stacks+m.Stacks, all.Resident+m.Resident
		all.Goroutines += m.Goroutines
	}
	return all, nil
}

func readMemory(ctx context.Context, addr string) (m memory, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/memory", nil)
	if err != nil {
		return m, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return m, err
	}
	defer resp.Body.Close()
	return m, json.NewDecoder(resp.Body).Decode(&m)
}

// resident adds up the resident memory of the gateways as it is.
func (b *bench) resident() (bytes uint64) {
	for _, g := range b.gateways {
		bytes += residentOf(g.cmd.Process.Pid)
	}
	return bytes
}

// peak adds up the most that each gateway has had resident since it was started.
func (b *bench) peak() (bytes uint64) {
	for _, g := range b.gateways {
		bytes += peakOf(g.cmd.Process.Pid)
	}
	return bytes
}
