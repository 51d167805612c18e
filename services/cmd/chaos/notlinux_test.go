//go:build !linux

package chaos

import "testing"

func TestPowerLoss(t *testing.T) {
	t.Fatal("NOT RUN: loss of power. It needs FUSE and root, and is written for Linux")
}

func TestPartitions(t *testing.T) {
	t.Fatal("NOT RUN: partitions. They need network namespaces and root, and are written for Linux")
}

func TestNATSKeepsWhatItAcknowledged(t *testing.T) {
	t.Fatal("NOT RUN: loss of power. It needs FUSE and root, and is written for Linux")
}

func TestClocksJump(t *testing.T) {
	t.Fatal("NOT RUN: clocks that jump. They need libfaketime, and are tested on Linux")
}

func TestFaultsTogether(t *testing.T) {
	t.Fatal("NOT RUN: faults of several kinds at once. They need FUSE, namespaces and root, and are written for Linux")
}
