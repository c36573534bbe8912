//go:build cgo

package compiled

// What makes two programs different, and what a plugin must be like to be touched.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestEveryPartIsInTheKey(t *testing.T) {
	parts := func(change int, to string) (all [][]byte) {
		for i, p := range []string{"code", "mlir", "options", "cpu", "1.2", "kind", "made for"} {
			if i == change {
				p = to
			}
			all = append(all, []byte(p))
		}
		return all
	}
	seen := map[key]int{keyOf(parts(-1, "")...): -1}
	for i := range 7 {
		for _, to := range []string{"", "other"} {
			k := keyOf(parts(i, to)...)
			if before, found := seen[k]; found {
				t.Errorf("part %d changed to %q has the key of change %d", i, to, before)
			}
			seen[k] = i
		}
	}
	if keyOf([]byte("ab"), []byte("c")) == keyOf([]byte("a"), []byte("bc")) {
		t.Error("bytes move from one part to the next unseen")
	}
}

func TestAnotherPluginFileIsAnotherPlugin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin.so")
	write := func(text string, at time.Time) string {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		id, err := pluginIdentity(path)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	then := time.Unix(1e9, 0)
	first := write("one", then)
	for claim, id := range map[string]string{"another time": write("one", then.Add(1)), "another size": write("three", then)} {
		if id == first {
			t.Errorf("%s: still %s", claim, id)
		}
	}
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	write("one", then)
	if id, err := pluginIdentity(link); id != first || err != nil {
		t.Errorf("through a link it is %s (%v), want %s", id, err, first)
	}
}

func TestProcessorsAreToldApart(t *testing.T) {
	const xeon = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 143\ncpu MHz\t\t: 2000.1\nflags\t\t: fpu avx2\n\n"
	one := processors(xeon)
	if want := "flags\t\t: fpu avx2\nmodel\t\t: 143\nvendor_id\t: GenuineIntel"; one != want {
		t.Errorf("got %q, want %q", one, want)
	}
	if again := strings.NewReplacer("processor\t: 0", "processor\t: 1", "2000.1", "3100.7").Replace(xeon); processors(xeon+again) != one {
		t.Error("more cores of the same kind, or their clock, make another processor")
	}
	for _, changed := range []string{strings.Replace(xeon, "avx2", "avx2 avx512f", 1), strings.Replace(xeon, "143", "85", 1), ""} {
		if processors(changed) == one {
			t.Errorf("%q passes for %q", changed, xeon)
		}
	}
	if here, err := machineIdentity(); err != nil || len(here) < 50 {
		t.Errorf("this machine is %q, %v", here, err)
	}
}

func TestXLAFlagsAreInTheMachine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags")
	if err := os.WriteFile(file, []byte("--xla_b=2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{"": "", "--xla_a=1": "--xla_a=1", " --xla_a=1": " --xla_a=1", file: "--xla_b=2"} {
		t.Setenv("XLA_FLAGS", value)
		if id, err := machineIdentity(); err != nil || !strings.HasSuffix(id, "\n"+want) {
			t.Errorf("XLA_FLAGS=%q: %q, %v", value, id, err)
		}
	}
	t.Setenv("XLA_FLAGS", file+".gone")
	if _, err := machineIdentity(); err == nil {
		t.Error("flags that cannot be read are taken for none")
	}
}

func TestWhatIsNoLoadedPluginIsNotTouched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugin.so")
	if err := os.WriteFile(file, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "open a backend with it first", file + ".gone": "no such file"} {
		if stats, err := Keep(path, t.TempDir(), 1<<20); stats != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", path, err, want)
		}
	}
}

func TestOnlyWritableMemoryIsWritten(t *testing.T) {
	const maps = "1000-2000 r--p 0 fe:00 1 /plugin.so\n2000-3000 rw-p 0 fe:00 1 /plugin.so\n7fb98bf44000-7fb98bfff000 rw-p 0 00:00 0\n"
	for address, want := range map[uintptr]bool{0xfff: false, 0x1000: false, 0x1fff: false, 0x2000: true, 0x2fff: true, 0x3000: false, 0x7fb98bf44100: true} {
		if got := writable(maps, address); got != want {
			t.Errorf("%x: %v, want %v", address, got, want)
		}
	}
}

// TestTableIsThatOfGoXLA counts the functions in pjrt.h and finds each where the header go-xla is built with has it.
func TestTableIsThatOfGoXLA(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/go-xla").Output()
	if err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pjrt", "pjrt_c_api.h"))
	if err != nil {
		t.Fatal(err)
	}
	var theirs []string
	for _, m := range regexp.MustCompile(`_PJRT_API_STRUCT_FIELD\((\w+)\);`).FindAllSubmatch(header, -1) {
		theirs = append(theirs, string(m[1]))
	}
	if !regexp.MustCompile(`#define PJRT_API_MAJOR 0\b`).Match(header) {
		t.Error("go-xla's PJRT is not 0.x any more: read its header again")
	}

	ours, err := os.ReadFile("pjrt.h")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(ours), "int minor_version;")
	names := map[string]string{
		"error_destroy": "PJRT_Error_Destroy", "error_message": "PJRT_Error_Message",
		"client_platform_name": "PJRT_Client_PlatformName", "client_platform_version": "PJRT_Client_PlatformVersion",
		"client_addressable_devices": "PJRT_Client_AddressableDevices", "client_compile": "PJRT_Client_Compile",
		"description_kind": "PJRT_DeviceDescription_Kind", "device_get_description": "PJRT_Device_GetDescription",
		"executable_destroy": "PJRT_Executable_Destroy", "executable_serialize": "PJRT_Executable_Serialize",
		"loaded_get_executable": "PJRT_LoadedExecutable_GetExecutable", "deserialize_and_load": "PJRT_Executable_DeserializeAndLoad",
	}
	at := 0
	for _, m := range regexp.MustCompile(`(?m)^  .*?(\w+)(?:\[(\d+)\]|\)\(\w+ \*\))?;`).FindAllStringSubmatch(table, -1) {
		if m[2] != "" {
			n, err := strconv.Atoi(m[2])
			if err != nil {
				t.Fatal(err)
			}
			at += n
			continue
		}
		if want := slices.Index(theirs, names[m[1]]); at != want || want < 0 {
			t.Errorf("%s is number %d here, %d in go-xla's header", m[1], at, want)
		}
		delete(names, m[1])
		at++
	}
	if len(names) > 0 {
		t.Errorf("not found in pjrt.h: %v", names)
	}
}
