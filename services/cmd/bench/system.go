package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall.example/events/embedded"
	"rollcall.example/gateway/client"
)

// systemLoad is what a whole installation has to do at once. All of it is positive.
type systemLoad struct {
	// users upload a roll of rows each, and again in the next round.
	users, rows, rounds int
	followers           int
	// every is the time from one small roll to the next.
	every time.Duration
	// small is how many small rolls there are; then they come again, and change nothing.
	small int
}

// systemRun is what became of it.
type systemRun struct {
	systemLoad
	// alone is a job of the same size with nothing beside it, aloneCPU the processor time
	// that it took in all processes of the installation.
	alone     []stageTime
	aloneCPU  time.Duration
	aloneUsed map[string]time.Duration // the same by process
	rounds    []systemRound
}

// systemRound is one round: each user's job, and small ones meanwhile.
type systemRound struct {
	// took is the time from the first upload to the last report.
	took     time.Duration
	cpu      time.Duration            // in all processes of the installation
	used     map[string]time.Duration // the same by process
	small    [][]stageTime            // of the small jobs
	peaks    map[string]int64         // of memory, by process
	followed followed
}

// measureSystem runs an installation under load. It fails unless each job writes each of its
// rows and each follower gets each fact once; how fast that is it tells.
func measureSystem(ctx context.Context, l systemLoad, out io.Writer) (err error) {
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "rollcall-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	in, err := newInstallation(ctx, b)
	if in != nil {
		defer func() { err = errors.Join(err, in.close()) }()
	}
	if err != nil {
		return err
	}
	s := &system{installation: in, run: systemRun{systemLoad: l}}
	if err := s.prime(ctx); err != nil {
		return fmt.Errorf("prime: %w", err)
	}
	if err := in.start(ctx, embedded.Conf); err != nil {
		return err
	}
	if err := s.measure(ctx); err != nil {
		return err
	}
	return s.run.print(out)
}

// system is an installation and its load.
type system struct {
	*installation
	run       systemRun
	followers *followers
	smallJobs int // so far
}

func (s *system) roll(round, user int) string {
	return filepath.Join(s.b.dir, fmt.Sprintf("roll-%d-%d.xlsx", round, user))
}

func (s *system) smallRoll(n int) string {
	return filepath.Join(s.b.dir, fmt.Sprintf("small-%d.xlsx", n%s.run.small))
}

// prime writes the rolls, and has the IEC asked about their people, so that the answers are
// known. The first round is that of the job alone.
func (s *system) prime(ctx context.Context) error {
	// Syncing each answer to the disk would take most of the time.
	if err := s.start(ctx, unsynced(embedded.Conf)); err != nil {
		return err
	}
	var rolls []string
	next := 0
	write := func(path string, rows int) error {
		rolls = append(rolls, path)
		next += rows
		return writeRoll(path, next-rows, rows)
	}
	err := write(s.roll(0, 0), s.run.rows)
	for round := range s.run.systemLoad.rounds {
		for user := range s.run.users {
			err = errors.Join(err, write(s.roll(round+1, user), s.run.rows))
		}
	}
	for n := range s.run.small {
		err = errors.Join(err, write(s.smallRoll(n), smallRows))
	}
	if err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(s.run.users)
	for n, path := range rolls {
		group.Go(func() error {
			who, err := s.user(n % s.run.users)
			if err != nil {
				return err
			}
			return askAbout(gctx, who.rest, who.live, path)
		})
	}
	return errors.Join(group.Wait(), s.stop())
}

// runJob uploads a roll as a user, and follows the job to its report. uploaded, if not nil,
// is told of the job.
func (s *system) runJob(ctx context.Context, user int, path string, uploaded func(id string) error) (
	stages []stageTime, frame client.Frame, err error,
) {
	who, err := s.user(user)
	if err != nil {
		return nil, frame, err
	}
	begin := time.Now()
	id, err := uploadRoll(ctx, who.rest, path, false)
	if err != nil {
		return nil, frame, fmt.Errorf("upload %s: %w", filepath.Base(path), err)
	}
	if uploaded != nil {
		if err := uploaded(id); err != nil {
			return nil, frame, err
		}
	}
	if stages, frame, err = followStages(ctx, who.live, id, begin); err == nil {
		err = checkComplete(frame)
	}
	if err != nil {
		return nil, frame, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return stages, frame, nil
}

func (s *system) measure(ctx context.Context) (err error) {
	token, err := s.mint("follower")
	if err != nil {
		return err
	}
	s.followers, err = startFollowers(ctx, followersConfig{Gateways: s.gateways, Token: token,
		Count: s.run.systemLoad.followers, Groups: s.run.users})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.followers.stop()) }()
	for round := range s.run.systemLoad.rounds {
		r, err := s.measureRound(ctx, round+1)
		if err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
		s.run.rounds = append(s.run.rounds, r)
	}
	// The job alone comes last: the first one after a start pays for what is read once.
	before, err := s.measureAll()
	if err != nil {
		return err
	}
	var frame client.Frame
	if s.run.alone, frame, err = s.runJob(ctx, 0, s.roll(0, 0), nil); err != nil {
		return err
	}
	if err := s.checkInserted(frame); err != nil {
		return err
	}
	after, err := s.measureAll()
	if err != nil {
		return err
	}
	s.run.aloneUsed, s.run.aloneCPU = used(before, after)
	return s.checkMembers(ctx)
}

