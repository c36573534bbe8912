package hub

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// names are the files in dir, folders aside, but for locks.
func names(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(path) != ".lock" {
			rel, _ := filepath.Rel(dir, path)
			found = append(found, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestHubModelIsFetchedOnceAndThenFoundOffline(t *testing.T) {
	tests := []struct {
		claim, name string
		files       map[string]string
		plain       bool
		fetched     []string
	}{
		{"one file", "org/name", single(), false,
			[]string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}},
		{"shards", "org/name@main", sharded(), false,
			[]string{"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", indexFile, "tokenizer.json", "tokenizer_config.json"}},
		{"a hub that tells no hashes in advance", "org/name", single(), true,
			[]string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}},
		{"GGUF", "org/name", map[string]string{"README.md": "", "m.gguf": "GGUF"}, false, []string{"m.gguf"}},
		{"one GGUF of many", "org/name/q4/m.gguf", map[string]string{"m.gguf": "GGUF", "q4/m.gguf": "GGUF4"}, false, []string{"q4/m.gguf"}},
		{"a branch", "org/name@refs/pr/1", single(), false,
			[]string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}},
		{"a commit", "org/name@" + commit, single(), false,
			[]string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			alone(t)
			h := newFakeHub(t, test.files)
			h.plain = test.plain
			o := Options{Endpoint: h.URL + "/"}
			found, err := Find(t.Context(), test.name, o)
			if err != nil {
				t.Fatal(err)
			}
			if found.Source != "hub" || found.Version != commit || found.Name != test.name {
				t.Errorf("found %+v", found)
			}
			snapshot := filepath.Join(os.Getenv("HOME"), ".cache", "huggingface", "hub", "models--org--name", "snapshots", commit)
			if got := names(t, snapshot); !slices.Equal(got, test.fetched) {
				t.Errorf("the snapshot has %q, want %q", got, test.fetched)
			}
			for _, name := range test.fetched {
				if text, err := os.ReadFile(filepath.Join(snapshot, name)); err != nil || string(text) != test.files[name] {
					t.Errorf("%s is %q, %v", name, text, err)
				}
			}

			asked := len(h.asked)
			t.Setenv("HF_HUB_OFFLINE", "1")
			again, err := Find(t.Context(), test.name, o)
			if err != nil || again.Path != found.Path || again.Source != "hub cache" {
				t.Errorf("offline: %+v, %v; want %s", again, err, found.Path)
			}
			if len(h.asked) != asked {
				t.Errorf("offline it asked for %q", h.asked[asked:])
			}
		})
	}
}

func TestManyAtOnceFetchEachFileOnce(t *testing.T) {
	alone(t)
	h := newFakeHub(t, single())
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := Find(t.Context(), "org/name", Options{Endpoint: h.URL}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, name := range []string{"config.json", "model.safetensors"} {
		n := 0
		for _, asked := range h.asked {
			if asked == "GET "+name {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s was fetched %d times, want once", name, n)
		}
	}
}

func TestFetchFailsCleanlyAndSaysWhy(t *testing.T) {
	wrong := func(wanted string, serve func(w http.ResponseWriter)) func(string, http.ResponseWriter, *http.Request) bool {
		return func(name string, w http.ResponseWriter, r *http.Request) bool {
			if name != wanted {
				return false
			}
			serve(w)
			return true
		}
	}
	write := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = w.Write([]byte(text)) }
	}
	badIndex := sharded()
	badIndex[indexFile] = `{"weight_map":{"a":"../../evil.safetensors"}}`
	missingShard := sharded()
	delete(missingShard, "model-00002-of-00002.safetensors")
	tests := []struct {
		claim, name string
		hub         *fakeHub
		want        string
	}{
		{"wrong content of a small file", "org/name", &fakeHub{files: single(), change: wrong("config.json", write("[]"))}, "config.json: its git id is"},
		{"wrong content of the weights", "org/name", &fakeHub{files: single(), change: wrong("model.safetensors", write(strings.Repeat("WEIGHTS ", 1000)))}, "its SHA-256 is"},
		{"file gone", "org/name", &fakeHub{files: single(), change: wrong("tokenizer.json", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })}, "404 Not Found"},
		{"private without a token", "org/name", &fakeHub{files: single(), token: "secret"}, "set HF_TOKEN"},
		{"no such repository", "org/other", &fakeHub{}, "check the spelling"},
		{"no model in it", "org/name", &fakeHub{files: map[string]string{"README.md": ""}}, "neither config.json with model.safetensors"},
		{"weights of a name nobody knows", "org/name", &fakeHub{files: map[string]string{"config.json": "{}", "tokenizer.json": "{}", "adapter_model.safetensors": "w"}}, "neither config.json with model.safetensors"},
		{"several GGUF files", "org/name", &fakeHub{files: map[string]string{"a.gguf": "a", "b.gguf": "b"}}, "name one, as in org/name/"},
		{"no such GGUF file", "org/name/c.gguf", &fakeHub{files: map[string]string{"a.gguf": "a"}}, "no file c.gguf"},
		{"no tokenizer", "org/name", &fakeHub{files: map[string]string{"config.json": "{}", "model.safetensors": "w"}}, "weights but no tokenizer.json"},
		{"index leads out", "org/name", &fakeHub{files: badIndex}, "is no file name"},
		{"shard missing", "org/name", &fakeHub{files: missingShard}, "speaks of model-00002"},
		{"answer is no JSON", "org/name", &fakeHub{info: func(string) string { return "<html>" }}, "the hub's answer"},
		{"commit leads out", "org/name", &fakeHub{info: func(s string) string { return strings.Replace(s, commit, "../../x", 1) }}, "names the commit"},
		{"no hash and no size", "org/name", &fakeHub{files: single(), plain: true, change: wrong("config.json", func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) })}, "cannot be checked"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			alone(t)
			h := newFakeHub(t, test.hub.files)
			h.plain, h.token, h.change, h.info = test.hub.plain, test.hub.token, test.hub.change, test.hub.info
			_, err := Find(t.Context(), test.name, Options{Endpoint: h.URL})
			checkError(t, err, test.want, "three ways", DefaultModel)
			for _, name := range names(t, os.Getenv("HOME")) {
				if !strings.Contains(name, "/blobs/") && !strings.Contains(name, "/snapshots/") || strings.HasSuffix(name, ".incomplete") {
					t.Errorf("left behind: %s", name)
				}
			}
			t.Setenv("HF_HUB_OFFLINE", "1")
			if found, err := Find(t.Context(), test.name, Options{}); err == nil {
				t.Errorf("afterwards it is taken for whole: %+v", found)
			}
		})
	}
}

