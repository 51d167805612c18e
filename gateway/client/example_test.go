package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/coder/websocket"

	"rollcall.example/gateway/client"
	"rollcall.example/gateway/frames"
)

// exampleJob is the one job of startExampleServer.
const exampleJob = "job-01890a5d-ac96-774b-bcce-b302099a8057"

// startExampleServer runs a server that accepts one upload and plays its job.
func startExampleServer() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/bulk-upload/process", func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := r.FormFile("file"); err != nil {
			log.Print(err)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"success":true,"data":{"job_id":"`+exampleJob+`"}}`) // the client may be gone
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // Accept has answered
		}
		defer func() { _ = ws.CloseNow() }()
		_, _, err = ws.Read(r.Context()) // subscribe_bulk_upload_job
		for _, text := range []string{
			`{"event":"ack","id":1,"data":{"job_id":"JOB","last_seq":7,"status":"pending"}}`,
			`{"event":"bulk_upload_progress","seq":7,"data":{"job_id":"JOB","progress":0,"message":"File received."}}`,
			`{"event":"bulk_upload_progress","data":{"job_id":"JOB","progress":33,"message":"Checking rows."}}`,
			`{"event":"bulk_upload_complete","seq":12,"data":{"job_id":"JOB","database_stats":{"inserts":2}}}`,
		} {
			if err == nil {
				err = ws.Write(r.Context(), websocket.MessageText, []byte(strings.ReplaceAll(text, "JOB", exampleJob)))
			}
		}
		_, _, _ = ws.Read(r.Context()) // until the client has closed
	})
	return httptest.NewServer(mux)
}

// A program uploads a roll and follows its job to the end.
func Example() {
	server := startExampleServer()
	defer server.Close()
	c, err := client.New(client.Config{URL: server.URL, Token: "the user's token"})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	roll := strings.NewReader("ID Number\n8001015009087\n9001010001088\n")
	job, err := c.Upload(ctx, "branch.csv", roll, client.UploadOptions{})
	if err != nil {
		log.Fatal(err) // a *refusal.Error has the server's code and sentence
	}
	for frame, err := range c.Watch(ctx, job, 0) {
		if err != nil {
			log.Fatal(err)
		}
		if frame.Event == frames.EventComplete {
			complete, err := frame.Complete()
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%d new members\n", complete.Database.Inserts)
			continue
		}
		progress, err := frame.Progress()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %% %s\n", progress.Progress, progress.Message)
	}
	// Output:
	// 0 % File received.
	// 33 % Checking rows.
	// 2 new members
}
