// Package tracing sends spans to a collector of OpenTelemetry, over HTTP.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Config says where spans go.
type Config struct {
	// Endpoint is the collector's base URL, for instance http://127.0.0.1:4318;
	// spans are posted to /v1/traces below it.
	Endpoint string
	// Service is the name that the spans are shown under, unless
	// OTEL_SERVICE_NAME says another.
	Service string
	// Logger hears of spans that could not be sent.
	Logger *slog.Logger
}

// New returns what makes spans. Its Shutdown sends those that wait. How many are
// kept, and how often they are sent, can be set by OpenTelemetry's variables:
// OTEL_TRACES_SAMPLER, OTEL_BSP_SCHEDULE_DELAY, OTEL_EXPORTER_OTLP_HEADERS and so on.
func New(ctx context.Context, cfg Config) (*sdk.TracerProvider, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("traces: endpoint is not http:// or https://")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	what, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", cfg.Service)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return sdk.NewTracerProvider(sdk.WithBatcher(told{exporter, cfg.Logger}), sdk.WithResource(what)), nil
}

// told is an exporter whose failures are logged by us and not, by OpenTelemetry,
// for the whole process: nothing but the trace suffers from them.
type told struct {
	sdk.SpanExporter
	log *slog.Logger
}

func (t told) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := t.SpanExporter.ExportSpans(ctx, spans); err != nil {
		t.log.Warn("spans not sent", "spans", len(spans), "err", err)
	}
	return nil
}
