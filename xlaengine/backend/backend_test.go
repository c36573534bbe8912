package backend

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/latentchain/latentchain/xlaengine/wheel"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	compute.Register("mine", func(string) (compute.Backend, error) { return nil, errors.New("it computes nothing") })
	goleak.VerifyTestMain(m)
}

// plugin makes an empty file that a search takes for a plugin.
func plugin(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// world is what a test says there is; its search tells in asked what it turned to.
type world struct {
	installed      map[string]string
	gpu, noXLA     bool
	cached         bool // the wheel is unpacked
	othersWrite    bool // the plugin in it
	release, wheel bool // can be fetched
	offline        bool
	platforms      map[string]string // by plugin
	asked          []string
}

func (w *world) search(t *testing.T, option, env string) *search {
	t.Helper()
	wish, err := readWish(option, env)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "cache", "plugins")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	unpack := func() string {
		folder := filepath.Join(dir, "fastatomstruct-xla-cpu-2026.6.23")
		file := plugin(t, filepath.Join(folder, pluginInWheel))
		if w.othersWrite {
			if err := os.Chmod(file, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, ".sha256"), []byte(pluginWheel.SHA256), 0o644); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	if w.cached {
		unpack()
	}
	return &search{
		wish: wish, dir: dir, offline: w.offline, xlaBuilt: !w.noXLA,
		installed: func() map[string]string { return w.installed },
		gpu:       func() bool { return w.gpu },
		platform:  func(plugin string) string { return w.platforms[filepath.Base(plugin)] },
		release: func(context.Context, wheel.Progress) (string, string, error) {
			w.asked = append(w.asked, "release")
			if !w.release {
				return "", "", errors.New("GitHub cannot be reached")
			}
			return "/release/pjrt_c_api_cpu_v1.2.3_plugin.so", "v1.2.3", nil
		},
		fetch: func(context.Context, wheel.Pinned, string, wheel.Progress) (string, error) {
			w.asked = append(w.asked, "wheel")
			if !w.wheel {
				return "", errors.New("no pip found")
			}
			return unpack(), nil
		},
	}
}

func TestFindTakesTheFirstPlaceThatHasAPlugin(t *testing.T) {
	both := map[string]string{"cpu": "/i/cpu.so", "cuda": "/i/cuda.so"}
	dir := t.TempDir()
	file := func(name string) string { return plugin(t, filepath.Join(dir, name)) }
	tests := []struct {
		claim       string
		world       world
		option, env string
		config      string // "…" stands for a temporary folder
		source      string
		kind        Kind
		asked       string
	}{
		{claim: "installed CPU plugin", world: world{installed: map[string]string{"cpu": "/i/cpu.so"}, cached: true, release: true},
			config: "xla:/i/cpu.so,shared_buffers", source: "installed", kind: XLACPU},
		{claim: "the newest of several", world: world{installed: map[string]string{"cpu_v0.83.4": "/i/old.so", "cpu_v0.114.0": "/i/new.so"}},
			config: "xla:/i/new.so,shared_buffers", source: "installed", kind: XLACPU},
		{claim: "CUDA with a device", world: world{installed: both, gpu: true}, config: "xla:/i/cuda.so", source: "installed", kind: XLACUDA},
		{claim: "CUDA without a device", world: world{installed: both}, config: "xla:/i/cpu.so,shared_buffers", source: "installed", kind: XLACPU},
		{claim: "CPU asked for despite a device", world: world{installed: both, gpu: true}, option: "cpu",
			config: "xla:/i/cpu.so,shared_buffers", source: "installed", kind: XLACPU},
		{claim: "option beats GOMLX_BACKEND", world: world{installed: both, gpu: true}, option: "cpu", env: "go",
			config: "xla:/i/cpu.so,shared_buffers", source: "installed", kind: XLACPU},
		{claim: "cache before the network", world: world{cached: true, release: true, wheel: true},
			config: "xla:…/fastatomstruct-xla-cpu-2026.6.23/fastatomstruct_xla_cpu/libpjrt_cpu.so,shared_buffers", source: "cache", kind: XLACPU},
		{claim: "go-xla's release before the wheel", world: world{release: true, wheel: true},
			config: "xla:/release/pjrt_c_api_cpu_v1.2.3_plugin.so,shared_buffers", source: "go-xla release", kind: XLACPU, asked: "release"},
		{claim: "the wheel when GitHub is closed", world: world{wheel: true},
			config: "xla:…/fastatomstruct-xla-cpu-2026.6.23/fastatomstruct_xla_cpu/libpjrt_cpu.so,shared_buffers", source: "wheel", kind: XLACPU, asked: "release wheel"},
		{claim: "pure Go when all fails", config: "go", source: "pure Go", kind: PureGo, asked: "release wheel"},
		{claim: "pure Go offline, unasked", world: world{offline: true, release: true, wheel: true}, config: "go", source: "pure Go", kind: PureGo},
		{claim: "pure Go without XLA in the program", world: world{noXLA: true, installed: both}, config: "go", source: "pure Go", kind: PureGo},
		{claim: "pure Go asked for", world: world{installed: both}, option: "go", config: "go", source: "option", kind: PureGo},
		{claim: "GOMLX_BACKEND=go", world: world{installed: both}, env: "go:parallelism=2", config: "go:parallelism=2", source: "GOMLX_BACKEND", kind: PureGo},
		{claim: "GOMLX_BACKEND=xla means any plugin", world: world{installed: both}, env: "xla", config: "xla:/i/cpu.so,shared_buffers", source: "installed", kind: XLACPU},
		{claim: "options of GOMLX_BACKEND stay", world: world{installed: both, gpu: true}, env: "xla:cuda,preallocate=true", config: "xla:/i/cuda.so,preallocate=true", source: "installed", kind: XLACUDA},
		{claim: "a wish about shared buffers stays", world: world{installed: both}, env: "xla:cpu,noshared_buffers", config: "xla:/i/cpu.so,noshared_buffers", source: "installed", kind: XLACPU},
		{claim: "other plugin names are go-xla's", world: world{installed: both}, env: "xla:metal", config: "xla:metal", source: "GOMLX_BACKEND", kind: "xla"},
		{claim: "a backend that is no XLA needs none in the program", world: world{noXLA: true}, env: "mine:opts", config: "mine:opts", source: "GOMLX_BACKEND", kind: "mine"},
		{claim: "a named plugin says what it is", world: world{platforms: map[string]string{"metal": "metal"}}, env: "xla:metal", config: "xla:metal", source: "GOMLX_BACKEND", kind: "xla-metal"},
		{claim: "a CPU plugin of any name", world: world{platforms: map[string]string{"mine.so": "cpu"}}, option: file("mine.so"), config: "xla:" + file("mine.so") + ",shared_buffers", source: "option", kind: XLACPU},
		{claim: "CUDA of any name", world: world{platforms: map[string]string{"gpu.so": "cuda"}}, option: file("gpu.so"), config: "xla:" + file("gpu.so"), source: "option", kind: XLACUDA},
		{claim: "another accelerator shares no buffers", world: world{platforms: map[string]string{"pjrt.so": "rocm"}}, env: "xla:" + file("pjrt.so") + ",preallocate=true",
			config: "xla:" + file("pjrt.so") + ",preallocate=true", source: "GOMLX_BACKEND", kind: "xla-rocm"},
		{claim: "nor where its folder says cpu", world: world{platforms: map[string]string{"pjrt.so": "rocm"}}, option: file("cpu/pjrt.so"),
			config: "xla:" + file("cpu/pjrt.so") + ",noshared_buffers", source: "option", kind: "xla-rocm"},
		{claim: "one that does not load is a CPU's until it is opened", option: file("broken.so"), config: "xla:" + file("broken.so") + ",shared_buffers", source: "option", kind: XLACPU},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			s := test.world.search(t, test.option, test.env)
			got, err := s.find(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(test.config, "…", s.dir, 1)
			if got.Config != want || got.Source != test.source || got.Kind != test.kind {
				t.Errorf("found %+v, want %s from %s", got, want, test.source)
			}
			if warned := got.Warning != ""; warned != (got.Source == "pure Go") || strings.Contains(got.Warning, "\n") {
				t.Errorf("warning is %q", got.Warning)
			}
			if asked := strings.Join(test.world.asked, " "); asked != test.asked {
				t.Errorf("it tried to fetch %q, want %q", asked, test.asked)
			}
		})
	}
}

