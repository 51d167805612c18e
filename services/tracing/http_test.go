package tracing

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestRequestMakesASpan(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	mux := http.NewServeMux()
	var inside trace.SpanContext
	mux.HandleFunc("GET /status/{job}", func(w http.ResponseWriter, r *http.Request) {
		inside = trace.SpanContextFromContext(r.Context())
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("ResponseController does not reach the connection: %v", err)
		}
	})
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	traced, served := Handler(provider.Tracer("test"), mux), make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traced.ServeHTTP(w, r)
		served <- struct{}{} // the span has ended now
	}))
	defer srv.Close()
	get := func(path, traceparent string) tracetest.SpanStub {
		t.Helper()
		spans.Reset()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("traceparent", traceparent)
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		<-served
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		list := spans.GetSpans()
		if len(list) != 1 {
			t.Fatalf("%d spans", len(list))
		}
		return list[0]
	}

	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	s := get("/status/job-7?token=secret", parent)
	if s.Name != "GET /status/{job}" || s.SpanKind != trace.SpanKindServer || s.Status.Code == codes.Error {
		t.Errorf("%+v", s)
	}
	if s.SpanContext.TraceID() != inside.TraceID() ||
		s.SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" ||
		s.Parent.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("trace %s below %s", s.SpanContext.TraceID(), s.Parent.SpanID())
	}
	for _, a := range s.Attributes {
		if text := a.Value.String(); strings.Contains(text, "secret") || strings.Contains(text, "job-7") {
			t.Errorf("%s is %s", a.Key, text)
		}
	}
	// An invalid traceparent begins a new trace.
	if s := get("/broken", "nonsense"); s.Parent.IsValid() || !s.SpanContext.IsValid() || s.Status.Code != codes.Error {
		t.Errorf("%+v", s)
	}
	if s := get("/nothing/of/the/kind", ""); s.Name != http.MethodGet {
		t.Errorf("the span of an unknown path is named %q", s.Name)
	}
}

func TestNewRefusesAnInvalidEndpoint(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://"} {
		if _, err := New(t.Context(), Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is accepted", endpoint)
		}
	}
}
