package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// followersVariable has a followersConfig in JSON in the process that follows jobs, which is
// this program again: its memory and time are not the ones that are measured.
const followersVariable = "ROLLCALL_BENCH_FOLLOWERS"

const (
	// maxDials is how many followers connect at once.
	maxDials = 64
	// catchUpTimeout is how long it may take until all followers of a job have its end.
	catchUpTimeout = 2 * time.Minute
)

// followersConfig says who follows: one WebSocket each, by turns at each gateway. A job has
// one in groups of them, and each of them follows one job of a round after the other.
type followersConfig struct {
	Gateways []string
	Token    string
	Count    int
	Groups   int
}

// followerRequest is a line for the process that follows: its followers of a group shall
// follow a job, or, without Follow, tell what they have got of it.
type followerRequest struct {
	Job    string
	Group  int
	Follow bool
}

// followed is what followers have got of a job.
type followed struct {
	Followers, Facts, Lost, Doubled, Reconnects int
}

func (f *followed) add(g followed) {
	f.Followers, f.Facts, f.Lost = f.Followers+g.Followers, f.Facts+g.Facts, f.Lost+g.Lost
	f.Doubled, f.Reconnects = f.Doubled+g.Doubled, f.Reconnects+g.Reconnects
}

// followers is the process that follows.
type followers struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startFollowers returns when all of them are connected.
func startFollowers(ctx context.Context, cfg followersConfig) (*followers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	f := &followers{cmd: exec.CommandContext(ctx, self)}
	f.cmd.Env = append(os.Environ(), followersVariable+"="+string(text))
	f.cmd.Stderr = os.Stderr
	if f.in, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.out = bufio.NewReader(out)
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := f.out.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("followers: not connected: %w", err), f.stop())
	}
	return f, nil
}

// follow has the followers of a group follow a job.
func (f *followers) follow(job string, group int) error {
	return json.NewEncoder(f.in).Encode(followerRequest{Job: job, Group: group, Follow: true})
}

// check waits until the followers of an ended job have its end, and returns what they got.
func (f *followers) check(job string, group int) (got followed, err error) {
	if err := json.NewEncoder(f.in).Encode(followerRequest{Job: job, Group: group}); err != nil {
		return got, err
	}
	line, err := f.out.ReadBytes('\n')
	if err != nil {
		return got, fmt.Errorf("followers: %w", err)
	}
	return got, json.Unmarshal(line, &got)
}

// stop ends the process, which ends when its input does.
func (f *followers) stop() error { return errors.Join(f.in.Close(), f.cmd.Wait()) }

// runFollowers is the process that follows, if this is it.
func runFollowers(ctx context.Context) (ran bool, err error) {
	text, ok := os.LookupEnv(followersVariable)
	if !ok {
		return false, nil
	}
	var cfg followersConfig
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return true, err
	}
	ctx, cancel := context.WithCancel(ctx)
	list := make([]*follower, cfg.Count)
	dials, dctx := errgroup.WithContext(ctx)
	dials.SetLimit(maxDials)
	for i := range list {
		list[i] = &follower{url: "ws" + strings.TrimPrefix(cfg.Gateways[i%len(cfg.Gateways)], "http") + "/ws",
			token: cfg.Token, jobs: map[string]*followedJob{}}
		dials.Go(func() error { return list[i].dial(dctx) })
	}
	if err := dials.Wait(); err != nil {
		cancel()
		return true, fmt.Errorf("connect followers: %w", err)
	}
	var reading sync.WaitGroup
	for _, f := range list {
		reading.Go(func() { f.run(ctx) })
	}
	defer reading.Wait()
	defer cancel()
	fmt.Println("connected")
	c, err := client.New(client.Config{URL: cfg.Gateways[0], Token: cfg.Token})
	if err != nil {
		return true, err
	}
	for requests := json.NewDecoder(os.Stdin); ; {
		var r followerRequest
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return true, nil
		} else if err != nil {
			return true, err
		}
		var group []*follower
		// Neighbours are at different gateways, so each group is at all of them.
		for i := r.Group * len(list) / cfg.Groups; i < (r.Group+1)*len(list)/cfg.Groups; i++ {
			group = append(group, list[i])
		}
		if r.Follow {
			for _, f := range group {
				f.follow(ctx, r.Job)
			}
			continue
		}
		got, err := checkFollowed(ctx, c, r.Job, group)
		if err != nil {
			return true, err
		}
		if err := json.NewEncoder(os.Stdout).Encode(got); err != nil {
			return true, err
		}
	}
}

