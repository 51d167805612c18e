// Command rollcall checks membership rolls against the voters' roll: all of it
// in one process, one service of it, or a client of a running one. Commands parse flags,
// call a package and print; each has a file of its own, so that the package has many.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"rollcall.example/events"
	"rollcall.example/events/refusal"
	"rollcall.example/services/app"
)

type cli struct {
	LogLevel  slog.Level `help:"Lowest level that is logged: debug, info, warn or error." default:"info"`
	LogFormat string     `help:"Format of the log on standard error: text or json." enum:"text,json" default:"text"`

	Demo demoCmd `cmd:"" group:"here" help:"${help_demo}"`
	Up   upCmd   `cmd:"" group:"here" help:"${help_up}"`

	Inspect inspectCmd `cmd:"" group:"here" help:"${help_inspect}"`

	Login  loginCmd  `cmd:"" group:"jobs" help:"Sign in to a server at your organisation's provider."`
	Logout logoutCmd `cmd:"" group:"jobs" help:"Forget the session of login, and end it at the provider."`

	Upload  uploadCmd   `cmd:"" group:"jobs" help:"Upload a spreadsheet, .xlsx, .xls, .ods or .csv: a job begins."`
	Dir     watchDirCmd `cmd:"" group:"jobs" name:"watch-dir" help:"Upload the spreadsheets that are put into a folder."`
	Mapping mappingsCmd `cmd:"" group:"jobs" name:"mappings" help:"Keep what columns are, for the next upload."`
	Hooks   webhooksCmd `cmd:"" group:"jobs" name:"webhooks" help:"Have the events of jobs posted to servers of yours."`
	Tell    notifyCmd   `cmd:"" group:"jobs" name:"notifications" help:"Choose what you are told by e-mail."`
	Watch   watchCmd    `cmd:"" group:"jobs" help:"Follow a job live until it ends."`
	Jobs    jobsCmd     `cmd:"" group:"jobs" help:"List jobs, newest first."`
	Status  statusCmd   `cmd:"" group:"jobs" help:"Tell where a job stands, or where it stood."`
	Report  reportCmd   `cmd:"" group:"jobs" help:"Download a job's report, or the rows to correct."`
	Rows    rowsCmd     `cmd:"" group:"jobs" help:"List the rows of a job with what became of each."`
	Row     rowCmd      `cmd:"" group:"jobs" help:"Tell everything that happened to one row."`
	History historyCmd  `cmd:"" group:"jobs" help:"Print every event so far."`
	Member  memberCmd   `cmd:"" group:"jobs" help:"Tell what every job has said of a person, and who let it."`
	Sign    registerCmd `cmd:"" group:"jobs" name:"register" help:"Download the attendance register of a ward, a PDF."`
	Wards   wardsCmd    `cmd:"" group:"jobs" help:"Tell where the organisation stands, now or on a past day."`
	Cancel  cancelCmd   `cmd:"" group:"jobs" help:"Stop a job."`
	Retry   retryCmd    `cmd:"" group:"jobs" help:"Run a failed or cancelled job again, from the stage at which it ended."`
	Undo    undoCmd     `cmd:"" group:"jobs" help:"Take back what a job has written to the database."`
	Commit  commitCmd   `cmd:"" group:"jobs" help:"Write what a dry run has shown."`

	Approve  approveCmd  `cmd:"" group:"jobs" help:"Let a job of somebody else write what it proposed."`
	Decline  declineCmd  `cmd:"" group:"jobs" help:"Refuse what a job of somebody else proposed."`
	TakeOver takeOverCmd `cmd:"" group:"jobs" name:"take-over" help:"${help_take_over}"`

	Serve   serveCmd       `cmd:"" group:"run" help:"Run one service of those that up runs together."`
	Migrate migrateCmd     `cmd:"" group:"run" help:"${help_migrate}"`
	Encrypt encryptCmd     `cmd:"" group:"run" help:"${help_encrypt}"`
	Doctor  doctorCmd      `cmd:"" group:"run" help:"Look for what is broken in an installation, and tell how to mend it."`
	Verify  verifyCmd      `cmd:"" group:"run" help:"Recompute a job from the stream and tell what was altered."`
	Erase   eraseCmd       `cmd:"" group:"run" help:"${help_erase}"`
	Export  exportCmd      `cmd:"" group:"run" help:"Print all data that is held about a person, as JSON."`
	Object  objectCmd      `cmd:"" group:"run" help:"${help_object}"`
	Case    caseCmd        `cmd:"" group:"run" help:"Look at erasures and exports, and approve them."`
	Audit   auditCmd       `cmd:"" group:"run" help:"List who has read reports, rejects and rows."`
	WhatIf  whatIfCmd      `cmd:"" group:"run" name:"whatif" help:"${help_whatif}"`
	Rebuild rebuildCmd     `cmd:"" group:"run" help:"Drop the list of jobs and make it again from the stream."`
	Import  importWardsCmd `cmd:"" group:"run" name:"import-wards" help:"${help_wards}"`
	Token   tokenCmd       `cmd:"" group:"run" help:"Print a token for a user, signed with the secret."`
	Revoke  revokeCmd      `cmd:"" group:"run" help:"${help_revoke}"`
	IECSim  iecSimCmd      `cmd:"" group:"run" name:"iec-sim" help:"Run a simulator of the IEC's API."`

	Version    versionCmd    `cmd:"" group:"other" help:"Print the version of this program and its commit."`
	Completion completionCmd `cmd:"" group:"other" help:"Print the script that completes commands and flags in a shell."`
	Complete   completeCmd   `cmd:"" hidden:"" name:"__complete"`
}

