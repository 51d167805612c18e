// Package tracing sends spans to an OpenTelemetry collector over HTTP.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"rollcall.example/events"
)

// Config says where spans go.
type Config struct {
	// Endpoint is the collector's base URL, for instance http://127.0.0.1:4318. Spans
	// are posted to /v1/traces below it.
	Endpoint string
	// Service is the service name of the spans, unless OTEL_SERVICE_NAME has another.
	Service string
	// Logger gets failures to send spans; nil discards.
	Logger *slog.Logger
}

// New returns a provider of tracers. Its Shutdown sends the spans that wait.
// OpenTelemetry's variables set how many spans are kept and how often they are sent:
// OTEL_TRACES_SAMPLER, OTEL_BSP_SCHEDULE_DELAY, OTEL_EXPORTER_OTLP_HEADERS and so on.
func New(ctx context.Context, cfg Config) (*sdk.TracerProvider, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("traces: endpoint must begin with http:// or https://")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	res, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", cfg.Service)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return sdk.NewTracerProvider(sdk.WithBatcher(loggingExporter{exporter, events.Logger(cfg.Logger)}),
		sdk.WithResource(res)), nil
}

// loggingExporter logs the failures of an exporter to our logger. OpenTelemetry itself
// would report them through a handler of the whole process.
type loggingExporter struct {
	sdk.SpanExporter
	log *slog.Logger
}

func (e loggingExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.WarnContext(ctx, "spans not sent", "spans", len(spans), "err", err)
	}
	return nil
}
