package privacy

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"rollcall.example/events"
	"rollcall.example/events/spelling"
)

// searchPartials returns the subjects of unfinished uploads that name the person:
// partial.<user>.<id>. A workbook can be read as far as it has arrived.
func (s *searcher) searchPartials(ctx context.Context, p *subject) (found []string, err error) {
	seen := map[string]bool{}
	for m, err := range events.Messages(ctx, s.cfg.Log.JetStream(), events.StreamPartial, "partial.*.*.*", 1) {
		if err != nil {
			return nil, fmt.Errorf("search unfinished uploads: %w", err)
		}
		upload := m.Subject[:strings.LastIndexByte(m.Subject, '.')]
		if seen[upload] {
			continue
		}
		seen[upload] = true
		has, err := s.searchPartial(ctx, upload, p)
		if err != nil {
			return nil, fmt.Errorf("search an unfinished upload: %w", err)
		}
		if has {
			found = append(found, upload)
		}
	}
	return found, nil
}

// searchPartial reports whether the description of an upload or its bytes name the
// person.
func (s *searcher) searchPartial(ctx context.Context, upload string, p *subject) (has bool, err error) {
	file, err := s.cfg.Store.OpenSpool()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for m, err := range events.Messages(ctx, s.cfg.Log.JetStream(), events.StreamPartial, upload+".*", 1) {
		if err != nil {
			return false, err
		}
		if !strings.HasSuffix(m.Subject, ".part") {
			if p.finder.Find(string(m.Data)) >= spelling.Masked {
				return true, nil
			}
			continue
		}
		if _, err := file.Write(m.Data); err != nil {
			return false, fmt.Errorf("copy parts: %w", err)
		}
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("copy parts: %w", err)
	}
	if has, err := p.searchCells(ctx, file, size, func(int, int) {}); has || ctx.Err() != nil {
		return has, ctx.Err()
	} else if _, local := errors.AsType[*os.PathError](err); local {
		return false, err
	}
	if has, err := p.searchText(ctx, io.NewSectionReader(file, 0, size)); has || err != nil {
		return has, err
	}
	return p.searchBrokenZip(ctx, file, size)
}

// searchBrokenZip searches the parts of an archive whose directory has not arrived.
func (p *subject) searchBrokenZip(ctx context.Context, file io.ReaderAt, size int64) (bool, error) {
	const header = 30 // bytes before the name of a part
	signature := []byte("PK\x03\x04")
	block := make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(block) - len(signature) + 1) {
		n, err := file.ReadAt(block, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("read parts: %w", err)
		}
		for from := 0; ; {
			i := bytes.Index(block[from:n], signature)
			if i < 0 {
				break
			}
			from += i + 1
			part := at + int64(from) - 1
			var h [header]byte
			if _, err := file.ReadAt(h[:], part); err != nil {
				break
			}
			data := part + header + int64(binary.LittleEndian.Uint16(h[26:])) + int64(binary.LittleEndian.Uint16(h[28:]))
			if binary.LittleEndian.Uint16(h[8:]) != 8 || data >= size {
				continue // not compressed: searched already
			}
			text := flate.NewReader(io.NewSectionReader(file, data, size-data))
			has, _ := p.searchText(ctx, io.LimitReader(text, maxPart)) // it ends where the upload did
			if has || ctx.Err() != nil {
				return has, ctx.Err()
			}
		}
	}
	return false, nil
}

// removePartials removes unfinished uploads.
func (s *Service) removePartials(ctx context.Context, uploads []string) error {
	if len(uploads) == 0 {
		return nil
	}
	stream, err := s.cfg.Log.JetStream().Stream(ctx, events.StreamPartial)
	if err != nil {
		return fmt.Errorf("remove unfinished uploads: %w", err)
	}
	for _, upload := range uploads {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(upload+".>")); err != nil {
			return fmt.Errorf("remove unfinished uploads: %w", err)
		}
	}
	return nil
}