// groups are the headings of --help, in the order in which a newcomer needs them.
var groups = []kong.Group{
	{Key: "here", Title: "Try it, or run it on one machine:"},
	{Key: "jobs", Title: "Work with jobs on a running server (--server, --token):"},
	{Key: "run", Title: "Operate it:"},
	{Key: "other", Title: "This program:"},
}

const description = `Checks membership rolls: reads a spreadsheet, checks every row, asks the IEC whether and
where each person is registered to vote, writes the members to PostgreSQL and makes a report.

To begin, keep this running:

    rollcall up

open the link that it prints, and set your password. Or in another terminal

    export ROLLCALL_TOKEN=$(rollcall token --user you --role national_admin --secret-file rollcall-data/jwt-secret)
    rollcall upload roll.xlsx --watch

Every flag can be set in the environment too: --jwt-secret is ROLLCALL_JWT_SECRET. These can be set there only:
ROLLCALL_IEC_USERNAME and ROLLCALL_IEC_PASSWORD, the credentials for the IEC's API; ROLLCALL_IEC_CACHE_KEY, the key
under which its answers are cached; ROLLCALL_PRIVACY_KEY, the key of the hashes of people;
ROLLCALL_NATS_STORE_KEY, the key that NATS encrypts its store with; ROLLCALL_SMTP_PASSWORD, that of --smtp-user;
ROLLCALL_NATS_PASSWORD_<USER>, the passwords of the users in nats.conf; and for
migrate ROLLCALL_DATABASE_PASSWORD_<SERVICE>, those of the roles rollcall_upload, rollcall_persistence,
rollcall_privacy and rollcall_webhook.

A secret can be in a file instead: ROLLCALL_X_FILE names the file with ROLLCALL_X, for each of these and for
ROLLCALL_JWT_SECRET, ROLLCALL_DATABASE and ROLLCALL_NATS.`

// process is what a command may touch of the process it runs in.
type process struct {
	out, err io.Writer
	log      *slog.Logger
	getenv   func(string) string
}

func (p *process) appProcess() app.Process {
	return app.Process{Secrets: app.SecretsFrom(p.getenv), Build: thisBuild(), Logger: p.log}
}

// infrastructure connects to the given NATS, if any is given, when a command asks for it.
func (p *process) infrastructure(s app.NATSSettings) *app.Infrastructure {
	in := app.NewInfrastructure(app.SecretsFrom(p.getenv), p.log)
	if s.URL != "" {
		in.UseNATS(s)
	}
	return in
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "rollcall:", explain(err))
		os.Exit(1)
	}
}

// explain returns the text of an error with the sentence of a refusal before its code:
// the sentence is for people, who read this.
func explain(err error) string {
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok || refused.Message == "" {
		return err.Error()
	}
	return strings.Replace(err.Error(), refused.Error(), fmt.Sprintf("%s (%s)", refused.Message, refused.Code), 1)
}

// newParser returns the parser of the commands, with further options.
func newParser(c *cli, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("rollcall"), kong.Description(description), kong.ExplicitGroups(groups),
		kong.DefaultEnvars("ROLLCALL"), app.Vars, flagHelp,
	}, more...)...)
}

// exited is the panic that --help ends with, where kong would end the process.
type exited int

func run(ctx context.Context, args []string, out, errOut io.Writer, getenv func(string) string) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case exited:
			if v != 0 {
				err = fmt.Errorf("exit status %d", v)
			}
		default:
			panic(v)
		}
	}()
	var c cli
	secrets := app.NewSecretFiles(getenv)
	parser, err := newParser(&c,
		kong.Resolvers(secrets), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { panic(exited(code)) }),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return err
	}
	opts := &slog.HandlerOptions{Level: c.LogLevel}
	var handler slog.Handler = slog.NewTextHandler(errOut, opts)
	if c.LogFormat == "json" {
		handler = slog.NewJSONHandler(errOut, opts)
	}
	log := slog.New(events.NewLogHandler(handler))
	// Clients of a running server need no secrets, so that a file they may not read does not stop them.
	if g := parsed.Selected().Group; g != nil && (g.Key == "here" || g.Key == "run") {
		if getenv, err = secrets.Environment(log); err != nil {
			return err
		}
	}
	parsed.Bind(parser)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(&process{out: out, err: errOut, log: log, getenv: getenv})
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // stopped by a signal, as asked
	}
	return err
}