func TestFindSaysWhyThereIsNone(t *testing.T) {
	tests := []struct {
		claim       string
		world       world
		option, env string
		want        []string
	}{
		{"CUDA is not fetched by itself", world{gpu: true, release: true}, "cuda", "", []string{"latentchain install --cuda"}},
		{"CUDA without a device", world{installed: map[string]string{"cuda": "/i/cuda.so", "cpu": "/i/cpu.so"}}, "cuda", "", []string{"no NVIDIA device"}},
		{"an explicit xla is not replaced", world{}, "", "xla:cpu", []string{"GitHub cannot be reached", "no pip found", "GOMLX_BACKEND=go"}},
		{"offline", world{offline: true}, "", "xla", []string{"LATENTCHAIN_OFFLINE"}},
		{"a plugin that others may have written", world{cached: true, othersWrite: true, release: true}, "", "", []string{"chmod go-w", "libpjrt_cpu.so"}},
		{"no cgo", world{noXLA: true}, "", "xla", []string{"without cgo"}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			_, err := test.world.search(t, test.option, test.env).find(t.Context())
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error is %v, want one line with %q", err, want)
				}
			}
		})
	}
}

func TestFindStopsWhenCancelled(t *testing.T) {
	w := world{}
	s := w.search(t, "", "")
	ctx, cancel := context.WithCancel(t.Context())
	s.release = func(ctx context.Context, _ wheel.Progress) (string, string, error) {
		cancel()
		return "", "", ctx.Err()
	}
	if _, err := s.find(ctx); !errors.Is(err, context.Canceled) || slices.Contains(w.asked, "wheel") {
		t.Errorf("error is %v, asked %v: want to stop at once", err, w.asked)
	}
	if _, err := Find(ctx, Options{CacheDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestExplicitPluginMustBeAFile(t *testing.T) {
	if !xlaBuilt {
		t.Skip("without cgo no plugin is taken")
	}
	dir := t.TempDir()
	path := plugin(t, filepath.Join(dir, "my_plugin.so"))
	found, err := Find(t.Context(), Options{Plugin: path})
	if err != nil || found.Config != "xla:"+path+",shared_buffers" || found.Source != "option" {
		t.Errorf("found %+v, %v", found, err)
	}
	t.Setenv("GOMLX_BACKEND", "xla:"+path+",tf32=false")
	found, err = Find(t.Context(), Options{})
	if err != nil || found.Config != "xla:"+path+",shared_buffers,tf32=false" || found.Source != "GOMLX_BACKEND" {
		t.Errorf("found %+v, %v", found, err)
	}
	for _, option := range []string{dir, filepath.Join(dir, "none.so"), "rocm", filepath.Join(dir, "a,b.so")} {
		if _, err := Find(t.Context(), Options{Plugin: option}); err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("plugin %s: error is %v, want one that names it", option, err)
		}
	}
	for _, env := range []string{"xla:" + dir, "xla:./none.so", "tensorflow"} {
		t.Setenv("GOMLX_BACKEND", env)
		if _, err := Find(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "GOMLX_BACKEND="+env) {
			t.Errorf("GOMLX_BACKEND=%s: error is %v, want one that names it", env, err)
		}
	}
}

func TestPluginsAreFoundByNameInOrder(t *testing.T) {
	dir := t.TempDir()
	first := plugin(t, filepath.Join(dir, "a", "pjrt_c_api_cpu_plugin.so"))
	plugin(t, filepath.Join(dir, "b", "pjrt_c_api_cpu_plugin.so"))
	cuda := plugin(t, filepath.Join(dir, "b", "pjrt-plugin-cuda.so"))
	plugin(t, filepath.Join(dir, "b", "libpjrt_other.so"))
	if err := os.Symlink("nowhere.so", filepath.Join(dir, "b", "pjrt_c_api_tpu_plugin.so")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", filepath.Join(dir, "a")+":"+filepath.Join(dir, "b")+":")
	got := pluginsIn(pluginDirs())
	if len(got) != 2 || got["cpu"] != first || got["cuda"] != cuda {
		t.Errorf("found %v", got)
	}
}

func TestLinkerFoldersAreReadFromTheirFiles(t *testing.T) {
	etc := t.TempDir()
	for name, text := range map[string]string{"ld.so.conf": "include ld.so.conf.d/*.conf\n/one\n", "ld.so.conf.d/x.conf": "# comment\n/two\nrelative\n"} {
		path := plugin(t, filepath.Join(etc, name))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := linkerDirs(etc); !slices.Equal(got, []string{"/one", "/two"}) {
		t.Errorf("folders are %q", got)
	}
}

func TestVersionComesFromTheFilesName(t *testing.T) {
	dir := t.TempDir()
	plugin(t, filepath.Join(dir, "pjrt_c_api_cpu_v0.114.0_plugin.so"))
	link := filepath.Join(dir, "pjrt_c_api_cpu_plugin.so")
	if err := os.Symlink("pjrt_c_api_cpu_v0.114.0_plugin.so", link); err != nil {
		t.Fatal(err)
	}
	if got := versionIn(link); got != "v0.114.0" {
		t.Errorf("version is %q", got)
	}
}

func TestOpenTurnsPanicsIntoErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.so")
	if err := os.WriteFile(bad, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, config := range []string{"nothing:at all", "xla:" + bad, "xla:no_such_plugin"} {
		b, err := Open(Found{Config: config})
		if err == nil || b != nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), config) {
			t.Errorf("Open(%q): %v, want one line that names it", config, err)
		}
	}
	if _, err := Check(nil); err == nil {
		t.Error("Check(nil) has no error")
	}
}

func TestPureGoComputes(t *testing.T) {
	found, err := Find(t.Context(), Options{Plugin: "go"})
	if err != nil {
		t.Fatal(err)
	}
	checkOpens(t, found)
}

// FuzzReadWish holds that no value of GOMLX_BACKEND panics and that what is understood keeps its options.
func FuzzReadWish(f *testing.F) {
	for _, s := range []string{"xla", "xla:cpu,tf32=false", "go", "xla:/x.so", "a:b,c", ":", "xla:,,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, env string) {
		w, err := readWish("", env)
		if err == nil && w.options != "" && !strings.HasSuffix(env, ","+w.options) {
			t.Errorf("options of %q are %q", env, w.options)
		}
	})
}
