package backend

// This file looks for plugins where go-xla looks, by name alone. go-xla's own search (pjrt.AvailablePlugins) loads
// every candidate to try it, which costs time on every start and panics on a file that cannot be loaded.

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/gomlx/go-xla/installer"
)

// pluginDirs returns the folders go-xla searches, in its order: those of $PJRT_PLUGIN_LIBRARY_PATH, or else the
// user's, the machine's and the dynamic linker's.
func pluginDirs() []string {
	if paths, ok := os.LookupEnv("PJRT_PLUGIN_LIBRARY_PATH"); ok {
		return slices.DeleteFunc(filepath.SplitList(paths), func(p string) bool { return p == "" })
	}
	var dirs []string
	if lib, err := installer.DefaultHomeLibPath(); err == nil {
		dirs = append(dirs, filepath.Join(lib, "go-xla"), filepath.Join(lib, "go-xla", "nvidia"), filepath.Join(lib, "gomlx", "pjrt"))
	}
	if runtime.GOOS != "windows" {
		dirs = append(dirs, "/usr/local/lib/go-xla", "/usr/local/lib/go-xla/nvidia", "/usr/local/lib/gomlx/pjrt")
	}
	for _, variable := range []string{"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		dirs = append(dirs, filepath.SplitList(os.Getenv(variable))...)
	}
	if runtime.GOOS == "linux" {
		dirs = append(dirs, linkerDirs("/etc")...)
	}
	return slices.DeleteFunc(dirs, func(d string) bool { return !filepath.IsAbs(d) })
}

// linkerDirs reads the folders of the dynamic linker from etc/ld.so.conf and the files usually included there.
func linkerDirs(etc string) (dirs []string) {
	files, _ := filepath.Glob(filepath.Join(etc, "ld.so.conf.d", "*.conf"))
	for _, file := range append([]string{filepath.Join(etc, "ld.so.conf")}, files...) {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); filepath.IsAbs(line) {
				dirs = append(dirs, line)
			}
		}
	}
	return dirs
}

// pluginNames are the forms go-xla knows of a plugin's file name.
var pluginNames = []*regexp.Regexp{
	regexp.MustCompile(`^pjrt_c_api_(.+)_plugin\.(?:so|dylib|dll)$`),
	regexp.MustCompile(`^pjrt[-_]plugin[-_](.+)\.(?:so|dylib|dll)$`),
}

// pluginsIn returns the plugins in dirs, name to path. Of two with one name the first folder's counts.
func pluginsIn(dirs []string) map[string]string {
	plugins := map[string]string{}
	for _, dir := range dirs {
		entries, _ := os.ReadDir(dir) // most of the folders do not exist
		for _, e := range entries {
			for _, pattern := range pluginNames {
				m := pattern.FindStringSubmatch(e.Name())
				if m == nil || plugins[m[1]] != "" {
					continue
				}
				file := filepath.Join(dir, e.Name())
				if _, err := pluginFile(file); err == nil {
					plugins[m[1]] = file
				}
			}
		}
	}
	return plugins
}

// best returns the path of the plugin called kind, or else of the newest one called kind_v1.2.3.
func best(plugins map[string]string, kind string) string {
	if path := plugins[kind]; path != "" {
		return path
	}
	var names []string
	for name := range plugins {
		if strings.HasPrefix(name, kind+"_v") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return plugins[slices.MaxFunc(names, compareVersions)]
}

// compareVersions orders names by the numbers in them: v0.114.0 comes after v0.83.4.
func compareVersions(a, b string) int {
	number := regexp.MustCompile(`\d+`)
	return slices.CompareFunc(number.FindAllString(a, -1), number.FindAllString(b, -1), func(x, y string) int {
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		return strings.Compare(x, y)
	})
}

var versionPattern = regexp.MustCompile(`_v(\d+(?:\.\d+)+)_`)

// versionIn returns the version in the name of the plugin's file, or of the file a link leads to, or "".
func versionIn(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if m := versionPattern.FindStringSubmatch(filepath.Base(path)); m != nil {
		return "v" + m[1]
	}
	return ""
}
