//go:build unix

package wheel

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// content is what the servers of these tests have: more than one read's worth.
var content = bytes.Repeat([]byte("0123456789abcdef"), 64<<10)

func contentSource() Source {
	sum := sha256.Sum256(content)
	return Source{Name: "file", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

// brief makes waits short for one test.
func brief(t *testing.T) {
	before := firstWait
	firstWait = time.Millisecond
	t.Cleanup(func() { firstWait = before })
}

// try downloads src from a server with the given handler and returns what is in the folder afterwards.
func try(t *testing.T, ctx context.Context, src Source, handler http.HandlerFunc) (left []string, err error) {
	t.Helper()
	return tryAt(t, ctx, src, handler, filepath.Join(t.TempDir(), "file"))
}

func tryAt(t *testing.T, ctx context.Context, src Source, handler http.HandlerFunc, path string) (left []string, err error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	client := NewClient()
	defer client.CloseIdleConnections()
	src.URL = server.URL
	err = Download(ctx, client, src, path, nil)
	return leftovers(t, filepath.Dir(path)), err
}

// cutOff serves content with ranges but ends each answer after n bytes without notice.
func cutOff(n int, asked *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Header.Get("Range"))
		from, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r.Header.Get("Range"), "bytes="), "-"))
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(content[from:min(from+n, len(content))])
	}
}

func TestDownloadGoesOnWhereTheConnectionBroke(t *testing.T) {
	brief(t)
	var asked []string
	path := filepath.Join(t.TempDir(), "file")
	left, err := tryAt(t, t.Context(), contentSource(), cutOff(400_000, &asked), path)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, content) || len(left) != 1 {
		t.Errorf("got %d bytes, want %d; in the folder: %v", len(got), len(content), left)
	}
	if len(asked) != 3 || asked[0] != "" || !strings.HasPrefix(asked[1], "bytes=") {
		t.Errorf("ranges asked for: %q", asked)
	}
}

func TestDownloadGoesOnWithWhatAKilledProcessLeft(t *testing.T) {
	brief(t)
	for claim, left := range map[string][]byte{
		"a beginning": content[:1000], "another file's beginning": bytes.Repeat([]byte("x"), 1000),
		"all of it": content, "too much": append(bytes.Clone(content), "more"...),
	} {
		t.Run(claim, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path+suffix, left, 0o644); err != nil {
				t.Fatal(err)
			}
			names, err := tryAt(t, t.Context(), contentSource(), func(w http.ResponseWriter, r *http.Request) {
				http.ServeContent(w, r, "file", time.Time{}, bytes.NewReader(content))
			}, path)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, content) || len(names) != 1 {
				t.Errorf("got %d bytes, want %d; in the folder: %v", len(got), len(content), names)
			}
		})
	}
}

func TestDownloadFailsCleanlyAndSaysWhy(t *testing.T) {
	brief(t)
	gitID := contentSource()
	gitID.SHA256, gitID.GitID = "", strings.Repeat("0", 40)
	serve := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(b) }
	}
	changed := bytes.Clone(content)
	changed[5]++
	tests := []struct {
		claim   string
		src     Source
		handler http.HandlerFunc
		want    string
	}{
		{"another content", contentSource(), serve(changed), "its SHA-256 is"},
		{"another content by git id", gitID, serve(content), "its git id is"},
		{"too short", contentSource(), serve(content[:10]), "it ended after"},
		{"too long", contentSource(), serve(append(bytes.Clone(content), 'x')), "more than the"},
		{"not there", contentSource(), http.NotFound, "the server says 404 Not Found"},
		{"server broken", contentSource(), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Error-Message", "try later")
			w.WriteHeader(http.StatusBadGateway)
		}, "502 Bad Gateway: try later"},
		{"server silent", contentSource(), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "nothing came for"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			if test.claim == "server silent" {
				before := stall
				stall = 100 * time.Millisecond
				defer func() { stall = before }()
			}
			left, err := try(t, t.Context(), test.src, test.handler)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line with %q", err, test.want)
			}
			if len(left) != 0 {
				t.Errorf("left in the folder: %v", left)
			}
		})
	}
}

func TestDownloadChecksGitIDs(t *testing.T) {
	src := contentSource()
	sum := sha1.New()
	fmt.Fprintf(sum, "blob %d\x00%s", len(content), content)
	src.SHA256, src.GitID = "", hex.EncodeToString(sum.Sum(nil))
	if _, err := try(t, t.Context(), src, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(content) }); err != nil {
		t.Error(err)
	}
}

func TestDownloadCancelledLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	left, err := try(t, ctx, contentSource(), func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(content[:1000])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	if !errors.Is(err, context.Canceled) || len(left) != 0 {
		t.Errorf("error is %v, left in the folder: %v", err, left)
	}
}

// TestDownloadOnAFullDisk has the unfinished file be /dev/full, where every write fails as on a full disk.
func TestDownloadOnAFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.Symlink("/dev/full", path+suffix); err != nil {
		t.Fatal(err)
	}
	left, err := tryAt(t, t.Context(), contentSource(), func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(content) }, path)
	if !errors.Is(err, syscall.ENOSPC) || len(left) != 0 {
		t.Errorf("error is %v, left in the folder: %v", err, left)
	}
}

func TestDownloadKeepsTheTokenFromOtherHosts(t *testing.T) {
	var there string
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there = r.Header.Get("Authorization") + "."
		_, _ = w.Write(content)
	}))
	defer storage.Close()
	src := contentSource()
	src.Header = http.Header{"Authorization": {"Bearer secret"}}
	var here string
	_, err := try(t, t.Context(), src, func(w http.ResponseWriter, r *http.Request) {
		here = r.Header.Get("Authorization")
		http.Redirect(w, r, strings.Replace(storage.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
	})
	if err != nil || here != "Bearer secret" || there != "." {
		t.Errorf("error %v; the hub got %q, the storage %q", err, here, there)
	}
}
