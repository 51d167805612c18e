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

// Finding is a stream, bucket or consumer as it was found.
type Finding struct {
	// Name is what it is and how it is called: "stream BULK", "bucket ROWS",
	// "consumer iec".
	Name string
	// Missing says that it is not there.
	Missing bool
	// Differs says of each setting that is not what Provision would make it how
	// it is and how it would be.
	Differs []string
}

// Inspection is what Inspect found.
type Inspection struct {
	Findings []Finding
	// Skew is how far the server's clock is ahead of now's, as of the middle of
	// the time that asking took.
	Skew time.Duration
}

// Inspect compares all that Provision makes with how it is, and changes nothing.
// It needs the permissions of the operator; nil for now means time.Now. The error
// is that of not being answered.
func Inspect(ctx context.Context, js jetstream.JetStream, cfg ProvisionConfig, now func() time.Time) (Inspection, error) {
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
		found.Skew = info.TimeStamp.Sub(began.Add(now().Sub(began) / 2))
		differs, err := diffSettings(want, info.Config)
		found.Findings = append(found.Findings, Finding{Name: name, Differs: differs})
		return err
	}
	for _, s := range streamConfigs(cfg) {
		if err := stream("stream "+s.Name, s); err != nil {
			return found, err
		}
	}
	// A bucket is a stream that refuses what does not fit.
	for _, name := range objectBuckets {
		want := jetstream.StreamConfig{Name: "OBJ_" + name, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage, Replicas: cfg.Replicas}
		if err := stream("bucket "+name, want); err != nil {
			return found, err
		}
	}
	for _, kv := range keyValues {
		want := jetstream.StreamConfig{Name: "KV_" + kv.Bucket, Discard: jetstream.DiscardNew, MaxAge: kv.TTL, Storage: kv.Storage, Replicas: cfg.Replicas}
		if err := stream("bucket "+kv.Bucket, want); err != nil {
			return found, err
		}
	}
	for _, want := range consumerConfigs(cfg) {
		name := "consumer " + want.Durable
		c, err := js.Consumer(ctx, StreamFacts, want.Durable)
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

// differences are the settings of want that have has otherwise. Those that want
// does not say are the server's to choose.
func diffSettings(want, have any) ([]string, error) {
	wanted, err := decodeSettings(want)
	if err != nil {
		return nil, err
	}
	had, err := decodeSettings(have)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		w, h := wanted[key], had[key]
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

// readable is a setting's value for people: times are nanoseconds in the API.
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

// settingsOf are the settings as the server's API has them, by their names there.
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