// measureAll returns what all processes use, the clients too.
func (s *system) measureAll() (map[string]usage, error) {
	all, err := s.measureUsage()
	if err != nil {
		return nil, err
	}
	sum := time.Duration(0)
	for _, pid := range []int{os.Getpid(), s.followers.cmd.Process.Pid} {
		cpu, err := readCPU(pid, false)
		if err != nil {
			return nil, err
		}
		sum += cpu
	}
	all[clients] = usage{cpu: sum}
	return all, nil
}

func (s *system) checkInserted(frame client.Frame) error {
	done, err := frame.Complete()
	if err == nil && done.Database.Inserts != s.run.rows {
		err = fmt.Errorf("of %d rows %d became members", s.run.rows, done.Database.Inserts)
	}
	return err
}

// checkMembers compares the database with all that was uploaded.
func (s *system) checkMembers(ctx context.Context) error {
	there, err := s.countMembers(ctx)
	if err != nil {
		return err
	}
	jobs := 1 + len(s.run.rounds)*s.run.users
	if want := jobs*s.run.rows + min(s.smallJobs, s.run.small)*smallRows; there != want {
		return fmt.Errorf("%d members, want %d", there, want)
	}
	return nil
}

// measureRound has each user upload a roll, and small rolls uploaded as long as a user waits.
func (s *system) measureRound(ctx context.Context, round int) (r systemRound, err error) {
	before, err := s.measureAll()
	if err != nil {
		return r, err
	}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	var memory errgroup.Group
	memory.Go(func() (err error) { r.peaks, err = s.watchMemory(watching); return err })

	ids := make([]string, s.run.users)
	big, bctx := errgroup.WithContext(ctx)
	ended := make(chan struct{})
	begin := time.Now()
	for user := range ids {
		big.Go(func() error {
			_, frame, err := s.runJob(bctx, user, s.roll(round, user), func(id string) error {
				ids[user] = id
				return s.followers.follow(id, user)
			})
			if err == nil {
				err = s.checkInserted(frame)
			}
			return err
		})
	}
	var small errgroup.Group
	small.Go(func() error { var err error; r.small, err = s.runSmall(ctx, ended); return err })
	err = big.Wait()
	r.took = time.Since(begin)
	close(ended)
	err = errors.Join(err, small.Wait())
	after, cerr := s.measureAll()
	r.used, r.cpu = used(before, after)
	stopWatching()
	if err := errors.Join(err, cerr, memory.Wait()); err != nil {
		return r, err
	}
	for user, id := range ids {
		got, err := s.followers.check(id, user)
		if err != nil {
			return r, err
		}
		r.followed.add(got)
	}
	if r.followed.Lost > 0 || r.followed.Doubled > 0 {
		return r, fmt.Errorf("%d followers: %d facts lost, %d doubled", r.followed.Followers, r.followed.Lost,
			r.followed.Doubled)
	}
	return r, nil
}

// runSmall uploads a small roll after the other until ended is closed, and returns the stages
// of each job.
func (s *system) runSmall(ctx context.Context, ended <-chan struct{}) (list [][]stageTime, err error) {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for {
		select {
		case <-ended:
			err := group.Wait()
			return list, err
		case <-ctx.Done():
			return nil, errors.Join(group.Wait(), ctx.Err())
		case <-time.After(s.run.every):
		}
		n := s.smallJobs
		s.smallJobs++
		group.Go(func() error {
			stages, _, err := s.runJob(ctx, s.run.users+n, s.smallRoll(n), nil)
			mu.Lock()
			defer mu.Unlock()
			list = append(list, stages)
			return err
		})
	}
}
