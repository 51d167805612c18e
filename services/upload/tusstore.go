package upload

import (
	"context"
	"errors"
	"io"
	"time"

	tusd "github.com/tus/tusd/v2/pkg/handler"

	"rollcall.example/services/httpserver"
)

// tusStore is the stream PARTIAL as the library wants it.
type tusStore struct{ s *Service }

type tusUpload struct {
	tusStore
	*partial
}

func (t tusStore) NewUpload(ctx context.Context, info tusd.FileInfo) (tusd.Upload, error) {
	p, err := t.s.partials.begin(ctx, callOf(ctx).user.ID, info.Size, info.MetaData)
	if err != nil {
		return nil, t.s.tusError(ctx, err)
	}
	return tusUpload{t, p}, nil
}

func (t tusStore) GetUpload(ctx context.Context, id string) (tusd.Upload, error) {
	p, err := t.s.partials.load(ctx, callOf(ctx).user.ID, id)
	if err != nil {
		return nil, t.s.tusError(ctx, err)
	}
	return tusUpload{t, p}, nil
}

func (t tusStore) AsTerminatableUpload(u tusd.Upload) tusd.TerminatableUpload {
	return u.(tusUpload)
}

// WriteChunk stores what has come, also of a connection that broke.
func (u tusUpload) WriteChunk(ctx context.Context, _ int64, src io.Reader) (int64, error) {
	limit := storeTime + time.Duration(u.Size/storeRate)*time.Second +
		u.s.cfg.Idle*time.Duration(1+u.Size/httpserver.BodyPiece)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	n, err := u.s.partials.write(ctx, u.partial, src)
	if errors.Is(err, errOvertaken) {
		return n, tusd.ErrMismatchOffset
	}
	if err != nil {
		return n, u.s.tusError(ctx, err)
	}
	return n, nil
}

func (u tusUpload) GetInfo(context.Context) (tusd.FileInfo, error) {
	return tusd.FileInfo{ID: u.ID, Size: u.Size, Offset: u.offset, MetaData: u.Meta}, nil
}

// GetReader is for downloads, of which there are none.
func (u tusUpload) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, tusd.ErrNotImplemented
}

// FinishUpload has nothing to do: the file is made a job of afterwards.
func (u tusUpload) FinishUpload(context.Context) error { return nil }

// Terminate forgets the upload; the job that it has become stays.
func (u tusUpload) Terminate(ctx context.Context) error {
	if err := u.s.partials.remove(context.WithoutCancel(ctx), u.partial); err != nil {
		return u.s.tusError(ctx, err)
	}
	return nil
}
