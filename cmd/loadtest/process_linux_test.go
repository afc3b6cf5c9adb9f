package main

import (
	"io"
	"os/exec"
	"testing"
)

// A server's processes come and go; what those used that are gone must not get lost.
func TestAFamilysTimeIsThatOfAllItsProcesses(t *testing.T) {
	const work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
	cmd := exec.Command("/bin/sh", "-c", "( "+work+" ); echo done; read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("done\n"))); err != nil {
		t.Fatal(err)
	}
	own, err := cpu(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	all, err := familyCPU(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if all < own+2*tick {
		t.Errorf("the family used %v, its parent %v", all, own)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // read fails at the end of its input
}
