package intake

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
	"rollcall.example/services/api/rest"
)

// ListMappings lists the mappings of the person.
func (d Desk) ListMappings(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	list, err := d.Mappings.List(r.Context(), who.ID)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: fmt.Sprintf("%d mappings.", len(list)), Data: map[string]any{"mappings": list}}, nil
}

// ShowMapping tells what a mapping of the person says.
func (d Desk) ShowMapping(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	saved, err := d.Mappings.Get(r.Context(), who.ID, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: "The mapping.", Data: saved}, nil
}

// SaveMapping keeps a mapping under a name, in place of the one that has it.
func (d Desk) SaveMapping(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	body, err := io.ReadAll(r.Body)
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, mappings.Refuse(mappings.ReasonTooLarge, nil, fmt.Sprintf("A body may have %d KB.", large.Limit>>10))
	}
	if err != nil {
		return nil, refusal.New(refusal.CodeBadRequest, "The body could not be read.")
	}
	m, err := mappings.Parse(string(body))
	if err != nil {
		return nil, err
	}
	saved, err := d.Mappings.Save(r.Context(), who.ID, r.PathValue("name"), m)
	if err != nil {
		return nil, err
	}
	return &rest.Result{Message: "The mapping was saved.", Data: saved}, nil
}

// RemoveMapping forgets a mapping of the person.
func (d Desk) RemoveMapping(_ http.ResponseWriter, r *http.Request, who rest.Caller) (*rest.Result, error) {
	name := r.PathValue("name")
	if err := d.Mappings.Remove(r.Context(), who.ID, name); err != nil {
		return nil, err
	}
	return &rest.Result{Message: "The mapping was deleted.", Data: map[string]any{"name": name}}, nil
}
