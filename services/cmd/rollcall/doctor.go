package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"syscall"
	"time"

	"rollcall.example/services/app"
)

type doctorCmd struct {
	JSON      bool                  `name:"json" env:"-" help:"Print one JSON document instead of lines."`
	Data      string                `default:"rollcall-data" type:"path" placeholder:"DIR" help:"Data folder of up, whose disk is looked at if it exists."`
	NATS      app.NATSSettings      `embed:""`
	Database  app.DatabaseSettings  `embed:""`
	Provision app.ProvisionSettings `embed:""`
	Tokens    app.TokenSettings     `embed:"" prefix:"jwt-"`
	IEC       app.IECSettings       `embed:"" prefix:"iec-"`
}

// Run looks at everything that it is told where to find. The error says that
// something is broken.
func (c *doctorCmd) Run(ctx context.Context, p *process) error {
	d := &doctor{doctorCmd: c, p: p, now: time.Now, free: freeSpace}
	d.examine(ctx)
	if err := d.tell(p.out); err != nil {
		return err
	}
	if n := d.count(broken); n > 0 {
		return fmt.Errorf("doctor: %d broken", n)
	}
	return nil
}

// state is how something was found.
type state string

const (
	fine    state = "ok"
	warning state = "warning"
	broken  state = "broken"
	skipped state = "skipped"
)

// finding is one thing that the doctor looked at.
type finding struct {
	Name  string `json:"name"`
	State state  `json:"state"`
	// Found is what there is to say about it.
	Found string `json:"found,omitempty"`
	// Mend is what to do about it.
	Mend string `json:"mend,omitempty"`
}

// doctor is one examination.
type doctor struct {
	*doctorCmd
	p        *process
	now      func() time.Time
	free     func(dir string) (bytes uint64, err error)
	findings []finding
}

func (d *doctor) examine(ctx context.Context) {
	d.configuration(ctx)
	d.disk()
	d.examineNATS(ctx)
	d.examineDatabase(ctx)
	d.examineIEC(ctx)
}

func (d *doctor) add(name string, s state, found, mend string) {
	d.findings = append(d.findings, finding{name, s, found, mend})
}

// judge adds a finding that is broken if err is not nil.
func (d *doctor) judge(name string, err error, mend string) bool {
	if err != nil {
		d.add(name, broken, err.Error(), mend)
		return false
	}
	d.add(name, fine, "", "")
	return true
}

func (d *doctor) count(s state) (n int) {
	for _, f := range d.findings {
		if f.State == s {
			n++
		}
	}
	return n
}

func (d *doctor) tell(out io.Writer) error {
	if d.JSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"healthy": d.count(broken) == 0, "findings": d.findings})
	}
	for _, f := range d.findings {
		line := fmt.Sprintf("%-8s %s", f.State, f.Name)
		if f.Found != "" {
			line += ": " + f.Found
		}
		if f.Mend != "" {
			line += "\n         -> " + f.Mend
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%d ok, %d warnings, %d broken, %d skipped\n", d.count(fine), d.count(warning), d.count(broken), d.count(skipped))
	return err
}

// maxSkew is how far clocks may be apart: tokens end and quotas are counted by them.
const maxSkew = 5 * time.Second

// clock judges how far another's clock is ahead of ours.
func (d *doctor) clock(of string, ahead, exact time.Duration) {
	name := "clock of " + of
	if ahead.Abs() > maxSkew+exact {
		d.add(name, broken, fmt.Sprintf("%s away from the one here", ahead.Round(time.Second)),
			"Have both machines set their clocks by NTP: systemctl enable --now systemd-timesyncd, or chrony.")
		return
	}
	d.add(name, fine, "", "")
}

// freeSpace is how much a user may still write to the disk of a folder.
func freeSpace(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
