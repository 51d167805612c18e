package sheets

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"

	"rollcall.example/events"
)

const (
	// chunkSize is how much of a part is packed at once, in bytes.
	chunkSize = 256 << 10
	// level is the compression's: measured, the next ones take far more time
	// for a few percent of size.
	level = 2
)

// spool packs the parts of a package, a chunk at a time on all cores, and keeps
// what is packed in one nameless file. At most a few chunks are under way;
// whoever writes faster than that waits.
type spool struct {
	file *os.File
	size int64 // of the file

	work, order chan *chunk
	free        chan *chunk
	running     sync.WaitGroup
	stop        sync.Once

	mu  sync.Mutex
	err error // the first
}

// chunk is a piece of a part on its way to the file.
type chunk struct {
	part *part
	raw  []byte
	out  appender
	done chan struct{}
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// part is one file of the package, of which the spool holds the middle.
type part struct {
	spool *spool
	// buf is what was written and not handed over yet.
	buf  []byte
	crc  uint32
	size int64 // before packing
	// pieces are where in the file it is.
	pieces []piece
}

type piece struct{ at, n int64 }

func newSpool(dir string) (*spool, error) {
	file, err := events.OpenSpool(dir)
	if err != nil {
		return nil, err
	}
	packers := runtime.GOMAXPROCS(0)
	s := &spool{file: file, work: make(chan *chunk, packers), order: make(chan *chunk, 2*packers), free: make(chan *chunk, 4*packers)}
	for range packers {
		s.running.Go(s.pack)
	}
	s.running.Go(s.store)
	return s, nil
}

func (s *spool) part() *part { return &part{spool: s} }

// wrote takes the part's buffer back after it was appended to, and hands it
// over when it is full.
func (p *part) wrote(buf []byte) error {
	p.buf = buf
	if len(buf) < chunkSize {
		return nil
	}
	return p.flush()
}

func (p *part) flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	var c *chunk
	select {
	case c = <-p.spool.free:
	default:
		c = &chunk{}
	}
	c.part, c.raw, p.buf, c.done = p, p.buf, c.raw[:0], make(chan struct{})
	p.crc = crc32.Update(p.crc, crc32.IEEETable, c.raw)
	p.size += int64(len(c.raw))
	p.spool.work <- c
	p.spool.order <- c
	return p.spool.failed()
}

// pack packs chunks each by itself, so that they can be joined.
func (s *spool) pack() {
	w, err := flate.NewWriter(nil, level)
	for c := range s.work {
		if err == nil {
			c.out.b = c.out.b[:0]
			w.Reset(&c.out)
			_, werr := w.Write(c.raw)
			if err := errors.Join(werr, w.Flush()); err != nil {
				s.fail(err)
			}
		} else {
			s.fail(err)
		}
		close(c.done)
	}
}

// store writes the packed chunks in the order in which they were handed over.
func (s *spool) store() {
	for c := range s.order {
		<-c.done
		if s.failed() == nil {
			n, err := s.file.Write(c.out.b)
			if err != nil {
				s.fail(fmt.Errorf("write spool: %w", err))
			}
			c.part.pieces = append(c.part.pieces, piece{s.size, int64(n)})
			s.size += int64(n)
		}
		select {
		case s.free <- c:
		default:
		}
	}
}

// finish waits until everything that was handed over is in the file.
func (s *spool) finish() error {
	s.stop.Do(func() {
		close(s.work)
		close(s.order)
	})
	s.running.Wait()
	return s.failed()
}

func (s *spool) close() error {
	_ = s.finish() // whoever needed to know has asked
	return s.file.Close()
}

func (s *spool) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *spool) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// packed is how many bytes of the file belong to the part.
func (p *part) packed() (n int64) {
	for _, piece := range p.pieces {
		n += piece.n
	}
	return n
}

// copyTo copies the packed part.
func (p *part) copyTo(w io.Writer) error {
	for _, piece := range p.pieces {
		if _, err := io.Copy(w, io.NewSectionReader(p.spool.file, piece.at, piece.n)); err != nil {
			return fmt.Errorf("read spool: %w", err)
		}
	}
	return nil
}
