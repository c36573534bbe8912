package main

// Ctrl-C: the first one cancels the program's context and lets it clean up, a second one kills it at once.

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interrupted is why a context ended: a signal.
type interrupted struct{ signal os.Signal }

func (i interrupted) Error() string {
	if i.signal == os.Interrupt {
		return "interrupted"
	}
	return "ended by signal: " + i.signal.String()
}

// exitCode is 128 plus the signal's number, as shells have it.
func (i interrupted) exitCode() int {
	if number, ok := i.signal.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return exitFailed
}

// untilInterrupted returns a context that ends, with an interrupted as its cause, at the first SIGINT or SIGTERM.
// From then on the signals do what they do by themselves: they kill.
func untilInterrupted(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			cancel(interrupted{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// patience is how long an interrupted command has to clean up. Compiling a program, loading a plugin and solving an
// alignment can't be interrupted; the files they write appear whole or not at all, so leaving them is safe.
const patience = 2 * time.Second

// finish returns what work returns, or an error when ctx has ended and work does not return within patience.
func finish(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return fmt.Errorf("gave up waiting: %w", context.Cause(ctx))
	}
}
