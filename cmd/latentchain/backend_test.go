package main

// The backend a user has: the XLA plugin is found, or fetched into the user's cache folder, as the program does it.

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/backend"
)

var foundBackend = sync.OnceValues(func() (string, error) {
	found, err := backend.Find(context.Background(), backend.Options{})
	return found.Config, err
})

func TestSolvesOnTheBackendFound(t *testing.T) {
	config, err := foundBackend()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "solve", "--model", tiny(t), "--steps", "2", "--max-tokens", "3", "What is 2+2?")
	cmd.Env = append(programEnv(t), "GOMLX_BACKEND="+config)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	if !strings.Contains(string(out), "│ planner") || !strings.Contains(string(out), "First token after") {
		t.Errorf("no table in %s", out)
	}
}
