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
	// chunkSize is how many bytes of a file are compressed at once.
	chunkSize = 256 << 10
	// compressionLevel is 2: as measured, higher levels take far more time to save
	// a few percent.
	compressionLevel = 2
)

// spool compresses the files of a package, a chunk at a time on all cores, and
// keeps the result in one nameless file. Only a few chunks are in progress; whoever
// writes faster waits.
type spool struct {
	file *os.File
	size int64 // bytes of the file
	most int64 // that it may have; 0 is any

	work, ordered chan *chunk
	free          chan *chunk
	workers       sync.WaitGroup
	stop          sync.Once

	mu  sync.Mutex
	err error // the first one
}

// chunk is a piece of a part on its way to the file.
type chunk struct {
	part *part
	raw  []byte
	out  byteBuffer
	done chan struct{}
}

type byteBuffer struct{ b []byte }

func (a *byteBuffer) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// part is a file of the package whose middle the spool holds.
type part struct {
	spool *spool
	// buf holds what was written and not yet handed over.
	buf  []byte
	crc  uint32
	size int64 // bytes before compression
	// pieces say where the compressed part is in the file.
	pieces []piece
}

type piece struct{ at, n int64 }

func newSpool(dir string, most int64) (*spool, error) {
	file, err := events.OpenSpool(dir)
	if err != nil {
		return nil, err
	}
	packers := runtime.GOMAXPROCS(0)
	s := &spool{file: file, most: most, work: make(chan *chunk, packers), ordered: make(chan *chunk, 2*packers),
		free: make(chan *chunk, 4*packers)}
	for range packers {
		s.workers.Go(s.packChunks)
	}
	s.workers.Go(s.storeChunks)
	return s, nil
}

func (s *spool) newPart() *part { return &part{spool: s} }

// setBuffer takes the part's buffer back after rows were appended, and hands it
// over when it is full.
func (p *part) setBuffer(buf []byte) error {
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
	p.spool.ordered <- c
	return p.spool.firstError()
}

// packChunks compresses each chunk by itself, so that the results can be joined.
func (s *spool) packChunks() {
	w, err := flate.NewWriter(nil, compressionLevel)
	for c := range s.work {
		if err == nil {
			c.out.b = c.out.b[:0]
			w.Reset(&c.out)
			_, werr := w.Write(c.raw)
			if err := errors.Join(werr, w.Flush()); err != nil {
				s.setError(err)
			}
		} else {
			s.setError(err)
		}
		close(c.done)
	}
}

// storeChunks writes the compressed chunks in the order in which they were handed
// over.
func (s *spool) storeChunks() {
	for c := range s.ordered {
		<-c.done
		if s.firstError() == nil {
			n, err := s.file.Write(c.out.b)
			if err != nil {
				s.setError(fmt.Errorf("write spool: %w", err))
			}
			c.part.pieces = append(c.part.pieces, piece{s.size, int64(n)})
			if s.size += int64(n); s.most > 0 && s.size > s.most {
				s.setError(ErrTooLarge)
			}
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
		close(s.ordered)
	})
	s.workers.Wait()
	return s.firstError()
}

func (s *spool) close() error {
	_ = s.finish() // Write has reported the error
	return s.file.Close()
}

func (s *spool) setError(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *spool) firstError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// packedSize returns how many bytes of the file belong to the part.
func (p *part) packedSize() (n int64) {
	for _, piece := range p.pieces {
		n += piece.n
	}
	return n
}

// copyTo writes the compressed part to w.
func (p *part) copyTo(w io.Writer) error {
	for _, piece := range p.pieces {
		if _, err := io.Copy(w, io.NewSectionReader(p.spool.file, piece.at, piece.n)); err != nil {
			return fmt.Errorf("read spool: %w", err)
		}
	}
	return nil
}