// checkFollowed compares what followers have got with the job's history.
func checkFollowed(ctx context.Context, c *client.Client, job string, group []*follower) (got followed, err error) {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	var facts []uint64
	for frame, err := range c.History(ctx, job) {
		if err != nil {
			return got, fmt.Errorf("history: %w", err)
		}
		if frame.Seq > 0 {
			facts = append(facts, frame.Seq)
		}
	}
	for _, f := range group {
		seqs := f.received(job)
		for !slices.Contains(seqs, facts[len(facts)-1]) {
			if wait(ctx, 20*time.Millisecond) != nil {
				break // the fact is lost, which is counted
			}
			seqs = f.received(job)
		}
		there := len(slices.Compact(slices.Sorted(slices.Values(seqs))))
		got.add(followed{Followers: 1, Facts: len(seqs), Lost: len(facts) - there, Doubled: len(seqs) - there,
			Reconnects: f.takeReconnects()})
		if got.Lost == 0 && got.Doubled == 0 && !slices.Equal(seqs, facts) {
			return got, fmt.Errorf("a follower has %v of %s, its history is %v", seqs, job, facts)
		}
	}
	return got, nil
}

// follower follows jobs over one connection after the other.
type follower struct {
	url, token string

	mu         sync.Mutex
	ws         *websocket.Conn
	jobs       map[string]*followedJob
	reconnects int
}

type followedJob struct {
	acknowledged bool // on this connection
	seqs         []uint64
}

func (f *follower) dial(ctx context.Context) error {
	ws, _, err := websocket.Dial(ctx, f.url, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + f.token}}})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ws = ws
	return nil
}

// follow subscribes to a job. If that fails, the connection ends, and run subscribes again.
func (f *follower) follow(ctx context.Context, job string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs[job] = &followedJob{}
	f.subscribe(ctx, job)
}

// subscribe asks for what comes after the newest fact of a job. The caller holds mu.
func (f *follower) subscribe(ctx context.Context, job string) {
	s := frames.Subscribe{JobID: job}
	if seqs := f.jobs[job].seqs; len(seqs) > 0 {
		s.After = seqs[len(seqs)-1]
	}
	text, err := json.Marshal(map[string]any{"event": frames.EventSubscribe, "data": s, "id": 1})
	if err == nil {
		err = f.ws.Write(ctx, websocket.MessageText, text)
	}
	if err != nil {
		_ = f.ws.CloseNow() // the reader sees it
	}
}

// run reads until ctx ends, and connects again whenever the connection ends.
func (f *follower) run(ctx context.Context) {
	for {
		f.read(ctx)
		_ = f.ws.CloseNow() // it has ended
		for {
			if wait(ctx, time.Duration(100+rand.IntN(900))*time.Millisecond) != nil {
				return
			}
			if f.dial(ctx) == nil {
				break
			}
		}
		f.mu.Lock()
		f.reconnects++
		for id, job := range f.jobs {
			job.acknowledged = false
			f.subscribe(ctx, id)
		}
		f.mu.Unlock()
	}
}

// read notes the facts that come over the connection, until it ends.
func (f *follower) read(ctx context.Context) {
	for {
		_, text, err := f.ws.Read(ctx)
		if err != nil {
			return
		}
		var frame struct {
			Event string
			Seq   uint64
			Data  struct {
				JobID string `json:"job_id"`
			}
		}
		if json.Unmarshal(text, &frame) != nil || frame.Event == frames.EventError {
			return
		}
		f.mu.Lock()
		switch job := f.jobs[frame.Data.JobID]; {
		case job == nil:
		case frame.Event == frames.EventAck:
			job.acknowledged = true
		case job.acknowledged && frame.Seq > 0: // what comes before the ack comes again
			job.seqs = append(job.seqs, frame.Seq)
		}
		f.mu.Unlock()
	}
}

func (f *follower) received(job string) []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.jobs[job].seqs)
}

// takeReconnects returns how often it has connected again since the last call.
func (f *follower) takeReconnects() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.reconnects
	f.reconnects = 0
	return n
}
