package hub

// This file is a hub for tests: it speaks as much of the hub's protocol as the client asks for, and can be told to
// break each part of it.

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// fakeHub serves one repository, org/name. The fields change before it is asked.
type fakeHub struct {
	*httptest.Server
	files  map[string]string // name to content
	plain  bool              // says nothing about blobs, as some mirrors
	token  string            // wanted; "" for a public repository
	change func(name string, w http.ResponseWriter, r *http.Request) bool
	info   func(string) string // changes the answer about the repository

	mu    sync.Mutex
	asked []string // "GET config.json", "HEAD …", "INFO main"
}

func newFakeHub(t *testing.T, files map[string]string) *fakeHub {
	t.Helper()
	h := &fakeHub{files: files}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/models/org/name/revision/{revision}", h.serveInfo)
	mux.HandleFunc("/org/name/resolve/"+commit+"/{file...}", h.serveFile)
	mux.HandleFunc("/storage/{file...}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(h.files[r.PathValue("file")]))
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

func (h *fakeHub) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, fmt.Sprintf(format, args...))
}

func (h *fakeHub) refuses(w http.ResponseWriter, r *http.Request) bool {
	if h.token == "" || r.Header.Get("Authorization") == "Bearer "+h.token {
		return false
	}
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// large files have their hash in LFS form and lie in the storage.
func large(name string) bool {
	return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".gguf")
}

func (h *fakeHub) serveInfo(w http.ResponseWriter, r *http.Request) {
	h.note("INFO %s", r.PathValue("revision"))
	if h.refuses(w, r) {
		return
	}
	var siblings []map[string]any
	for name, text := range h.files {
		s := map[string]any{"rfilename": name}
		if !h.plain {
			s["size"], s["blobId"] = len(text), gitID(text)
			if large(name) {
				s["lfs"] = map[string]any{"sha256": sha(text), "size": len(text), "pointerSize": 130}
			}
		}
		siblings = append(siblings, s)
	}
	text, _ := json.Marshal(map[string]any{"id": "org/name", "sha": commit, "siblings": siblings})
	if h.info != nil {
		text = []byte(h.info(string(text)))
	}
	_, _ = w.Write(text)
}

func (h *fakeHub) serveFile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	h.note("%s %s", r.Method, name)
	if h.refuses(w, r) || h.change != nil && h.change(name, w, r) {
		return
	}
	text, ok := h.files[name]
	switch {
	case !ok:
		http.NotFound(w, r)
	case large(name):
		w.Header().Set("X-Linked-Etag", `"`+sha(text)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(text)))
		http.Redirect(w, r, "/storage/"+name, http.StatusFound)
	default:
		w.Header().Set("ETag", `W/"`+gitID(text)+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte(text)))
	}
}

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func gitID(text string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text))
	return hex.EncodeToString(sum[:])
}

// single is a model in one file, among others that are not wanted.
func single() map[string]string {
	return map[string]string{
		"config.json": "{}", "tokenizer.json": `{"model":{}}`, "tokenizer_config.json": `{"a":1}`,
		"model.safetensors": strings.Repeat("weights ", 1000), "README.md": "read", "pytorch_model.bin": "old", "onnx/model.onnx": "other",
	}
}

// sharded is a model in two files.
func sharded() map[string]string {
	files := single()
	delete(files, "model.safetensors")
	files["model-00001-of-00002.safetensors"] = "first"
	files["model-00002-of-00002.safetensors"] = "second"
	files["consolidated.safetensors"] = "another format"
	files[indexFile] = `{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00001-of-00002.safetensors"}}`
	return files
}

// alone clears the environment of what would lead to the user's own cache, token or network.
func alone(t *testing.T) {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN",
		"HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "LATENTCHAIN_OFFLINE", "LATENTCHAIN_CACHE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1")
}
