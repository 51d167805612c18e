package upload

import (
	"context"
	"io"
	"net/http"
	"time"

	"rollcall.example/events"
	"rollcall.example/events/access"
	"rollcall.example/events/mappings"
	"rollcall.example/services/workbook"
)

// inspectTime is how long a file may be looked at. All its rows are read, which takes
// seconds for a million of them.
const inspectTime = time.Minute

// Spooled is a file that was received and is stored nowhere.
type Spooled struct {
	io.ReaderAt
	Size int64 // bytes
	Name string
	// Mapping is what the sender says of the columns; nil means nothing.
	Mapping mappings.Mapping
	// Area is where the rows of its sender may lie.
	Area events.Area
	// Budget bounds what reading it may take.
	Budget workbook.Budget
}

// InspectForm takes a spreadsheet in as ReceiveForm does, within the same limits, and
// calls look with it when it is the turn of one more file of the user. Nothing is stored.
// A file that look refuses counts among the user's refused ones. The context of look ends
// with the request.
func (s *Service) InspectForm(
	w http.ResponseWriter, r *http.Request, who access.Principal, look func(context.Context, Spooled) error,
) error {
	ctx, user := r.Context(), who.User
	end, err := s.beginTransfer(user)
	if err != nil {
		return err
	}
	defer end()
	if err := s.checkUsage(ctx, user, 0); err != nil { // before all of a file is received
		return err
	}
	f, err := s.readForm(w, r)
	defer func() {
		if err := f.close(); err != nil {
			s.cfg.Logger.WarnContext(ctx, "spool file not closed", "err", err)
		}
	}()
	if err != nil {
		s.countRefused(ctx, user, err)
		return err
	}
	if err := mayUpload(who); err != nil {
		return err
	}
	area, err := s.cfg.withWards(ctx, who.Area)
	if err != nil {
		return err
	}
	release, err := s.waitForSlot(ctx, user)
	if err != nil {
		return err
	}
	defer release()
	err = look(ctx, Spooled{
		ReaderAt: f.file, Size: f.size, Name: f.name, Mapping: f.mapping, Area: area,
		Budget: workbook.Budget{Time: inspectTime},
	})
	if err != nil {
		s.countRefused(ctx, user, err)
	}
	return err
}
