package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rollcall.example/services/postgres"
)

// measurePipelines has rollcall and the one on Node read the same rolls: the first to fill
// the cache of answers, then one to be timed, then one in whose middle all its processes
// are killed.
func (b *bench) measurePipelines(ctx context.Context, l peerLoad) (runs []pipelineRun, err error) {
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	iec, err := b.startCommand(ctx, "iec-sim", "--addr", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, iec.stop()) }()
	b.iec = iec.url
	timed, killed := filepath.Join(b.dir, "timed.xlsx"), filepath.Join(b.dir, "killed.xlsx")
	if err := errors.Join(writeRoll(timed, 0, l.rows), writeRoll(killed, l.rows, l.rows)); err != nil {
		return nil, err
	}
	node, err := b.measureNode(ctx, l, timed, killed)
	if err != nil {
		return nil, fmt.Errorf("pipeline on Node: %w", err)
	}
	ours, err := b.measureOurs(ctx, l, timed, killed)
	if err != nil {
		return nil, fmt.Errorf("rollcall: %w", err)
	}
	return []pipelineRun{ours, node}, nil
}

func (b *bench) measureOurs(ctx context.Context, l peerLoad, timed, killed string) (r pipelineRun, err error) {
	r.name = "rollcall"
	s, err := b.startUp(ctx)
	if err != nil {
		return r, err
	}
	for _, roll := range []string{timed, killed} {
		if _, err := s.timeJob(ctx, roll, true); err != nil {
			return r, errors.Join(err, s.stop())
		}
	}
	if err := s.stop(); err != nil {
		return r, err
	}
	if s, err = b.startUp(ctx); err != nil {
		return r, err
	}
	if r.took, err = s.timeJob(ctx, timed, false); err != nil {
		return r, errors.Join(err, s.stop())
	}
	if r.peakBytes, err = s.peakMemory(); err != nil {
		return r, errors.Join(err, s.stop())
	}
	id, err := s.upload(ctx, killed)
	if err != nil {
		return r, errors.Join(err, s.stop())
	}
	if err := wait(ctx, r.took/2); err != nil {
		return r, errors.Join(err, s.stop())
	}
	if err := s.cmd.Process.Kill(); err != nil {
		return r, err
	}
	<-s.done
	begin := time.Now()
	if s, err = b.startUp(ctx); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	written, err := s.follow(ctx, id)
	r.recovered, r.missing = time.Since(begin), l.rows-written
	return r, err
}

// nodePipeline is pipeline.mjs with the servers that it needs.
type nodePipeline struct {
	b     *bench
	dir   string // of its modules
	data  string
	db    *postgres.Server
	redis *exec.Cmd
	node  *exec.Cmd
	port  string // of Redis
	url   string
}

func (b *bench) measureNode(ctx context.Context, l peerLoad, timed, killed string) (r pipelineRun, err error) {
	r.name = "Node: BullMQ, exceljs"
	p := &nodePipeline{b: b, dir: l.dir, data: filepath.Join(b.dir, "node")}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.start(ctx); err != nil {
		return r, err
	}
	for _, roll := range []string{timed, killed} {
		if _, err := p.timeRoll(ctx, roll, "?dry_run"); err != nil {
			return r, err
		}
	}
	p.kill(p.node)
	if err := p.startNode(ctx); err != nil {
		return r, err
	}
	if r.took, err = p.timeRoll(ctx, timed, ""); err != nil {
		return r, err
	}
	for _, cmd := range []*exec.Cmd{p.node, p.redis} {
		n, err := peakOf(cmd.Process.Pid)
		if err != nil {
			return r, err
		}
		r.peakBytes += n
	}
	id, err := p.upload(ctx, killed, "")
	if err != nil {
		return r, err
	}
	if err := wait(ctx, r.took/2); err != nil {
		return r, err
	}
	p.kill(p.node)
	p.kill(p.redis)
	begin := time.Now()
	if err := p.startRedis(ctx); err != nil {
		return r, err
	}
	if err := p.startNode(ctx); err != nil {
		return r, err
	}
	err = p.follow(ctx, id)
	r.recovered = time.Since(begin)
	if err != nil { // it is lost, and nobody is told
		fmt.Fprintln(os.Stderr, "pipeline on Node:", err)
	}
	there, err := p.countMembers(ctx)
	r.missing = 2*l.rows - there
	return r, err
}

