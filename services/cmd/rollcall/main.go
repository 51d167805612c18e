// Command rollcall checks membership rolls against the voters' roll: all of it
// in one process, one service of it, or a client of a running one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"rollcall.example/events"
)

type cli struct {
	LogLevel  slog.Level `help:"Least level that is logged: debug, info, warn, error." default:"info"`
	LogFormat string     `help:"Form of the log on standard error: text or json." enum:"text,json" default:"text"`

	Up      upCmd          `cmd:"" help:"Run everything in one process, with NATS and PostgreSQL of its own unless told otherwise."`
	Serve   serveCmd       `cmd:"" help:"Run one service: upload, validation, iec, persistence, report, gateway or webhook."`
	Migrate migrateCmd     `cmd:"" help:"Create or update the streams, buckets, consumers and tables that the services need."`
	Wards   importWardsCmd `cmd:"" name:"import-wards" help:"Load which sub-region each metro ward belongs to, in place of what was loaded before."`
	Doctor  doctorCmd      `cmd:"" help:"Look at configuration, connections, permissions, streams, clocks, disk and tables, and say how to mend what is broken."`
	IECSim  iecSimCmd      `cmd:"" name:"iec-sim" help:"Run a simulator of the IEC's API."`
	Demo    demoCmd        `cmd:"" help:"Start everything, upload the sample roll, follow it live and leave the report on disk."`

	Upload  uploadCmd   `cmd:"" help:"Upload a spreadsheet."`
	Dir     watchDirCmd `cmd:"" name:"watch-dir" help:"Upload the spreadsheets that are put into a folder."`
	Watch   watchCmd    `cmd:"" help:"Follow a job live until it ends."`
	Status  statusCmd   `cmd:"" help:"Say where a job stands, or where it stood."`
	Row     rowCmd      `cmd:"" help:"Tell everything that happened to one row of a job."`
	History historyCmd  `cmd:"" help:"Print every event of a job so far."`
	Jobs    jobsCmd     `cmd:"" help:"List jobs, newest first."`
	Cancel  cancelCmd   `cmd:"" help:"Stop a job."`
	Retry   retryCmd    `cmd:"" help:"Run a failed or cancelled job again, from the stage at which it ended."`
	Undo    undoCmd     `cmd:"" help:"Take back what a job has written: remove the members that it inserted, put back the values that it changed."`
	Report  reportCmd   `cmd:"" help:"Download the report of a job."`
	Verify  verifyCmd   `cmd:"" help:"Recompute a job from the stream and say what, if anything, was altered."`
	Token   tokenCmd    `cmd:"" help:"Print a token for a user, signed with the secret."`
}

// process is what a command may touch of the process it runs in.
type process struct {
	out, err io.Writer
	log      *slog.Logger
	getenv   func(string) string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "rollcall:", err)
		os.Exit(1)
	}
}

// exited is what kong's --help ends with, instead of the process.
type exited int

func run(ctx context.Context, args []string, out, errOut io.Writer, getenv func(string) string) (err error) {
	defer func() {
		if code, ok := recover().(exited); ok && code != 0 {
			err = fmt.Errorf("exit status %d", code)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("rollcall"),
		kong.Description("Rolls of members in, verdicts of the IEC, members in PostgreSQL and a report out.\n\n"+
			"Every flag can be set in the environment too: --jwt-secret is ROLLCALL_JWT_SECRET. Only there: "+
			"ROLLCALL_IEC_USERNAME and ROLLCALL_IEC_PASSWORD, the credentials for the IEC's API, "+
			"ROLLCALL_IEC_CACHE_KEY, the key under which its answers are kept, "+
			"ROLLCALL_NATS_PASSWORD_<USER>, the passwords of the users in nats.conf, "+
			"and for migrate ROLLCALL_DATABASE_PASSWORD_<SERVICE>, those of the roles rollcall_upload, rollcall_persistence and rollcall_webhook."),
		kong.DefaultEnvars("ROLLCALL"),
		kong.UsageOnError(),
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
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(&process{out: out, err: errOut, log: slog.New(events.NewLogHandler(handler)), getenv: getenv})
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // stopped by a signal, as asked
	}
	return err
}
