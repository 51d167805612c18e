//go:build !linux

package chaos

import "testing"

func TestPowerLoss(t *testing.T) {
	t.Fatal("NOT RUN: loss of power. It needs FUSE and root, and is written for Linux")
}
