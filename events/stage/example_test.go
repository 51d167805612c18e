package stage_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"rollcall.example/events"
	"rollcall.example/events/embedded"
	"rollcall.example/events/stage"
)

// A stage is a function from a job to the next fact. The runner appends that fact, and
// acknowledges the message that set the stage to work.
func ExampleRunner() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "rollcall-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder
	srv, err := embedded.Start(embedded.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Stop()
	connect := func(user string) *events.Log {
		js, err := srv.Connect(user)
		if err != nil {
			log.Fatal(err)
		}
		return events.NewLog(js, events.Stage(user), nil)
	}
	provisioner, upload, validation := connect("provisioner"), connect("upload"), connect("validation")
	for _, l := range []*events.Log{provisioner, upload, validation} {
		defer l.JetStream().Conn().Close()
	}
	if err := events.Provision(ctx, provisioner.JetStream(), events.ProvisionConfig{}); err != nil {
		log.Fatal(err)
	}

	runner := &stage.Runner{
		Log: validation, Stage: events.StageValidation,
		Handle: func(_ context.Context, w *stage.Work) (events.Fact, error) {
			fmt.Println("validating", w.Job.FileName)
			return nil, stage.Reject("no_rows", "The sheet is empty. Add the members and upload it again.", nil)
		},
	}
	stopped := make(chan error, 1)
	go func() { stopped <- runner.Run(ctx) }()

	id := events.NewJobID()
	uploaded := &events.Uploaded{
		Owner: events.User{ID: "thandi", Role: "member"}, FileName: "branch.xlsx",
		File: events.Artifact{Bucket: events.BucketUploads, Name: id + "/upload.xlsx"},
	}
	uploaded.JobID = id
	var job events.Job
	if _, err := upload.Append(ctx, &job, 0, uploaded); err != nil {
		log.Fatal(err)
	}
	for e, err := range upload.Follow(ctx, id, job.Seq) {
		if err != nil {
			log.Fatal(err)
		}
		if failed, ok := e.Fact.(*events.Failed); ok {
			fmt.Println(failed.Code+":", failed.Message)
			break
		}
	}
	cancel()
	if err := <-stopped; err != nil {
		log.Fatal(err)
	}
	// Output:
	// validating branch.xlsx
	// no_rows: The sheet is empty. Add the members and upload it again.
}
