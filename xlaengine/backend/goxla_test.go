package backend

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gitHub serves one release whose archive holds the named files.
func gitHub(t *testing.T, change func(json string) string, files ...string) (server *httptest.Server, served *int) {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, name := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: 6, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("plugin")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	served = new(int)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repos/gomlx/pjrt-cpu-binaries/releases/tags/v1.2.3", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, change(fmt.Sprintf(`{"assets":[{"name":"other"},{"name":"pjrt_cpu_linux_amd64.tar.gz",`+
			`"browser_download_url":"http://%s/file","size":%d,"digest":"sha256:%s"}]}`, r.Host, buf.Len(), hex.EncodeToString(sum[:]))))
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		*served++
		_, _ = w.Write(buf.Bytes())
	})
	server = httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server, served
}

func asItIs(json string) string { return json }

const pluginName = "pjrt_c_api_cpu_v1.2.3_plugin.so"

func TestReleaseIsInstalledAsGoXLADoes(t *testing.T) {
	server, served := gitHub(t, asItIs, pluginName)
	r := release{api: server.URL, version: "v1.2.3", platform: "linux_amd64", dir: filepath.Join(t.TempDir(), "go-xla")}
	for range 2 {
		path, err := r.install(t.Context(), nil)
		if err != nil || path != filepath.Join(r.dir, pluginName) {
			t.Fatalf("installed %q, %v", path, err)
		}
	}
	if *served != 1 {
		t.Errorf("downloaded %d times, want once", *served)
	}
	plugins := pluginsIn([]string{r.dir})
	if text, err := os.ReadFile(plugins["cpu"]); err != nil || string(text) != "plugin" || plugins["cpu_v1.2.3"] == "" {
		t.Errorf("go-xla would find %v with %q, %v", plugins, text, err)
	}
}

func TestReleaseFailsCleanlyAndSaysWhy(t *testing.T) {
	tests := []struct {
		claim, platform, version string
		change                   func(string) string
		files                    []string
		want                     string
	}{
		{"platform without a build", "plan9_mips", "v1.2.3", asItIs, nil, "there is none for plan9_mips"},
		{"release gone", "linux_amd64", "v9", asItIs, nil, "404 Not Found"},
		{"archive missing", "linux_arm64", "v1.2.3", asItIs, nil, "has no pjrt_cpu_linux_arm64.tar.gz"},
		{"no hash", "linux_amd64", "v1.2.3", func(s string) string { return strings.Replace(s, "sha256:", "md5:", 1) }, nil, "no SHA-256"},
		{"wrong hash", "linux_amd64", "v1.2.3", func(s string) string { return strings.Replace(s, "sha256:", "sha256:0", 1) }, []string{pluginName}, "its SHA-256 is"},
		{"not JSON", "linux_amd64", "v1.2.3", func(string) string { return "<html>" }, nil, "GitHub's answer"},
		{"no plugin in it", "linux_amd64", "v1.2.3", asItIs, []string{"README"}, pluginName},
		{"entry outside", "linux_amd64", "v1.2.3", asItIs, []string{"../../evil"}, "unsafe"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			server, _ := gitHub(t, test.change, test.files...)
			r := release{api: server.URL, version: test.version, platform: test.platform, dir: filepath.Join(t.TempDir(), "go-xla")}
			_, err := r.install(t.Context(), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line with %q", err, test.want)
			}
			checkOnlyLocks(t, r.dir)
		})
	}
}

func checkOnlyLocks(t *testing.T, dir string) {
	t.Helper()
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			t.Errorf("left in the folder: %s", e.Name())
		}
	}
}

func TestReleaseWithoutANetwork(t *testing.T) {
	r := release{api: "http://127.0.0.1:1", version: "v1.2.3", platform: "linux_amd64", dir: filepath.Join(t.TempDir(), "go-xla")}
	if _, err := r.install(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "GitHub cannot be reached") {
		t.Errorf("error is %v", err)
	}
}

// TestCUDAInstallEndsWithItsContext has an installer like go-xla's, which asks the default client and knows no
// context, wait for a server that never answers.
func TestCUDAInstallEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	before := http.DefaultClient.Transport
	dir := t.TempDir()
	c := cuda{dir: dir, platform: "linux/amd64", gpu: func() bool { return true }, install: func(_, dir string) error {
		if err := os.MkdirAll(filepath.Join(dir, "nvidia", "cu13"), 0o755); err != nil {
			return err
		}
		_, err := http.Get(server.URL)
		return err
	}}
	start := time.Now()
	_, err := c.run(ctx, "")
	if !errors.Is(err, context.Canceled) || time.Since(start) > 5*time.Second {
		t.Errorf("error is %v after %s", err, time.Since(start))
	}
	checkOnlyLocks(t, dir)
	if http.DefaultClient.Transport != before {
		t.Error("the default client's transport was not put back")
	}
}

func TestCUDAInstallSaysWhyNot(t *testing.T) {
	yes, no := func() bool { return true }, func() bool { return false }
	nothing := func(string, string) error { return nil }
	tests := []struct {
		claim, variant, platform string
		gpu                      func() bool
		install                  func(string, string) error
		want                     string
	}{
		{"platform", "", "darwin/arm64", yes, nothing, "built for linux/amd64 only, this is darwin/arm64"},
		{"no device", "", "linux/amd64", no, nothing, "no NVIDIA device"},
		{"unknown variant", "cuda9", "linux/amd64", yes, nothing, "give cuda12 or cuda13"},
		{"installer fails", "", "linux/amd64", yes, func(string, string) error { return errors.New("index says no") }, "index says no"},
		{"installer panics", "", "linux/amd64", yes, func(string, string) error { panic("lost") }, "lost"},
		{"installer does nothing", "", "linux/amd64", yes, nothing, "left no plugin"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			c := cuda{dir: t.TempDir(), platform: test.platform, gpu: test.gpu, install: test.install}
			if _, err := c.run(t.Context(), test.variant); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

func TestCUDAInstallKeepsWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	want := plugin(t, filepath.Join(dir, "nvidia", "pjrt_c_api_cuda_plugin.so"))
	c := cuda{dir: dir, platform: "linux/amd64", gpu: func() bool { return true },
		install: func(string, string) error { return errors.New("must not be called") }}
	if got, err := c.run(t.Context(), "cuda12"); err != nil || got != want {
		t.Errorf("installed %q, %v", got, err)
	}
}
