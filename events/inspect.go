package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Finding compares a stream, bucket or consumer with what Provision makes.
type Finding struct {
	// Name is its kind and name: "stream BULK", "bucket ROWS", "consumer iec".
	Name string
	// Missing says that it does not exist.
	Missing bool
	// Differs has a sentence for each setting that Provision would change: what
	// it is and what it should be.
	Differs []string
}

// Inspection is the result of Inspect.
type Inspection struct {
	Findings []Finding
	// Skew is how far the clock of the server is ahead of this one.
	Skew time.Duration
}

// Inspect compares all that Provision makes with what exists, and changes
// nothing. Now is the local clock; nil means time.Now. It needs the permissions
// of the user operator. The error is that of the server's API; a missing stream
// is a Finding.
func Inspect(ctx context.Context, js jetstream.JetStream, cfg ProvisionConfig, now func() time.Time) (
	Inspection, error,
) {
	cfg = cfg.complete()
	if now == nil {
		now = time.Now
	}
	var found Inspection
	stream := func(name string, want jetstream.StreamConfig) error {
		began := now()
		s, err := js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			found.Findings = append(found.Findings, Finding{Name: name, Missing: true})
			return nil
		}
		if err != nil {
			return fmt.Errorf("inspect %s: %w", name, err)
		}
		info := s.CachedInfo()
		middle := began.Add(now().Sub(began) / 2) // when the server answered, about
		found.Skew = info.TimeStamp.Sub(middle)
		differs, err := diffSettings(want, info.Config)
		found.Findings = append(found.Findings, Finding{Name: name, Differs: differs})
		return err
	}
	for _, s := range streamConfigs(cfg) {
		if err := stream("stream "+s.Name, s); err != nil {
			return found, err
		}
	}
	// A bucket is a stream that refuses new data when it is full.
	for _, name := range append(ObjectBuckets(), BucketCases) {
		want := jetstream.StreamConfig{
			Name: objectStream(name), Discard: jetstream.DiscardNew,
			Storage: jetstream.FileStorage, Replicas: cfg.Replicas,
		}
		if name == BucketCases {
			want.MaxAge = CaseTTL
		}
		if err := stream("bucket "+name, want); err != nil {
			return found, err
		}
	}
	for _, kv := range keyValues {
		want := jetstream.StreamConfig{
			Name: "KV_" + kv.Bucket, Discard: jetstream.DiscardNew, MaxAge: kv.TTL,
			Storage: kv.Storage, Replicas: cfg.Replicas,
		}
		if err := stream("bucket "+kv.Bucket, want); err != nil {
			return found, err
		}
	}
	for _, want := range consumerConfigs(cfg) {
		name := "consumer " + want.Durable
		c, err := js.Consumer(ctx, consumerStream(want.Durable), want.Durable)
		if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			found.Findings = append(found.Findings, Finding{Name: name, Missing: true})
			continue
		}
		if err != nil {
			return found, fmt.Errorf("inspect %s: %w", name, err)
		}
		differs, err := diffSettings(want, c.CachedInfo().Config)
		if err != nil {
			return found, err
		}
		found.Findings = append(found.Findings, Finding{Name: name, Differs: differs})
	}
	return found, nil
}

// diffSettings lists the settings of want that have does not share. It skips
// settings that want leaves at their zero value, because the server chooses
// those.
func diffSettings(want, have any) ([]string, error) {
	wanted, err := decodeSettings(want)
	if err != nil {
		return nil, err
	}
	actual, err := decodeSettings(have)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		w, h := wanted[key], actual[key]
		switch string(w) {
		case "0", `""`, "null", "false", "{}", "[]":
			continue
		}
		if !bytes.Equal(w, h) {
			list = append(list, fmt.Sprintf("%s is %s, should be %s", key, formatSetting(key, h), formatSetting(key, w)))
		}
	}
	return list, nil
}

// formatSetting formats a setting for people. The API counts times in
// nanoseconds.
func formatSetting(key string, value json.RawMessage) string {
	if value == nil {
		return "not set"
	}
	switch key {
	case "duplicate_window", "max_age", "ack_wait":
		if ns, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return time.Duration(ns).String()
		}
	}
	return string(value)
}

// decodeSettings returns the settings by their names in the server's API.
func decodeSettings(config any) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return m, nil
}
