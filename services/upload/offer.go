package upload

import (
	"context"
	"errors"
	"log/slog"

	"rollcall.example/events"
	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
	"rollcall.example/schema"
	"rollcall.example/services/workbook"
)

// detailOffered names the mapping that is offered in the details of a refusal.
const detailOffered = "mapping_offered"

// offers are made from the mappings that users keep. The zero value makes none.
type offers struct {
	kept   *mappings.Store
	logger *slog.Logger
}

// OfferMapping returns the mapping that the user keeps and that says most of a header;
// nil where none fits. That none can be looked up is logged, and no reason to refuse.
func (s *Service) OfferMapping(ctx context.Context, user events.User, h workbook.Header) *mappings.Saved {
	return s.offers.best(ctx, user, h.Fits)
}

// best returns the mapping of a user that says most of those that fit; nil for none.
func (o offers) best(ctx context.Context, user events.User, fits func(mappings.Mapping) bool) *mappings.Saved {
	if o.kept == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	list, err := o.kept.List(ctx, user.ID)
	if err != nil {
		o.logger.WarnContext(ctx, "mappings of a user not looked up", "user", user.ID, "err", err)
		return nil
	}
	if best, ok := mappings.Best(list, fits); ok {
		return &best
	}
	return nil
}

// instead adds to the refusal of a file without an ID column the mapping with which
// it would have one.
func (o offers) instead(ctx context.Context, user events.User, f *form, err error) error {
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok || refused.Code != refusal.CodeNoIDColumn || len(f.mapping) > 0 {
		return err
	}
	columns, cerr := schema.Columns()
	if cerr != nil {
		return cerr
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	offered := o.best(ctx, user, func(m mappings.Mapping) bool {
		header, _, err := workbook.PreflightMapped(ctx, f.file, f.size, workbook.Budget{Time: checkTime}, columns, m)
		return err == nil && header.Fits(m)
	})
	if offered == nil {
		return err
	}
	with := *refused
	with.Details = map[string]any{detailOffered: offered}
	with.Message += " Your mapping " + offered.Name + " fits the file: upload it with that."
	return &with
}
