package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rollcall.example/gateway/client"
)

type watchDirCmd struct {
	serverSettings
	Dir       string        `arg:"" type:"existingdir" help:"The folder."`
	TokenFile string        `type:"path" placeholder:"FILE" help:"File with your token, read anew for each upload, instead of --token."`
	Settle    time.Duration `default:"5s" help:"How long a file must not have changed before it is uploaded."`
	DryRun    bool          `env:"-" help:"Write nothing to the database; the reports say what would be written."`
	SkipIEC   bool          `env:"-" name:"skip-iec" help:"Ask the IEC about nobody."`
}

// The folders into which files go, and what is written beside one that failed.
const (
	doneDir      = "done"
	failedDir    = "failed"
	reasonSuffix = ".reason.txt"
	jobSuffix    = ".job.txt"
)

// Run uploads what is put into the folder until ctx ends. A file goes to done with
// the job's id beside it once the server has taken it, or to failed with the
// reason. What the server cannot take at the moment stays and is tried again.
func (c *watchDirCmd) Run(ctx context.Context, p *process) error {
	for _, dir := range []string{doneDir, failedDir} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	fmt.Fprintf(p.out, "watching %s\n", c.Dir)
	w := &dirWatcher{cmd: c, p: p, seen: map[string]seenFile{}, until: map[string]time.Time{}}
	every := min(max(c.Settle/5, 50*time.Millisecond), time.Second)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// seenFile is how a file looked, and since when.
type seenFile struct {
	size  int64
	at    time.Time // its modification time
	since time.Time
}

type dirWatcher struct {
	cmd   *watchDirCmd
	p     *process
	seen  map[string]seenFile
	until map[string]time.Time // when a file that could not be taken is tried again
}

// retryAfter is how long a file waits that the server could not take.
const retryAfter = 10 * time.Second

// look uploads what has settled.
func (w *dirWatcher) look(ctx context.Context) error {
	entries, err := os.ReadDir(w.cmd.Dir)
	if err != nil {
		return err
	}
	now := time.Now()
	there := map[string]bool{}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || !uploadable(name) {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone this moment
		}
		if err != nil {
			return err
		}
		there[name] = true
		was, known := w.seen[name]
		if !known || was.size != info.Size() || !was.at.Equal(info.ModTime()) {
			w.seen[name] = seenFile{info.Size(), info.ModTime(), now}
			continue
		}
		if now.Sub(was.since) < w.cmd.Settle || now.Before(w.until[name]) {
			continue
		}
		if err := w.take(ctx, name); err != nil {
			return err
		}
	}
	for name := range w.seen {
		if !there[name] {
			delete(w.seen, name)
			delete(w.until, name)
		}
	}
	return ctx.Err()
}

// uploadable says whether a name is a spreadsheet's and not that of a file which
// a program keeps beside it or has not finished.
func uploadable(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return (ext == ".xlsx" || ext == ".csv") && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "~$")
}

// take uploads a file and moves it.
func (w *dirWatcher) take(ctx context.Context, name string) error {
	path := filepath.Join(w.cmd.Dir, name)
	jobID, err := w.upload(ctx, path)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err == nil:
		fmt.Fprintf(w.p.out, "%s is %s\n", name, jobID)
		return w.move(name, doneDir, jobSuffix, jobID)
	case fileRefused(err):
		fmt.Fprintf(w.p.out, "%s was refused: %v\n", name, err)
		return w.move(name, failedDir, reasonSuffix, err.Error())
	}
	w.p.log.Warn("file not uploaded yet", "file", name, "err", err)
	w.until[name] = time.Now().Add(max(retryAfter, w.cmd.Settle))
	return nil
}

// fileRefused reports whether the file itself is refused. A bad token, too much at once, and
// a server that is not there are none of the file's business.
func fileRefused(err error) bool {
	e, ok := errors.AsType[*client.StatusError](err)
	return ok && e.Status >= 400 && e.Status < 500 &&
		!slices.Contains([]int{401, 403, 404, 408, 409, 425, 429}, e.Status)
}

// upload sends a file. Its key follows from what is in it, so that one which was
// sent but not moved, because the process or the machine ended, is the same job.
func (w *dirWatcher) upload(ctx context.Context, path string) (string, error) {
	settings := w.cmd.serverSettings
	if w.cmd.TokenFile != "" {
		token, err := os.ReadFile(w.cmd.TokenFile)
		if err != nil {
			return "", err
		}
		settings.Token = strings.TrimSpace(string(token))
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%v %v %s\n", w.cmd.DryRun, w.cmd.SkipIEC, filepath.Base(path))
	_, err = io.Copy(sum, file)
	if err := errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	api, err := settings.client()
	if err != nil {
		return "", err
	}
	return uploadFile(ctx, api, path, client.UploadOptions{
		DryRun: w.cmd.DryRun, SkipIEC: w.cmd.SkipIEC, Key: hex.EncodeToString(sum.Sum(nil)),
	})
}

// move puts a file away with a note beside it. One of that name may be there
// already, and stays.
func (w *dirWatcher) move(name, dir, suffix, note string) error {
	to := filepath.Join(w.cmd.Dir, dir, name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		ext := filepath.Ext(name)
		to = filepath.Join(w.cmd.Dir, dir, fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext))
	}
	// The note first: a file that was moved has one.
	if err := os.WriteFile(to+suffix, []byte(note+"\n"), 0o600); err != nil {
		return err
	}
	delete(w.seen, name)
	return os.Rename(filepath.Join(w.cmd.Dir, name), to)
}
