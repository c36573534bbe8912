package main

// The program as its tests run it: the test binary started again, with the program's arguments and streams.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// beTheProgram is the environment variable that makes the test binary the program.
const beTheProgram = "LATENTCHAIN_TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(beTheProgram) {
	case "":
		os.Exit(m.Run())
	case "stuck":
		os.Exit(stuck())
	default:
		main()
	}
}

// stuck is a program whose work does not notice that it was interrupted.
func stuck() int {
	ctx, stop := untilInterrupted(context.Background())
	defer stop()
	err := finish(ctx, func() error {
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("interrupted once")
		select {}
	})
	var signal interrupted
	if errors.As(err, &signal) {
		return signal.exitCode()
	}
	return 0
}

// testBackend is what computes: GoMLX's pure-Go backend, because it needs no plugin and no compiling, and tiny models
// take milliseconds on it. Under the race detector it is another; see race_test.go.
var testBackend = func() (string, error) { return "go", nil }

// programEnv is an environment with a cache of its own and without the user's settings.
func programEnv(t testing.TB) []string {
	t.Helper()
	config, err := testBackend()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GOMLX_BACKEND=" + config,
		"LATENTCHAIN_CACHE=" + filepath.Join(dir, "latentchain"), "HF_HOME=" + filepath.Join(dir, "hf"),
		"HF_ENDPOINT=http://127.0.0.1:1", // nothing listens there
		beTheProgram + "=1",
	}
	for _, name := range []string{"TMPDIR", "SYSTEMROOT", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// program runs the program to its end and returns what it wrote.
func program(t *testing.T, in string, args ...string) (out, errs string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = programEnv(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}
