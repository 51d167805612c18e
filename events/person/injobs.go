package person

import (
	"encoding/base64"
	"encoding/binary"
)

// HashInJobs returns what the index of who is in which job, the table job_people, has for
// a key that package spelling yields.
func (k *Key) HashInJobs(key string) int64 {
	b, err := base64.RawURLEncoding.DecodeString(k.Hash("who is in a job: " + key))
	if err != nil {
		panic(err) // Hash returns base64
	}
	return int64(binary.BigEndian.Uint64(b))
}

// JobsCheck tells the index of this key from that of another.
func (k *Key) JobsCheck() int64 { return k.HashInJobs("which key") }
