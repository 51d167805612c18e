package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"
)

type wardsCmd struct {
	serverSettings
	Province     string `env:"-" help:"Only wards of this province, by code or name."`
	Municipality string `env:"-" help:"Only wards of this municipality, by its code."`
	BelowTarget  bool   `env:"-" help:"Only wards that have not reached their target."`
	AsOf         string `env:"-" placeholder:"DAY" help:"As it was at the end of this day, such as 2026-03-01."`
	Job          string `env:"-" placeholder:"JOB" help:"Count as new whom this job has added."`
	By           string `env:"-" default:"ward" enum:"ward,municipality,province" help:"What a line is: ${enum}."`
	JSON         bool   `env:"-" name:"json" help:"Print all that is known, as JSON."`
}

// memberCounts are those of the server's answer.
type memberCounts struct {
	Members, Registered, Elsewhere, Abroad, Deceased, Unverified, New int

	NotRegistered int `json:"not_registered"`
}

// placeStanding is where a ward, a municipality or a province stands.
type placeStanding struct {
	memberCounts
	Ward, Municipality, Province string
	Reached                      bool
	// Wards and WardsReached are of a municipality or a province.
	Wards        int
	WardsReached int `json:"wards_reached"`
}

// standing is the server's answer.
type standing struct {
	AsOf                             time.Time `json:"as_of"`
	Target                           int
	Total                            placeStanding
	Wards, Municipalities, Provinces []placeStanding
}

// Run prints where the organisation stands.
func (c *wardsCmd) Run(ctx context.Context, p *process) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{"below_target": {strconv.FormatBool(c.BelowTarget)}}
	for name, value := range map[string]string{
		"province": c.Province, "municipality": c.Municipality, "as_of": c.AsOf, "job_id": c.Job,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var raw json.RawMessage
	if err := api.Call(ctx, http.MethodGet, "/wards?"+query.Encode(), &raw); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.out, raw)
	}
	var s standing
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	return s.print(p.out, c.By)
}

func (s *standing) print(out io.Writer, by string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head, list := "PROVINCE\tMUNICIPALITY\tWARD", s.Wards
	switch by {
	case "municipality":
		head, list = "PROVINCE\tMUNICIPALITY\tWARDS", s.Municipalities
	case "province":
		head, list = "PROVINCE\t\tWARDS", s.Provinces
	}
	fmt.Fprintln(w, head+"\tMEMBERS\tREGISTERED\tELSEWHERE\tNOT REGISTERED\tABROAD\tDECEASED\tUNVERIFIED\tNEW\tTARGET")
	line := func(place placeStanding, ward string) {
		reached := fmt.Sprintf("%d of %d wards reached", place.WardsReached, place.Wards)
		if by == "ward" && ward != "" {
			reached = "reached"
			if missing := s.Target - place.Registered; missing > 0 {
				reached = fmt.Sprintf("%d missing of %d", missing, s.Target)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", orDash(place.Province), place.Municipality, ward,
			place.Members, place.Registered, place.Elsewhere, place.NotRegistered, place.Abroad, place.Deceased,
			place.Unverified, place.New, reached)
	}
	for _, place := range list {
		if by == "ward" {
			line(place, orDash(place.Ward))
		} else {
			line(place, strconv.Itoa(place.Wards))
		}
	}
	total := s.Total
	total.Province = "total"
	line(total, "")
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "As of %s.\n", s.AsOf.Local().Format(time.DateTime))
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
