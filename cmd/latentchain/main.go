// Command latentchain answers questions with a team of agents that hand each other their working memory instead of
// text, and has what is needed around that: getting ready, checking, measuring.
//
// This file runs the program and says how it ends: exit code 0 when all went well, 1 when something failed, 2 when
// it was called wrongly, 130 when it was interrupted. Signals are in interrupt.go, what the commands share in
// root.go, what is shown while the user waits in progress.go; each command has a file of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine/backend"
	"github.com/latentchain/latentchain/xlaengine/chat"
)

func main() {
	backend.OwnProcess()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes besides 0. An interrupted program ends with 128 plus the number of the signal: 130 for Ctrl-C.
const (
	exitFailed = 1
	exitUsage  = 2
)

// run is the program between its arguments and its exit code.
func run(args []string, in io.Reader, out, errs *os.File) int {
	a := &app{in: in, out: &output{w: out}, show: newProgress(errs), start: time.Now()}
	ctx, stop := untilInterrupted(context.Background())
	defer stop()

	root := a.root()
	root.SetArgs(args)
	err := finish(ctx, func() error {
		command, err := root.ExecuteContextC(ctx)
		if err != nil && !a.running {
			return usageError{fmt.Errorf("%w; see %s --help", err, command.CommandPath())}
		}
		return err
	})
	a.show.clear()
	if err == nil && a.out.err != nil {
		err = fmt.Errorf("write the result: %w", a.out.err)
	}
	if err == nil {
		return 0
	}
	var signal interrupted
	if errors.As(context.Cause(ctx), &signal) {
		fmt.Fprintln(errs, "latentchain:", signal)
		return signal.exitCode()
	}
	fmt.Fprintln(errs, "latentchain:", oneLine(forUsers(err))+nextStep(err))
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

// usageError is an error of how the program was called: nothing was fetched, loaded or computed yet.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// forUsers is an error's text without what it says to programmers. What the provider puts before its own, its name and a
// code, is left out: the name is this program's, which comes first as it is. An option of the library is the flag here.
func forUsers(err error) string {
	text := err.Error()
	var coded *llms.Error
	if errors.As(err, &coded) {
		text = strings.Replace(text, fmt.Sprintf("%s: %s: ", coded.Provider, coded.Code), "", 1)
	}
	return strings.ReplaceAll(strings.Replace(text, "latentchain: ", "", 1), "WithMemoryBudget", "--memory")
}

// oneLine puts an error of several lines, such as joined ones, on one.
func oneLine(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// nextStep is what the user can do about an error whose text does not say so itself, because it comes from the
// operating system or speaks to programmers.
func nextStep(err error) string {
	switch {
	case errors.Is(err, chat.ErrNoTemplate):
		return "; --chatml takes ChatML instead"
	case errors.Is(err, syscall.ENOSPC):
		return "; make room there; --cache DIR moves what is fetched elsewhere"
	case errors.Is(err, os.ErrPermission):
		return "; change its permissions; --cache DIR moves what is fetched elsewhere"
	}
	return ""
}

// output is standard output. It keeps the first error of writing, so that a result lost to a full disk is a failure.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}