func (p *nodePipeline) start(ctx context.Context) (err error) {
	if err := os.MkdirAll(p.data, 0o755); err != nil {
		return err
	}
	if p.db, err = postgres.Start(ctx, postgres.Config{Dir: filepath.Join(p.data, "postgres")}); err != nil {
		return err
	}
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	_, p.port, _ = net.SplitHostPort(addr) // freeAddress has made it
	if err := p.startRedis(ctx); err != nil {
		return err
	}
	return p.startNode(ctx)
}

// startRedis starts it with the durability that its documentation recommends: a log that is
// synced every second.
func (p *nodePipeline) startRedis(ctx context.Context) error {
	p.redis = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", p.port, "--dir", p.data,
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--loglevel", "warning")
	if err := p.redis.Start(); err != nil {
		return err
	}
	return waitListening(ctx, "127.0.0.1:"+p.port)
}

func (p *nodePipeline) startNode(ctx context.Context) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(addr) // freeAddress has made it
	p.url = "http://" + addr
	p.node = exec.Command("node", filepath.Join(p.dir, "pipeline.mjs"), host, port)
	p.node.Env = append(os.Environ(), "REDIS_PORT="+p.port, "IEC_URL="+p.b.iec, "DIR="+p.data)
	for setting := range strings.FieldsSeq(p.db.URL()) { // it is no address but settings
		name, value, _ := strings.Cut(setting, "=")
		if variable, ok := libpq[name]; ok {
			p.node.Env = append(p.node.Env, variable+"="+value)
		}
	}
	p.node.Stderr = os.Stderr
	if err := p.node.Start(); err != nil {
		return err
	}
	return waitListening(ctx, addr)
}

// libpq has the variables of clients of PostgreSQL, by what they are called in a setting.
var libpq = map[string]string{
	"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
}

// kill ends a process at once.
func (p *nodePipeline) kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // fails only when it has ended
	_ = cmd.Wait()         // it was killed
}

func (p *nodePipeline) stop() error {
	for _, cmd := range []*exec.Cmd{p.node, p.redis} {
		if cmd != nil && cmd.Process != nil {
			p.kill(cmd)
		}
	}
	if p.db == nil {
		return nil
	}
	return p.db.Stop(context.Background())
}

func (p *nodePipeline) timeRoll(ctx context.Context, roll, query string) (time.Duration, error) {
	begin := time.Now()
	id, err := p.upload(ctx, roll, query)
	if err != nil {
		return 0, err
	}
	err = p.follow(ctx, id)
	return time.Since(begin), err
}

func (p *nodePipeline) upload(ctx context.Context, roll, query string) (string, error) {
	f, err := os.Open(roll)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // read only
	var answer struct{ ID string }
	return answer.ID, p.call(ctx, http.MethodPost, "/upload"+query, f, &answer)
}

// follow waits for the end of a job, for three minutes at most.
func (p *nodePipeline) follow(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		var job struct{ State, Error string }
		if err := p.call(ctx, http.MethodGet, "/status/"+url.PathEscape(id), nil, &job); err != nil {
			return err
		}
		switch job.State {
		case "completed":
			return nil
		case "failed", "unknown":
			return fmt.Errorf("the job is %s: %s", job.State, job.Error)
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the job is still %s: %w", job.State, err)
		}
	}
}

func (p *nodePipeline) call(ctx context.Context, method, path string, body *os.File, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, http.NoBody)
	if err != nil {
		return err
	}
	if body != nil {
		req.Body = body
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // all of it was read, or is of no use
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

func (p *nodePipeline) countMembers(ctx context.Context) (n int, err error) {
	db, err := postgres.Open(ctx, p.db.URL())
	if err != nil {
		return 0, err
	}
	err = db.GetContext(ctx, &n, "SELECT count(*) FROM members")
	return n, errors.Join(err, db.Close())
}

// freeAddress returns one that nobody listens on.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// waitListening waits until somebody listens on an address, for half a minute at most.
func waitListening(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if werr := wait(ctx, 20*time.Millisecond); werr != nil {
			return errors.Join(werr, err)
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
