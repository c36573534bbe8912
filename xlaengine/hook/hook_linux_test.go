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
