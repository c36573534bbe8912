package plugin

// What is in a memory's file, and what its parser does with headers that the key signed but nobody sane wrote.

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// raw is a memory of whatever it saves.
type raw struct{ file []byte }

func (r raw) Len() int     { return 1 }
func (r raw) Bytes() int64 { return int64(len(r.file)) }
func (r raw) Close() error { return nil }
func (r raw) Save(_ context.Context, w io.Writer) error {
	for part := range slices.Chunk(r.file, 5) { // the header comes in pieces
		if n, err := w.Write(part); err != nil || n != len(part) {
			return errors.Join(err, io.ErrShortWrite)
		}
	}
	return nil
}

func loadRaw(_ context.Context, r io.Reader) (Memory, error) {
	file, err := io.ReadAll(r)
	return raw{file}, err
}

func safetensors(header, body string) []byte {
	header += strings.Repeat(" ", -len(header)&7)
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+body...)
}

var (
	testKey   = key{1, 2, 3}
	testSaved = safetensors(`{"__metadata__":{"model":"m<>&"},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, "abc")
	testAbout = aboutOf(id{7}, Info{Scope: "s", Model: "m", Digest: "d", Holds: []string{"x"}, Positions: 1, Bytes: 3, Made: time.Unix(5, 6).UTC(), Expires: time.Unix(9, 0).UTC()})
)

func writtenFile(t testing.TB, saved []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := writeMemory(t.Context(), testKey, &out, raw{saved}, testAbout); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func fileOf(t testing.TB, data []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestAKeptFileIsSafetensorsAndGivesBackWhatWasSaved(t *testing.T) {
	for claim, saved := range map[string][]byte{
		"metadata and a tensor": testSaved,
		"no metadata":           safetensors(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, "abc"),
		"nothing at all":        safetensors(`{}`, ""),
		"spaced as others do":   safetensors(`{"__metadata__": {"a": "é\u00e9"}, "a": {"shape": [3], "dtype": "U8", "data_offsets": [0, 3]}}`, "abc"),
		"two tensors": safetensors(`{"__metadata__":{"a":"b"},"k":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"v":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`,
			"abcdefghijkl"),
	} {
		file := writtenFile(t, saved)
		n := 8 + binary.LittleEndian.Uint64(file)
		var entries map[string]json.RawMessage
		if err := json.Unmarshal(file[8:n], &entries); err != nil {
			t.Fatal(err)
		}
		var end int64 // tensors must fill the file, without holes or leftovers
		for name, entry := range entries {
			if name != "__metadata__" {
				var at tensor
				if err := json.Unmarshal(entry, &at); err != nil {
					t.Fatal(err)
				}
				end = max(end, at.Offsets[1])
			}
		}
		if int64(len(file))-int64(n) != end || n%8 != 0 {
			t.Errorf("%s: %d bytes of tensors after %d of header, which says %d", claim, len(file)-int(n), n, end)
		}
		f := fileOf(t, file)
		m, err := readMemory(t.Context(), testKey, f, testAbout, loadRaw)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.(raw).file; !bytes.Equal(got, saved) {
			t.Errorf("%s: got %q, saved %q", claim, got, saved)
		}
		h, err := readHeader(testKey, f)
		if got, _ := json.Marshal(h.about); err != nil || string(got) != string(must(json.Marshal(testAbout))) {
			t.Errorf("%s: about %s, %v", claim, got, err)
		}
		if _, err := readHeader(key{9}, f); err == nil {
			t.Errorf("%s: read with another key", claim)
		}
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestWhatIsNoSafetensorsIsNotKept(t *testing.T) {
	for claim, saved := range map[string][]byte{
		"nothing":             nil,
		"cut in its length":   testSaved[:5],
		"cut in its header":   testSaved[:20],
		"no JSON":             safetensors(`hello`, ""),
		"null":                safetensors(`null`, ""),
		"a tensor that isn't": safetensors(`{"a":7}`, ""),
		"metadata of numbers": safetensors(`{"__metadata__":{"a":7}}`, ""),
		"a header too long":   {0, 0, 0, 0, 0, 0, 0, 127, '{'},
		"kept before":         writtenFile(t, testSaved),
	} {
		if err := writeMemory(t.Context(), testKey, io.Discard, raw{saved}, testAbout); err == nil {
			t.Errorf("%s: kept", claim)
		}
	}
}

// signed is a file of header and body that the key signed, whatever is in them.
func signed(header, body string) []byte {
	file := safetensors(header, "")
	mac := testKey.hash("header")
	mac.Write(file)
	file = append(append(file, body...), mac.Sum(nil)...)
	mac = testKey.hash("file")
	mac.Write(file)
	return mac.Sum(file)
}

func TestSignedFilesAreStillChecked(t *testing.T) {
	file := writtenFile(t, testSaved)
	n := 8 + binary.LittleEndian.Uint64(file)
	header, body := string(file[8:n]), string(file[n:len(file)-hmacSize])
	read := func(data []byte) error {
		_, err := readMemory(t.Context(), testKey, fileOf(t, data), testAbout, loadRaw)
		return err
	}
	if err := read(signed(header, body)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ claim, old, new, want string }{
		{"another version", `\"version\":1`, `\"version\":2`, "version 2"},
		{"another memory's", testAbout.ID, "b" + testAbout.ID[1:], "another memory"},
		{"another length", `\"positions\":1`, `\"positions\":2`, "1 positions"},
		{"nothing kept", `"kept"`, `"lost"`, `"kept"`},
	} {
		changed := strings.Replace(header, c.old, c.new, 1)
		if err := read(signed(changed, body)); changed == header || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.claim, err, c.want)
		}
	}
	// Both hashes are of one key and one size; each is good for its own place only.
	swapped := slices.Clone(file)
	copy(swapped[len(file)-64:], file[len(file)-32:])
	copy(swapped[len(file)-32:], file[len(file)-64:len(file)-32])
	if err := read(swapped); err == nil {
		t.Error("hashes exchanged: read")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readMemory(cancelled, testKey, fileOf(t, file), testAbout, loadRaw); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// closing counts how often it is closed.
type closing struct {
	raw
	closed *int
}

func (c closing) Close() error { *c.closed++; return nil }

// What is loaded is what was checked: a file that changes under the reader's hands gives no memory, and what was made of it
// is closed.
func TestAFileThatChangesWhileItIsReadIsRefused(t *testing.T) {
	file := writtenFile(t, testSaved)
	n := int64(8 + binary.LittleEndian.Uint64(file))
	for claim, at := range map[string]int64{"its body": n, "its body's end": int64(len(file)) - hmacSize - 1, "its keyed hash": int64(len(file)) - 1} {
		f, closed := fileOf(t, file), 0
		_, err := readMemory(t.Context(), testKey, f, testAbout, func(_ context.Context, r io.Reader) (Memory, error) {
			w, err := os.OpenFile(f.Name(), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if _, err := w.WriteAt([]byte{file[at] ^ 1}, at); err != nil {
				t.Fatal(err)
			}
			m, err := loadRaw(t.Context(), r)
			return closing{m.(raw), &closed}, err
		})
		var damaged *badFile
		if !errors.As(err, &damaged) || closed != 1 {
			t.Errorf("%s: got %v, closed %d times", claim, err, closed)
		}
	}
	// What load did not read is checked too, and what it says counts only of files that are as they were.
	boom := errors.New("boom")
	lazy := func(context.Context, io.Reader) (Memory, error) { return nil, boom }
	if _, err := readMemory(t.Context(), testKey, fileOf(t, file), testAbout, lazy); !errors.Is(err, boom) {
		t.Errorf("load's own error: got %v", err)
	}
	file[n] ^= 1
	if _, err := readMemory(t.Context(), testKey, fileOf(t, file), testAbout, lazy); err == nil || errors.Is(err, boom) {
		t.Errorf("load's error of a damaged file: got %v", err)
	}
}

// Whatever is in a file: what the key did not sign is refused, and what it signed is an error or a memory, never a panic.
func FuzzKeptFile(f *testing.F) {
	file := writtenFile(f, testSaved)
	n := 8 + binary.LittleEndian.Uint64(file)
	f.Add(file, string(file[8:n]), string(file[n:]))
	f.Add(file[:40], `{"__metadata__":{"kept":"{}"}}`, "")
	f.Add([]byte{}, `{"__metadata__":{"kept":"{\"version\":1}"},"a":{"data_offsets":[9223372036854775807,-1]}}`, "x")
	f.Add(bytes.Repeat([]byte{0xff}, 100), `[]`, "")
	name := filepath.Join(f.TempDir(), "f")
	read := func(t *testing.T, data []byte) error {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		_, err = readMemory(t.Context(), testKey, file, testAbout, loadRaw)
		return err
	}
	f.Fuzz(func(t *testing.T, data []byte, header, body string) {
		if read(t, data) == nil {
			mac := testKey.hash("file")
			mac.Write(data[:len(data)-32])
			if !hmac.Equal(mac.Sum(nil), data[len(data)-32:]) {
				t.Errorf("read %q", data)
			}
		}
		_ = read(t, signed(header, body))
	})
}
