// Package watchdir uploads the spreadsheets that are put into a folder. A file goes to
// done/ with the job's id beside it once it is uploaded, or to failed/ with the reason when
// it is refused. What cannot be uploaded at the moment stays and is tried again.
package watchdir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rollcall.example/events"
)

// The folders into which files go, and what is written beside them.
const (
	doneDir      = "done"
	failedDir    = "failed"
	reasonSuffix = ".reason.txt"
	jobSuffix    = ".job.txt"
)

// Config says what is watched and how a file is uploaded. All fields but Variant, Retry
// and Logger are required.
type Config struct {
	// Dir is the folder.
	Dir string
	// Settle is how long a file must not have changed before it is uploaded.
	Settle time.Duration
	// Upload uploads a file. Those with the same key are to be one job: a file that was
	// uploaded but not put away, because the process or the machine ended, comes again.
	Upload func(ctx context.Context, path, key string) (jobID string, err error)
	// Refused reports whether an error of Upload refuses the file itself, so that the
	// same file would be refused again.
	Refused func(error) bool
	// Done and Failed hear of each file, by name, that was uploaded or refused.
	Done   func(name, jobID string)
	Failed func(name string, err error)
	// Variant tells uploads of the same file apart that ask for different things.
	Variant string
	// Retry is how long a file waits that could not be uploaded; 0 means 10 s.
	Retry time.Duration
	// Logger gets what could not be uploaded; nil discards.
	Logger *slog.Logger
}

// Run watches the folder until ctx ends, which is no error.
func Run(ctx context.Context, cfg Config) error {
	cfg.Logger = events.Logger(cfg.Logger)
	if cfg.Retry == 0 {
		cfg.Retry = 10 * time.Second
	}
	for _, dir := range []string{doneDir, failedDir} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, dir), 0o700); err != nil {
			return fmt.Errorf("watch folder: %w", err)
		}
	}
	w := &watcher{Config: cfg, files: map[string]*file{}}
	tick := time.NewTicker(min(max(cfg.Settle/5, 50*time.Millisecond), time.Second))
	defer tick.Stop()
	for {
		if err := w.scan(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("watch folder: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// file is what is known of a file in the folder.
type file struct {
	size     int64
	modified time.Time
	since    time.Time // when it was seen first as it is
	retryAt  time.Time // when it is tried again, after it could not be uploaded
}

type watcher struct {
	Config
	files map[string]*file // by name
}

// scan uploads what has settled.
func (w *watcher) scan(ctx context.Context) error {
	entries, err := os.ReadDir(w.Dir)
	if err != nil {
		return err
	}
	now := time.Now()
	there := map[string]bool{}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || !isSpreadsheet(name) {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed this moment
		}
		if err != nil {
			return err
		}
		there[name] = true
		f := w.files[name]
		if f == nil || f.size != info.Size() || !f.modified.Equal(info.ModTime()) {
			w.files[name] = &file{size: info.Size(), modified: info.ModTime(), since: now}
			continue
		}
		if now.Sub(f.since) < w.Settle || now.Before(f.retryAt) {
			continue
		}
		if err := w.upload(ctx, name, f); err != nil {
			return err
		}
	}
	for name := range w.files {
		if !there[name] {
			delete(w.files, name)
		}
	}
	return ctx.Err()
}

// isSpreadsheet reports whether a name is a spreadsheet's, and not that of a file which a
// program keeps beside one or has not finished.
func isSpreadsheet(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".xlsx", ".xls", ".ods", ".csv":
	default:
		return false
	}
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "~$")
}

// upload uploads a file and puts it away.
func (w *watcher) upload(ctx context.Context, name string, f *file) error {
	path := filepath.Join(w.Dir, name)
	var jobID string
	key, err := w.key(path)
	if err == nil {
		jobID, err = w.Upload(ctx, path, key)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		w.Done(name, jobID)
		return w.putAway(name, doneDir, jobSuffix, jobID)
	case w.Refused(err):
		w.Failed(name, err)
		return w.putAway(name, failedDir, reasonSuffix, err.Error())
	}
	wait := max(w.Retry, w.Settle)
	f.retryAt = time.Now().Add(wait)
	w.Logger.WarnContext(ctx, "file not uploaded", "file", name, "again_in", wait, "err", err)
	return nil
}

// key follows from the name of a file and from what is in it.
func (w *watcher) key(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", w.Variant, filepath.Base(path))
	_, err = io.Copy(sum, file)
	if err := errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// putAway moves a file, with a note beside it. One of that name may be there already, and
// stays.
func (w *watcher) putAway(name, dir, suffix, note string) error {
	to := filepath.Join(w.Dir, dir, name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		ext := filepath.Ext(name)
		to = filepath.Join(w.Dir, dir, fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(name, ext), n, ext))
	}
	// The note first: a file that was moved has one.
	if err := os.WriteFile(to+suffix, []byte(note+"\n"), 0o600); err != nil {
		return err
	}
	delete(w.files, name)
	return os.Rename(filepath.Join(w.Dir, name), to)
}