// checkError wants one line with each of the words.
func checkError(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error is %v, want one line with %q", err, word)
			return
		}
	}
}

func TestCancelledInEachPhaseLeavesNothingHalf(t *testing.T) {
	for _, phase := range []string{"INFO", "config.json", "model.safetensors"} {
		t.Run(phase, func(t *testing.T) {
			alone(t)
			ctx, cancel := context.WithCancel(t.Context())
			h := newFakeHub(t, single())
			h.info = func(s string) string {
				if phase == "INFO" {
					cancel()
				}
				return s
			}
			h.change = func(name string, w http.ResponseWriter, r *http.Request) bool {
				if name != phase {
					return false
				}
				w.Header().Set("Content-Length", "8000")
				_, _ = w.Write([]byte("weights "))
				w.(http.Flusher).Flush()
				cancel()
				<-r.Context().Done()
				return true
			}
			_, err := Find(ctx, "org/name", Options{Endpoint: h.URL})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v, want %v", err, context.Canceled)
			}
			for _, name := range names(t, os.Getenv("HOME")) {
				if !strings.Contains(name, "/blobs/") || strings.HasSuffix(name, ".incomplete") {
					t.Errorf("left behind: %s", name)
				}
			}
		})
	}
}

// TestFullDisk has the unfinished weights be /dev/full, where every write fails as on a full disk.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	alone(t)
	h := newFakeHub(t, single())
	cache := t.TempDir()
	blobs := filepath.Join(cache, "models--org--name", "blobs")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(blobs, sha(h.files["model.safetensors"])+".incomplete")); err != nil {
		t.Fatal(err)
	}
	_, err := Find(t.Context(), "org/name", Options{Endpoint: h.URL, HubCache: cache})
	checkError(t, err, "no space left on device")
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v, want ENOSPC", err)
	}
	for _, name := range names(t, cache) {
		if strings.HasSuffix(name, ".incomplete") || strings.Contains(name, "snapshots") {
			t.Errorf("left behind: %s", name)
		}
	}
}

func TestTokenComesFromOptionEnvironmentOrLogin(t *testing.T) {
	alone(t)
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "token"), []byte("login\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HOME", home)
	if got := (Options{}).token(); got != "login" {
		t.Errorf("token of the login is %q", got)
	}
	t.Setenv("HF_TOKEN", "environment")
	if got := (Options{}).token(); got != "environment" {
		t.Errorf("token of the environment is %q", got)
	}
	h := newFakeHub(t, single())
	h.token = "option"
	if _, err := Find(t.Context(), "org/name", Options{Endpoint: h.URL, Token: "option"}); err != nil {
		t.Error(err)
	}
	_, err := Find(t.Context(), "org/name@other", Options{Endpoint: h.URL})
	checkError(t, err, "your token does not open org/name")
}

func TestCacheFollowsTheEnvironment(t *testing.T) {
	home := t.TempDir()
	tests := []struct {
		claim string
		env   map[string]string
		want  string
	}{
		{"nothing set", nil, home + "/.cache/huggingface/hub"},
		{"XDG_CACHE_HOME", map[string]string{"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"},
		{"HF_HOME", map[string]string{"XDG_CACHE_HOME": "/x", "HF_HOME": "/h"}, "/h/hub"},
		{"HF_HOME with a tilde", map[string]string{"HF_HOME": "~/h"}, home + "/h/hub"},
		{"HF_HUB_CACHE", map[string]string{"HF_HOME": "/h", "HF_HUB_CACHE": "/c"}, "/c"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			alone(t)
			t.Setenv("HOME", home)
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			if got, err := (Options{}).hubCache(); err != nil || got != test.want {
				t.Errorf("the cache is %q, %v; want %q", got, err, test.want)
			}
		})
	}
}
