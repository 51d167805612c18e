package privacy

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"strings"

	"rollcall.example/events"
	"rollcall.example/events/cases"
	"rollcall.example/events/refusal"
	"rollcall.example/events/spelling"
	"rollcall.example/services/workbook"
)

// searchFile reports whether a spreadsheet names the person, and notes in f the cells
// that may. It looks at all cells and, in a workbook, at whatever else its parts say.
func (s *searcher) searchFile(ctx context.Context, job *events.Job, what string, a events.Artifact, p *subject,
	f *found) (bool, error) {
	if job.Removed(a) != nil {
		return false, nil
	}
	file, err := s.cfg.Store.Fetch(ctx, a)
	if isDamaged(err) {
		f.unread = append(f.unread, a)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // a local copy
	has, err := p.searchCells(ctx, file, a.Size, func(row, column int) {
		if len(f.mayBeFile) < cases.MaxPlaces {
			f.mayBeFile = append(f.mayBeFile, cases.Place{Where: what, JobID: job.ID, Row: row, Column: column})
		}
	})
	if has {
		return true, nil
	}
	_, unreadable := errors.AsType[*refusal.Error](err)
	if err != nil && !unreadable {
		return false, fmt.Errorf("search %s: %w", a.Name, err)
	}
	raw, err := p.searchRaw(ctx, file, a.Size)
	if err != nil {
		return false, fmt.Errorf("search %s: %w", a.Name, err)
	}
	if unreadable && !raw {
		f.unread = append(f.unread, a)
	}
	return raw, nil
}

// searchCells reports whether a cell has the number. It calls near for each row that
// has almost the number.
func (p *subject) searchCells(ctx context.Context, file io.ReaderAt, size int64, near func(row, column int),
) (bool, error) {
	book, err := workbook.Open(ctx, file, size, workbook.StoredBudget())
	if err != nil {
		return false, err
	}
	defer func() { _ = book.Close() }() // a reader
	for _, sheet := range book.Sheets {
		if p.finder.Find(sheet.Name) >= spelling.Masked {
			return true, nil
		}
		for row, err := range sheet.Rows() {
			if err = errors.Join(err, ctx.Err()); err != nil {
				return false, err
			}
			for i, c := range row.Cells {
				switch p.finder.Find(c.Text) {
				case spelling.Whole, spelling.Masked:
					return true, nil
				case spelling.Near:
					near(row.N, i+1)
				}
			}
		}
	}
	return false, nil
}

// maxPart is how many bytes of a part are searched beside its cells.
const maxPart = 1 << 30

// searchRaw reports whether a file has the number anywhere, whatever it is: in the
// parts of a workbook, their names included, or in the bytes of another file.
func (p *subject) searchRaw(ctx context.Context, file io.ReaderAt, size int64) (bool, error) {
	zr, err := zip.NewReader(file, size)
	if err != nil {
		return p.searchText(ctx, io.NewSectionReader(file, 0, size))
	}
	for _, part := range zr.File {
		if p.finder.Find(part.Name) >= spelling.Masked || p.finder.Find(part.Comment) >= spelling.Masked {
			return true, nil
		}
		content, err := part.Open()
		if err != nil {
			continue // compressed in an unknown way, which no spreadsheet program reads
		}
		has, err := p.searchText(ctx, io.LimitReader(content, maxPart))
		_ = content.Close() // a reader
		if has || ctx.Err() != nil {
			return has, ctx.Err()
		}
		if _, local := errors.AsType[*os.PathError](err); local {
			return false, err
		}
	}
	return p.finder.Find(zr.Comment) >= spelling.Masked, nil
}

const (
	// textPiece is how many bytes are searched at once, and textOverlap how many of
	// them again with the next ones.
	textPiece   = 64 << 10
	textOverlap = 512
)

// searchText reports whether the text between the tags of r has the number. A text
// without tags is searched as it is. Zero bytes, as UTF-16 has them, are left out. The
// error is that of r, after whatever could be read of it.
func (p *subject) searchText(ctx context.Context, r io.Reader) (bool, error) {
	in := bufio.NewReaderSize(r, textPiece)
	text := make([]byte, 0, textPiece+8)
	look := func() bool {
		return p.finder.Find(html.UnescapeString(strings.ToValidUTF8(string(text), " "))) >= spelling.Masked
	}
	var tag []byte
	inTag := false
	for {
		c, err := in.ReadByte()
		if err != nil {
			found := look()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return found, err
		}
		switch {
		case c == 0:
			continue
		case c == '<':
			inTag, tag = true, tag[:0]
			continue
		case inTag && c != '>' && len(tag) < textOverlap:
			tag = append(tag, c)
			continue
		case inTag && c == '>':
			if inTag = false; endsText(string(tag)) {
				text = append(text, "\n|x|\n"...)
			}
			// Attributes have texts too.
			if found := p.finder.Find(string(tag)); found >= spelling.Masked {
				return true, nil
			}
		default:
			if inTag { // no tag is that long: it was a sign
				inTag, text = false, append(text, tag...)
			}
			text = append(text, c)
		}
		if len(text) >= textPiece {
			if look() {
				return true, nil
			}
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			text = append(text[:0], text[len(text)-textOverlap:]...)
		}
	}
}

// endsText reports whether a tag ends a cell or a paragraph. The digits of two cells
// are no number, those of two differently printed parts of one text are.
func endsText(tag string) bool {
	switch name, _, _ := strings.Cut(strings.TrimPrefix(tag, "/"), " "); name {
	case "c", "row", "si", "a:p", "p", "comment", "v", "f":
		return true
	}
	return false
}
