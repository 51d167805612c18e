package upload

import (
	"context"
	"errors"
	"io"
	"time"

	tusd "github.com/tus/tusd/v2/pkg/handler"

	"rollcall.example/services/httpserver"
)

// tusUpload is an upload as the library wants it.
type tusUpload struct {
	t *tusServer
	*partial
}

// NewUpload implements tusd.DataStore.
func (t *tusServer) NewUpload(ctx context.Context, info tusd.FileInfo) (tusd.Upload, error) {
	p, err := t.s.partials.begin(ctx, callOf(ctx).who.ID, partialInfo{
		Size: info.Size, Meta: info.MetaData, Partial: info.IsPartial, Parts: info.PartialUploads,
	})
	if err != nil {
		return nil, t.refuse(ctx, err)
	}
	return tusUpload{t, p}, nil
}

// GetUpload implements tusd.DataStore.
func (t *tusServer) GetUpload(ctx context.Context, id string) (tusd.Upload, error) {
	p, err := t.s.partials.load(ctx, callOf(ctx).who.ID, id)
	if err != nil {
		return nil, t.refuse(ctx, err)
	}
	return tusUpload{t, p}, nil
}

// AsTerminatableUpload implements tusd.TerminaterDataStore.
func (t *tusServer) AsTerminatableUpload(u tusd.Upload) tusd.TerminatableUpload {
	return u.(tusUpload)
}

// WriteChunk stores what has come, also of a connection that broke.
func (u tusUpload) WriteChunk(ctx context.Context, _ int64, src io.Reader) (int64, error) {
	limit := storeTime + time.Duration(u.Size/storeRate)*time.Second +
		u.t.s.cfg.Idle*time.Duration(1+u.Size/httpserver.BodyPiece)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	n, err := u.t.s.partials.write(ctx, u.partial, src)
	if errors.Is(err, errOvertaken) {
		return n, tusd.ErrMismatchOffset
	}
	if err != nil {
		return n, u.t.refuse(ctx, err)
	}
	return n, nil
}

// GetInfo implements tusd.Upload.
func (u tusUpload) GetInfo(context.Context) (tusd.FileInfo, error) {
	return tusd.FileInfo{ID: u.ID, Size: u.Size, Offset: u.offset, MetaData: u.Meta,
		IsPartial: u.Partial, IsFinal: u.Parts != nil, PartialUploads: u.Parts}, nil
}

// AsConcatableUpload implements tusd.ConcaterDataStore.
func (t *tusServer) AsConcatableUpload(u tusd.Upload) tusd.ConcatableUpload { return u.(tusUpload) }

// ConcatUploads has nothing to do: the parts stay where they are until they are a job.
func (u tusUpload) ConcatUploads(context.Context, []tusd.Upload) error { return nil }

// GetReader is for downloads, of which there are none.
func (u tusUpload) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, tusd.ErrNotImplemented
}

// FinishUpload has nothing to do: the file is made a job of afterwards.
func (u tusUpload) FinishUpload(context.Context) error { return nil }

// Terminate forgets the upload; the job that it has become stays.
func (u tusUpload) Terminate(ctx context.Context) error {
	if err := u.t.s.partials.remove(context.WithoutCancel(ctx), u.partial); err != nil {
		return u.t.refuse(ctx, err)
	}
	return nil
}
