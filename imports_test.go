// Which package may import which: the layers of the project, stated as a test. A package that fits no layer fails it.
package latentchain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/latentchain/latentchain"

// layers are folders from the bottom up. A package imports from its own layer and those below it; its tests may read
// what they need with the packages above.
var layers = [][]string{
	{"align"},
	{"xlaengine"},
	{"plugin"},
	{"chains"},
	{"cmd", "examples", "docs"},
}

// reserved are libraries that only some folders may import.
var reserved = []struct {
	prefixes []string
	folders  []string
	why      string
}{
	{[]string{"github.com/gomlx/gomlx", "github.com/gomlx/compute", "github.com/gomlx/go-xla"}, []string{"align", "xlaengine"},
		"what stands on the engine must not know what it is made of"},
	{[]string{"github.com/tmc/langchaingo"}, []string{"plugin", "chains", "cmd", "examples"},
		"the engine is of use without langchaingo"},
}

type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImportsFollowTheLayers(t *testing.T) {
	for _, p := range list(t) {
		from := layerOf(p.ImportPath)
		if p.ImportPath != module && from < 0 {
			t.Errorf("%s is in no layer; give it one in layers", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if layerOf(imported) > from {
				t.Errorf("%s imports %s, which is above it", p.ImportPath, imported)
			}
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for _, r := range reserved {
				if slices.ContainsFunc(r.prefixes, func(prefix string) bool { return under(imported, prefix) }) && !slices.Contains(r.folders, folderOf(p.ImportPath)) {
					t.Errorf("%s imports %s, which is for %v: %s", p.ImportPath, imported, r.folders, r.why)
				}
			}
		}
	}
}

func TestNoDrawers(t *testing.T) {
	for _, p := range list(t) {
		name := p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:]
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "base"}, name) {
			t.Errorf("%s: a package is named for what it holds", p.ImportPath)
		}
	}
}

// list returns the module's packages.
func list(t *testing.T) (packages []listed) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("go list gives %d packages", len(packages))
	}
	return packages
}

// layerOf returns the index of a package's layer, -1 for packages that are in none.
func layerOf(path string) int {
	folder := folderOf(path)
	return slices.IndexFunc(layers, func(folders []string) bool { return slices.Contains(folders, folder) })
}

// folderOf returns the folder right under the module's root that a package is in, "" for other modules' packages.
func folderOf(path string) string {
	if !under(path, module) || path == module {
		return ""
	}
	folder, _, _ := strings.Cut(strings.TrimPrefix(path, module+"/"), "/")
	return folder
}

func under(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }
