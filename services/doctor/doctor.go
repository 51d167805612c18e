// Package doctor looks for what is broken in an installation, and says how to mend it.
// It changes nothing and spends no call of the IEC's quota.
package doctor

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"rollcall.example/events"
)

// Config says where everything is. What is not given is skipped.
type Config struct {
	// Getenv reads the environment of the services. Required.
	Getenv func(name string) string
	// Data is the data folder of up, whose disk is looked at if it exists; "" is none.
	Data string
	Tokens
	// NATS says how to connect, but for user and password, which are those that Getenv
	// has. With an empty URL, NATSEnv says where the server of a running up is.
	NATS events.Connection
	// NATSEnv is the file that up leaves for the NATS CLI; "" is none.
	NATSEnv string
	// Provision is what streams, buckets and consumers should be.
	Provision events.ProvisionConfig
	// Database is a URL or a key=value string; "" is skipped.
	Database string
	IEC      IEC
	// Mail signs in to the SMTP server and sends nothing. Nil is skipped.
	Mail func(context.Context) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Free returns how many bytes a user may still write to the disk of a folder; nil
	// asks the system.
	Free func(dir string) (bytes uint64, err error)
}

// Tokens say how tokens are checked.
type Tokens struct {
	// Check makes what checks tokens. Nil says that nothing is given to do so.
	Check func(context.Context) error
}

// IEC says how the IEC is reached.
type IEC struct {
	// URL is the one of its API; "" is skipped.
	URL string
	// Timeout bounds one call; 0 means 10 s.
	Timeout time.Duration
	// SignIn asks the IEC for a token. Its error is an *AddressError when the URL
	// cannot be used, and a *CredentialsError when the IEC refuses the credentials.
	SignIn func(context.Context) error
}

// AddressError says that an address cannot be used.
type AddressError struct{ Err error }

func (e *AddressError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *AddressError) Unwrap() error { return e.Err }

// CredentialsError says that user name and password are refused.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }

// State is how something was found.
type State string

// States of what was looked at.
const (
	Fine    State = "ok"
	Warning State = "warning"
	Broken  State = "broken"
	// Skipped was not looked at, because nobody said where it is.
	Skipped State = "skipped"
)

// Finding is one thing that was looked at.
type Finding struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Found is what there is to say about it.
	Found string `json:"found,omitempty"`
	// Mend is what to do about it.
	Mend string `json:"mend,omitempty"`
}

// Findings are all that was looked at, in the order in which it was.
type Findings []Finding

// Count returns how many were found in a state.
func (list Findings) Count(s State) (n int) {
	for _, f := range list {
		if f.State == s {
			n++
		}
	}
	return n
}

// answerTime is how long one answer is waited for.
const answerTime = 5 * time.Second

// Examine looks at everything that it is told where to find.
func Examine(ctx context.Context, c Config) Findings {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Free == nil {
		c.Free = freeSpace
	}
	if c.IEC.Timeout == 0 {
		c.IEC.Timeout = 2 * answerTime
	}
	d := &doctor{Config: c}
	d.examineTokens(ctx)
	d.examineEnvironment()
	d.examineDisks()
	d.examineNATS(ctx)
	d.examineDatabase(ctx)
	d.examineIEC(ctx)
	d.examineMail(ctx)
	return d.findings
}

// doctor is one examination.
type doctor struct {
	Config
	findings Findings
}

func (d *doctor) add(name string, s State, found, mend string) {
	d.findings = append(d.findings, Finding{name, s, found, mend})
}

// judge adds a finding that is broken if err is not nil. It reports whether it is fine.
func (d *doctor) judge(name string, err error, mend string) bool {
	if err != nil {
		d.add(name, Broken, err.Error(), mend)
		return false
	}
	d.add(name, Fine, "", "")
	return true
}

// maxSkew is how far clocks may be apart: tokens end and quotas are counted by them.
const maxSkew = 5 * time.Second

// judgeClock judges how far another's clock is ahead of ours, which is known to within
// precision.
func (d *doctor) judgeClock(of string, ahead, precision time.Duration) {
	name := "clock of " + of
	if ahead.Abs() > maxSkew+precision {
		d.add(name, Broken, fmt.Sprintf("%s away from the one here", ahead.Round(time.Second)),
			"Have both machines set their clocks by NTP: systemctl enable --now systemd-timesyncd, or chrony.")
		return
	}
	d.add(name, Fine, "", "")
}

// middle is about when an answer was given that came between two times.
func middle(before, after time.Time) time.Time { return before.Add(after.Sub(before) / 2) }

// freeSpace is how much a user may still write to the disk of a folder.
func freeSpace(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
