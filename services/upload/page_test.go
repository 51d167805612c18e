package upload_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"rollcall.example/events"
	"rollcall.example/services/api/apitest"
)

// A page of another origin, in a real browser, uploads in parts with the official client
// and reads answers, if its origin is permitted; and else nothing.
func TestAPageOfAnotherOriginUploadsInParts(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: go tool task chromium installs it")
	}
	dist := filepath.Join(installClient(t), "node_modules", "tus-js-client", "dist")
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tus.min.js" {
			http.ServeFile(w, r, filepath.Join(dist, "tus.min.js"))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><script src=tus.min.js></script>") // the browser may have gone
	}))
	t.Cleanup(pages.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	ctx, cancelAll := chromedp.NewExecAllocator(ctx, chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck)
	ctx, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		cancelTab()
		cancelAll()
		cancel()
	})
	if _, err := chromedp.Run(ctx, chromedp.Navigate(pages.URL)); err != nil {
		t.Fatal(err)
	}
	do := func(script string) (said string) {
		t.Helper()
		script = "window.said = ''; (async () => {" + script +
			"})().then((v) => { said = String(v); }, (e) => { said = 'failed: ' + e; }); true"
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script)); err != nil {
			t.Fatal(err)
		}
		for said == "" {
			var err error
			if said, err = chromedp.Run(ctx, chromedp.Evaluate[string]("window.said")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		return said
	}
	const upload = `return new Promise((done, fail) => new tus.Upload(
		new File(["ID Number\n" + "8001015009087\n".repeat(20000)], "roll.csv"), {
			endpoint: "%s/tus", headers: { Authorization: "Bearer alice member" }, parallelUploads: 3, chunkSize: 50000,
			metadata: { filename: "roll.csv" }, retryDelays: null, storeFingerprintForResuming: false, onError: fail,
			onSuccess: ({ lastResponse }) => done(lastResponse.getHeader("Upload-Job")),
		}).start());`
	const read = `const a = await fetch("%s/history?limit=5", { headers: { Authorization: "Bearer alice member" } });
		return (await a.json()).data.pagination.total_count;`

	r := newRig(t, func(c *apitest.Config) { c.API.Origins = []string{"127.0.0.1:*"} })
	id := do(fmt.Sprintf(upload, r.URL))
	job, err := r.Log.Load(t.Context(), id)
	if err != nil || job.FileName != "roll.csv" || job.Uploaded.File.Size != 10+14*20000 {
		t.Errorf("%q: %+v, %v", id, job, err)
	}
	if said := do(fmt.Sprintf(read, r.URL)); said != "1" {
		t.Errorf("the list: %s", said)
	}
	shut := newRig(t)
	for _, script := range []string{upload, read} {
		if said := do(fmt.Sprintf(script, shut.URL)); events.ValidJobID(said) || len(said) < 6 || said[:6] != "failed" {
			t.Errorf("a page of an origin that is not permitted: %s", said)
		}
	}
}
