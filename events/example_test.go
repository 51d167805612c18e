package events_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
)

// startServer runs a NATS server inside the process, with the streams of rollcall.
func startServer(ctx context.Context) (srv *embedded.Server, stop func()) {
	dir, err := os.MkdirTemp("", "rollcall-example-")
	if err != nil {
		log.Fatal(err)
	}
	if srv, err = embedded.Start(embedded.Config{Dir: dir}); err != nil {
		log.Fatal(err)
	}
	js, err := srv.Connect("provisioner")
	if err != nil {
		log.Fatal(err)
	}
	defer js.Conn().Close()
	if err := events.Provision(ctx, js, events.ProvisionConfig{}); err != nil {
		log.Fatal(err)
	}
	return srv, func() {
		srv.Stop()
		_ = os.RemoveAll(dir) // a temporary folder
	}
}

// openLog connects as the service of a stage, which may append its own kinds of facts.
func openLog(srv *embedded.Server, stage events.Stage) (l *events.Log, closeLog func()) {
	js, err := srv.Connect(string(stage))
	if err != nil {
		log.Fatal(err)
	}
	return events.NewLog(js, stage, nil), js.Conn().Close
}

// uploaded is the first fact of a new job.
func uploaded() *events.Uploaded {
	id := events.NewJobID()
	fact := &events.Uploaded{
		Owner: events.User{ID: "thandi", Role: "member"}, FileName: "branch.xlsx",
		File: events.Artifact{Bucket: events.BucketUploads, Name: id + "/upload.xlsx"},
	}
	fact.JobID = id
	return fact
}

// A service appends a fact to a job that it has loaded. If somebody else has appended one
// meanwhile, the error is ErrConflict: load the job and decide again.
func ExampleLog_Append() {
	ctx := context.Background()
	srv, stop := startServer(ctx)
	defer stop()
	l, closeLog := openLog(srv, events.StageUpload)
	defer closeLog()

	var job events.Job
	if _, err := l.Append(ctx, &job, 0, uploaded()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.Status, "next:", job.Next())

	cancelled := &events.Cancelled{Stage: job.Stage, By: job.Owner}
	if _, err := l.Append(ctx, &job, job.Seq, cancelled); err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.Status)
	// Output:
	// pending next: validation
	// cancelled
}

// Follow yields the history of a job, and then what is appended to it.
func ExampleLog_Follow() {
	ctx := context.Background()
	srv, stop := startServer(ctx)
	defer stop()
	upload, closeUpload := openLog(srv, events.StageUpload)
	defer closeUpload()
	validation, closeValidation := openLog(srv, events.StageValidation)
	defer closeValidation()

	var job events.Job
	if _, err := upload.Append(ctx, &job, 0, uploaded()); err != nil {
		log.Fatal(err)
	}
	for e, err := range validation.Follow(ctx, job.ID, 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Kind)
		if e.Kind == events.KindFailed {
			break
		}
		failed := &events.Failed{
			Stage: events.StageValidation, Code: "no_rows", Message: "The sheet is empty.", Attempts: 1,
		}
		if _, err := validation.Append(ctx, &job, job.Seq, failed); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// uploaded
	// failed
}

// The state of a job is the fold of its facts, and nothing else.
func ExampleFold() {
	ctx := context.Background()
	srv, stop := startServer(ctx)
	defer stop()
	l, closeLog := openLog(srv, events.StageUpload)
	defer closeLog()

	var job events.Job
	if _, err := l.Append(ctx, &job, 0, uploaded()); err != nil {
		log.Fatal(err)
	}
	for _, fact := range []events.Fact{
		&events.Cancelled{Stage: events.StageValidation, By: job.Owner},
		&events.Retried{Stage: events.StageValidation, By: job.Owner},
	} {
		if _, err := l.Append(ctx, &job, job.Seq, fact); err != nil {
			log.Fatal(err)
		}
	}
	history, err := l.Replay(ctx, job.ID, 0)
	if err != nil {
		log.Fatal(err)
	}
	for n := range history {
		was, err := events.Fold(history[:n+1])
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(was.Kind, "->", was.Status)
	}
	// Output:
	// uploaded -> pending
	// cancelled -> cancelled
	// retried -> processing
}
