//go:build cgo

package compiled

// What a program is compiled for, as text: a program made with another plugin, on another processor or with other
// flags must not be found. And the key, which is the digest of all of it.

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// keyOf is the digest of parts, each with its length before it, so that nothing can move from one to the next.
func keyOf(parts ...[]byte) key {
	sum := sha256.New()
	for _, p := range parts {
		sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		sum.Write(p)
	}
	return key(sum.Sum(nil))
}

// pluginIdentity returns the plugin's file, without links, and names it by path, size and time: to read its hundreds of
// megabytes at each start would cost more than it is worth.
func pluginIdentity(path string) (file, id string, err error) {
	if file, err = filepath.EvalSymlinks(path); err != nil {
		return "", "", err
	}
	if file, err = filepath.Abs(file); err != nil {
		return "", "", err
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", "", err
	}
	return file, fmt.Sprintf("%s %d %d", file, info.Size(), info.ModTime().UnixNano()), nil
}

// machineIdentity names the processor, the number of cores (XLA cuts work into as many parts) and the flags XLA reads
// from the environment.
func machineIdentity() (string, error) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", fmt.Errorf("what processor this is: %w", err)
	}
	cpu := processors(string(info))
	if cpu == "" {
		return "", errors.New("what processor this is: /proc/cpuinfo does not say")
	}
	flags, err := xlaFlags(os.Getenv("XLA_FLAGS"))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %d cores\n%s\n%s", runtime.GOARCH, runtime.NumCPU(), cpu, flags), nil
}

// processorFields are the fields of /proc/cpuinfo that tell one instruction set from another, of x86 and of ARM.
var processorFields = []string{
	"vendor_id", "cpu family", "model", "model name", "stepping", "flags",
	"CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features",
}

// processors returns the lines of cpuinfo that say which processors these are, each once and sorted.
func processors(cpuinfo string) string {
	var lines []string
	for line := range strings.Lines(cpuinfo) {
		name, _, _ := strings.Cut(line, ":")
		if slices.Contains(processorFields, strings.TrimSpace(name)) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// xlaFlags returns the flags in value, which XLA takes for the name of a file unless it begins with a dash.
func xlaFlags(value string) (string, error) {
	if value == "" || strings.HasPrefix(strings.TrimSpace(value), "-") {
		return value, nil
	}
	data, err := os.ReadFile(value)
	if err != nil {
		return "", fmt.Errorf("XLA_FLAGS names a file: %w", err)
	}
	return string(data), nil
}
