package main

// Files that the user names, and standard input, which the name - stands for.

import (
	"context"
	"fmt"
	"io"
	"os"
)

// readFile reads a file and has parse make something of it. Errors name the file.
func readFile[T any](ctx context.Context, a *app, path string, parse func([]byte) (T, error)) (parsed T, err error) {
	var data []byte
	name := path
	if path == "-" {
		name = "standard input"
		data, err = readAll(ctx, a.in)
		if err != nil {
			return parsed, fmt.Errorf("%s: %w", name, err)
		}
	} else if data, err = os.ReadFile(path); err != nil {
		return parsed, err // names the file by itself
	}
	if parsed, err = parse(data); err != nil {
		return parsed, fmt.Errorf("%s: %w", name, err)
	}
	return parsed, nil
}

// readAll reads r to its end, or until ctx is done: a terminal or an open pipe may never end.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(r)
		done <- result{data, err}
	}()
	select {
	case res := <-done:
		return res.data, res.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
