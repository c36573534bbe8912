package plugin_test

// Files of a store that are damaged, foreign or none, what can't be written, and what files give away.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/storetest"
	"github.com/latentchain/latentchain/xlaengine"
)

func TestEveryDamageIsRefused(t *testing.T) {
	d := onDisk(t)
	s := d.open()
	a, b := d.put(s, 'a'), d.put(s, 'b')
	d.close(s)
	names := d.files()
	file, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	handle, mark := a, byte('a')
	if file[len(file)-100] == 'b' {
		handle, mark = b, 'b'
	}
	// refusedAs has the store find the file as data when it is opened, and then when it is used.
	tried := 0
	refusedAs := func(claim string, data []byte) {
		t.Helper()
		tried++
		write := func(data []byte) {
			if err := os.WriteFile(names[0], data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		check := func(s *plugin.DiskStore, when string) {
			if _, err := d.mark(s, handle, true); !llms.IsInvalidRequestError(err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: got %v", claim, when, err)
			}
			d.close(s)
		}
		write(data)
		check(d.open(), "found so")
		write(file)
		s := d.open()
		write(data)
		check(s, "changed while the store is open")
		write(file)
	}
	for at := 0; at < len(file); at += 1 + at/25 {
		flipped := slices.Clone(file)
		flipped[at] ^= 1 << (at % 8)
		refusedAs("flipped", flipped)
	}
	for back := 1; back <= 70; back += 3 { // the keyed hashes
		flipped := slices.Clone(file)
		flipped[len(file)-back] ^= 0x80
		refusedAs("flipped near the end", flipped)
	}
	for at := 0; at < len(file); at += 1 + at/3 {
		refusedAs("cut", file[:at])
	}
	for claim, data := range map[string][]byte{
		"a byte too short": file[:len(file)-1], "a byte too long": append(slices.Clone(file), 0), "twice": append(slices.Clone(file), file...),
		"empty": nil, "another memory's": other, "zeros": make([]byte, len(file)), "its end from another": slices.Concat(file[:len(file)-64], other[len(other)-64:]),
		"its body from another": slices.Concat(file[:len(file)-64-storetest.Bytes], other[len(other)-64-storetest.Bytes:]),
	} {
		refusedAs(claim, data)
	}
	d.wants("as it was", d.open(), handle, mark)
	t.Logf("%d damaged files refused, each in two ways", tried)
}

// A file that is as it was written, and that the engine can't load all the same: one of another number type, say.
func TestAFileThatTheEngineCannotLoadIsRefused(t *testing.T) {
	d := onDisk(t)
	s := d.open()
	handle := d.put(s, 'a')
	for _, test := range []struct {
		fails error
		code  llms.ErrorCode // "" for none
	}{
		{errors.New("the number type is BF16, want F32"), llms.ErrCodeInvalidRequest}, {xlaengine.ErrBudget, ""}, {xlaengine.ErrContextFull, ""}, {context.Canceled, ""},
	} {
		_, err := s.Use(t.Context(), handle, plugin.Reader{Model: "m", Scope: "s", Engine: new(int), Load: func(context.Context, io.Reader) (plugin.Memory, error) { return nil, test.fails }})
		var coded *llms.Error
		if !errors.Is(err, test.fails) || errors.As(err, &coded) != (test.code != "") || coded != nil && coded.Code != test.code {
			t.Errorf("%v: got %v", test.fails, err)
		}
	}
	d.wants("after that", s, handle, 'a')
}

// Whoever deletes a file frees what is on the device of it, however many come and go at once.
func TestNothingIsOnTheDeviceWithoutItsFile(t *testing.T) {
	d := onDisk(t)
	s := d.open(plugin.DiskBudget(2 * (storetest.Bytes + 4096)))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 8 {
				if _, err := s.Put(t.Context(), d.New('a'), plugin.Made{Model: "m", Engine: &d.Maker}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	files, _ := s.Size()
	if open, err := d.Maker.Open(); err != nil || files != 2 || open != files {
		t.Errorf("%d memories open of %d files, %v", open, files, err)
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	d := onDisk(t)
	s := d.open()
	handle := d.put(s, 'a')
	d.close(s)
	name := d.files()[0]
	secret := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(name, secret); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, name); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if got, err := d.mark(d.open(), handle, true); !llms.IsInvalidRequestError(err) {
		t.Errorf("a link to a good file elsewhere: got %q, %v", got, err)
	}
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	d := onDisk(t)
	s := d.open(plugin.DiskBudget(storetest.Bytes))
	if _, err := s.Put(t.Context(), d.New('a'), plugin.Made{}); !llms.IsQuotaExceededError(err) {
		t.Errorf("beyond the disk's budget: got %v", err)
	}
	if _, err := s.Put(t.Context(), struct{ plugin.Memory }{d.New('a')}, plugin.Made{}); err == nil || !strings.Contains(err.Error(), "NewStore") {
		t.Errorf("a memory that can't be saved: got %v", err)
	}
	m := d.New('a')
	m.Between = func() { _ = s.Close() } // while it is being saved
	if _, err := s.Put(t.Context(), m, plugin.Made{}); err == nil {
		t.Error("saved in a store that was closed meanwhile")
	}
	if n, err := d.Maker.Open(); n != 0 || err != nil {
		t.Errorf("%d memories open, %v; the store took them over", n, err)
	}
	d.close(d.open())
	left, err := os.ReadDir(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if name := e.Name(); name != "key" && name != "lock" {
			t.Errorf("%s is left", name)
		}
	}
}

// Nobody is told the name of a file by a handle, and nobody the handle by the file.
func TestFilesDoNotGiveHandlesAway(t *testing.T) {
	d := onDisk(t)
	s := d.open()
	handle := d.put(s, 'a')
	body := strings.TrimSuffix(strings.TrimPrefix(handle, "⟦latent:"), "⟧")
	for _, name := range d.files() {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(bytes.ToLower(data), []byte(body[27:])) || strings.Contains(name, body[27:]) {
			t.Error("the signature of the handle is in its file or its name")
		}
	}
}
