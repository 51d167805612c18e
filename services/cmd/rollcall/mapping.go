package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"rollcall.example/events/mappings"
	"rollcall.example/gateway/client"
)

type mappingsCmd struct {
	List   mappingListCmd   `cmd:"" help:"List the mappings that you keep, a line for each column."`
	Save   mappingSaveCmd   `cmd:"" help:"Keep a mapping under a name, in place of an earlier one."`
	Remove mappingRemoveCmd `cmd:"" help:"Delete a mapping."`
}

type mappingListCmd struct{ serverSettings }

type mappingSaveCmd struct {
	serverSettings
	Name string   `arg:"" env:"-" help:"Name of the mapping."`
	Map  []string `env:"-" sep:"none" placeholder:"HEADER=FIELD" help:"${help_map}"`
}

type mappingRemoveCmd struct {
	serverSettings
	Name string `arg:"" env:"-" help:"Name of the mapping."`
}

// Run lists the mappings.
func (c *mappingListCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var kept struct {
		Mappings []mappings.Saved `json:"mappings"`
	}
	if err := api.Call(ctx, http.MethodGet, "/mappings", &kept); err != nil {
		return err
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tHEADER\tFIELD")
	for _, m := range kept.Mappings {
		for _, e := range m.Mapping {
			field := e.Field
			if field == "" {
				field = "-"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", m.Name, e.Header, field)
		}
	}
	return table.Flush()
}

// Run keeps a mapping.
func (c *mappingSaveCmd) Run(ctx context.Context, _ *process) error {
	mapping, err := parseMap(c.Map)
	if err != nil {
		return err
	}
	if len(mapping) == 0 {
		return errors.New("save mapping: say with --map what a column is")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	return api.SaveMapping(ctx, c.Name, mapping)
}

// Run deletes a mapping.
func (c *mappingRemoveCmd) Run(ctx context.Context, _ *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	return api.Call(ctx, http.MethodDelete, "/mappings/"+url.PathEscape(c.Name), nil)
}

// mapSettings say what the columns of a file are.
type mapSettings struct {
	Map     []string `env:"-" sep:"none" placeholder:"HEADER=FIELD" xor:"map" help:"${help_map}"`
	Mapping string   `env:"-" placeholder:"NAME" xor:"map" help:"Use a mapping that is kept; see rollcall mappings."`
}

// load returns the mapping, as client.UploadOptions has it.
func (s mapSettings) load(ctx context.Context, c *client.Client) (map[string]string, error) {
	if s.Mapping != "" {
		return c.Mapping(ctx, s.Mapping)
	}
	return parseMap(s.Map)
}

// parseMap reads HEADER=FIELD, where a header may have signs of equality too. As in
// client.UploadOptions, the field "" leaves a column out.
func parseMap(args []string) (map[string]string, error) {
	mapping := make(map[string]string)
	for _, arg := range args {
		at := strings.LastIndexByte(arg, '=')
		if at < 0 || strings.TrimSpace(arg[:at]) == "" || strings.TrimSpace(arg[at+1:]) == "" {
			return nil, fmt.Errorf("--map %q: write HEADER=FIELD, or HEADER=- to leave the column out", arg)
		}
		header, field := strings.TrimSpace(arg[:at]), strings.TrimSpace(arg[at+1:])
		if field == "-" || field == "null" {
			field = ""
		}
		if before, named := mapping[header]; named && before != field {
			return nil, fmt.Errorf("--map %q: the header is named twice", arg)
		}
		mapping[header] = field
	}
	return mapping, nil
}
