package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"rollcall.example/events/mappings"
	"rollcall.example/events/refusal"
)

// mappingDesk are the handlers of the mappings that a person keeps.
type mappingDesk struct{ *API }

// list lists the mappings of the person.
func (d mappingDesk) list(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	list, err := d.mappings.List(r.Context(), who.ID)
	if err != nil {
		return nil, err
	}
	return &result{message: fmt.Sprintf("%d mappings.", len(list)), data: map[string]any{"mappings": list}}, nil
}

// show tells what a mapping of the person says.
func (d mappingDesk) show(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	saved, err := d.mappings.Get(r.Context(), who.ID, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return &result{message: "The mapping.", data: saved}, nil
}

// save keeps a mapping under a name, in place of the one that has it.
func (d mappingDesk) save(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
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
	saved, err := d.mappings.Save(r.Context(), who.ID, r.PathValue("name"), m)
	if err != nil {
		return nil, err
	}
	return &result{message: "The mapping was saved.", data: saved}, nil
}

// remove forgets a mapping of the person.
func (d mappingDesk) remove(_ http.ResponseWriter, r *http.Request, who caller) (*result, error) {
	name := r.PathValue("name")
	if err := d.mappings.Remove(r.Context(), who.ID, name); err != nil {
		return nil, err
	}
	return &result{message: "The mapping was deleted.", data: map[string]any{"name": name}}, nil
}
