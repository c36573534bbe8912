//go:build cgo

package hook

// What is known of plugins is what go-xla's header says, and what cannot be written is not.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestMappedMemoryIsFound(t *testing.T) {
	const maps = "1000-2000 r--p 00000000 fe:00 1            /a b/plugin.so\n2000-3000 rw-p 00001000 fe:00 1 /old.so (deleted)\n7fb98bf44000-7fb98bfff000 rw-p 00000000 00:00 0 \n"
	for address, want := range map[uintptr][2]string{
		0xfff: {}, 0x1000: {"r--p", "/a b/plugin.so"}, 0x1fff: {"r--p", "/a b/plugin.so"}, 0x2000: {"rw-p", "/old.so (deleted)"},
		0x3000: {}, 0x7fb98bf44100: {"rw-p", ""},
	} {
		if access, file := mapped(maps, address); access != want[0] || file != want[1] {
			t.Errorf("%x: %q of %q, want %q", address, access, file, want)
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
		"client_create_view": "PJRT_Client_CreateViewOfDeviceBuffer",
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
