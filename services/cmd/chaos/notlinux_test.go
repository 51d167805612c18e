//go:build !linux

package chaos

import "testing"

func TestPowerLoss(t *testing.T) {
	t.Fatal("NOT RUN: loss of power. It needs FUSE and root, and is written for Linux")
}

func TestPartitions(t *testing.T) {
	t.Fatal("NOT RUN: partitions. They need network namespaces and root, and are written for Linux")
}
