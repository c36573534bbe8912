package wheel

// This file downloads one file over HTTP: resumed when the connection breaks, checked against its hash, and put
// in its place only when it is whole.

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Source is a file on a web server and what is known about it.
type Source struct {
	Name   string // what progress and errors call it
	URL    string
	Header http.Header // sent along, e.g. a token; Go drops Authorization when it is redirected to another host
	Size   int64       // bytes; 0 when not known
	SHA256 string      // hex; "" when not known
	GitID  string      // git's object id of the content, hex SHA-1; "" when not known
}

// StatusError is a server's answer other than the file.
type StatusError struct {
	Code   int    // e.g. 404
	Detail string // what the server said about it; may be ""
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("the server says %d %s", e.Code, http.StatusText(e.Code))
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

const (
	attempts = 5             // tries without any new bytes before giving up
	suffix   = ".incomplete" // of a file that is not whole yet
)

// The waits are variables so that tests need not sit through them.
var (
	firstWait = 250 * time.Millisecond // before the second try; doubles from try to try
	stall     = 60 * time.Second       // without a byte, after which a connection counts as broken
)

// NewClient returns a client that notices quickly when there is no network: 10 s to connect, 20 s to the first
// byte of an answer. Callers close its idle connections when they are done.
func NewClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 20 * time.Second,
		ForceAttemptHTTP2:     true,
	}}
}

// Download puts the file src at path, whose folder must exist. It goes on where the connection broke, checks
// size and hash, and renames at the end, so that path is whole or not there. What it had until an error is
// removed; what a killed process left behind is gone on with. The caller holds a lock that belongs to path.
func Download(ctx context.Context, client *http.Client, src Source, path string, progress Progress) error {
	err := download(ctx, client, src, path, progress)
	if err != nil {
		_ = os.Remove(path + suffix)
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = ctx.Err()
		}
		return fmt.Errorf("download %s: %w", src.Name, err)
	}
	return nil
}

func download(ctx context.Context, client *http.Client, src Source, path string, progress Progress) error {
	f, err := os.OpenFile(path+suffix, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	resumed, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := receive(ctx, client, src, f, progress); err != nil {
		return err
	}
	err = verify(ctx, src, f)
	if err != nil && resumed > 0 && ctx.Err() == nil {
		// Perhaps the beginning another process left is of another version: once more from nothing.
		if err = f.Truncate(0); err == nil {
			if err = receive(ctx, client, src, f, progress); err == nil {
				err = verify(ctx, src, f)
			}
		}
	}
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(path+suffix, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// receive fills f up to the end of src, trying again from where it is while the fault may pass.
func receive(ctx context.Context, client *http.Client, src Source, f *os.File, progress Progress) error {
	wait := firstWait
	for failed := 0; ; {
		before, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if src.Size > 0 && before == src.Size {
			return nil
		}
		err = receiveOnce(ctx, client, src, f, before, progress)
		if err == nil {
			return nil
		}
		var lasting *lastingError
		if errors.As(err, &lasting) {
			return lasting.err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if after, _ := f.Seek(0, io.SeekEnd); after > before {
			failed, wait = 0, firstWait
		}
		if failed++; failed == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait *= 2
		}
	}
}

// lastingError is one that another try would meet again: the server said no, the disk is full.
type lastingError struct{ err error }

func (e *lastingError) Error() string { return e.err.Error() }

// receiveOnce asks for src from byte from on and appends what comes to f.
func receiveOnce(ctx context.Context, client *http.Client, src Source, f *os.File, from int64, progress Progress) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, src.URL, nil)
	if err != nil {
		return &lastingError{err}
	}
	if src.Header != nil {
		req.Header = src.Header.Clone()
	}
	if from > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
	}
	resp, err := client.Do(req)
	if err != nil {
		var urlError *url.Error
		if errors.As(err, &urlError) {
			err = urlError.Err // without the address, which after a redirect may be signed
		}
		return err
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusPartialContent && from > 0:
	case code == http.StatusOK, code == http.StatusRequestedRangeNotSatisfiable && from > 0:
		// All of it from the start, or our beginning is longer than the file.
		if from > 0 {
			if err := f.Truncate(0); err != nil {
				return &lastingError{err}
			}
		}
		from = 0
		if code != http.StatusOK {
			return errors.New("the server has less of it than we have")
		}
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return NewStatusError(resp)
	default:
		return &lastingError{NewStatusError(resp)}
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return &lastingError{err}
	}

	total := src.Size
	if total == 0 && resp.ContentLength > 0 {
		total = from + resp.ContentLength
	}
	done := from
	what := "download " + src.Name
	progress.Report(what, done, total)
	watchdog := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing came for %s", stall)) })
	defer watchdog.Stop()
	buf := make([]byte, 1<<18)
	for {
		n, err := resp.Body.Read(buf)
		watchdog.Reset(stall)
		if n > 0 {
			if src.Size > 0 && done+int64(n) > src.Size {
				return &lastingError{fmt.Errorf("more than the %d bytes it should have", src.Size)}
			}
			if _, err := f.Write(buf[:n]); err != nil {
				return &lastingError{err}
			}
			done += int64(n)
			progress.Report(what, done, total)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return err
		}
	}
	if src.Size > 0 && done < src.Size {
		return fmt.Errorf("it ended after %d of %d bytes", done, src.Size)
	}
	if total == 0 {
		progress.Report(what, done, done)
	}
	return nil
}

// NewStatusError reads what a server that answered other than well says about it, at most one short line.
func NewStatusError(resp *http.Response) *StatusError {
	return &StatusError{Code: resp.StatusCode, Detail: resp.Header.Get("X-Error-Message")}
}

// verify checks f against the hashes src knows, the SHA-256 if there is one.
func verify(ctx context.Context, src Source, f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if src.Size > 0 && size != src.Size {
		return fmt.Errorf("it has %d bytes, want %d", size, src.Size)
	}
	var sum hash.Hash
	var kind, want string
	switch {
	case src.SHA256 != "":
		kind, want, sum = "SHA-256", src.SHA256, sha256.New()
	case src.GitID != "":
		kind, want, sum = "git id", src.GitID, sha1.New()
		fmt.Fprintf(sum, "blob %d\x00", size)
	default:
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(sum, &counted{ctx: ctx, r: f}, make([]byte, 1<<20)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("its %s is %s, want %s; it was thrown away", kind, got, want)
	}
	return nil
}
