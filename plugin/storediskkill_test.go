package plugin_test

// A process that is killed while it saves leaves whole memories or none. The test starts itself as the process.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/storetest"
)

const saverFolder = "LATENTCHAIN_TEST_SAVES_IN"

// TestSaving is the process that is killed; by itself it does nothing.
func TestSaving(t *testing.T) {
	if dir := os.Getenv(saverFolder); dir != "" {
		t.Fatal(saveForEver(t.Context(), dir))
	}
}

// saveForEver saves one memory after the other, slowly, and says when one begins and what the handle of each is.
func saveForEver(ctx context.Context, dir string) error {
	s, err := plugin.OpenStore(dir, 2*storetest.Bytes)
	if err != nil {
		return err
	}
	var made storetest.Maker
	for n := 0; ; n++ {
		mark := byte('a' + n%26)
		m := made.New(mark)
		m.Between = func() { time.Sleep(500 * time.Microsecond) }
		fmt.Println("saving")
		handle, err := s.Put(ctx, m, plugin.Made{Model: "m", Scope: "s", Holds: []string{"x"}})
		if err != nil {
			return err
		}
		fmt.Printf("%c %s\n", mark, handle)
	}
}

func TestKilledWhileSavingLeavesTheOldOrTheNew(t *testing.T) {
	d := onDisk(t)
	private(t, d.dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]byte{}
	halves, kills := 0, 12
	for kill := range kills {
		cmd := exec.Command(self, "-test.run=^TestSaving$")
		cmd.Env = append(os.Environ(), saverFolder+"="+d.dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		begun := 0
		for begun <= kill%3 && lines.Scan() {
			begun += note(kept, lines.Text())
		}
		time.Sleep(time.Duration(kill) * 800 * time.Microsecond) // at another point of the file each time
		if err := cmd.Process.Kill(); err != nil {               // SIGKILL
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died
			note(kept, lines.Text())
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		if begun == 0 {
			t.Fatal("the process saved nothing")
		}
		unfinished, _ := filepath.Glob(filepath.Join(d.dir, ".new-*"))
		halves += len(unfinished)

		s := openDisk(t, d.dir, 1<<20)
		if left, _ := filepath.Glob(filepath.Join(d.dir, ".new-*")); len(left) != 0 {
			t.Errorf("what was not finished is still there: %q", left)
		}
		for handle, mark := range kept {
			d.wants("said to be kept", s, handle, mark)
		}
		n, _ := s.Size()
		if n != len(d.files()) || n < len(kept) || n > len(kept)+kill+1 { // one may be whole whose handle was not said
			t.Errorf("%d memories in %d files, %d handles", n, len(d.files()), len(kept))
		}
		for _, info := range s.List() {
			if _, err := d.mark(s, info.Handle, true); err != nil {
				t.Errorf("a file that is not whole: %v", err)
			}
		}
		d.close(s)
	}
	if halves == 0 {
		t.Error("no kill came while a file was being written; this shows nothing")
	}
	t.Logf("%d kills, %d of them in the middle of a file; %d memories whole", kills, halves, len(kept))
}

// note takes one line of the process and returns how many savings it speaks of.
func note(kept map[string]byte, line string) int {
	if mark, handle, ok := strings.Cut(line, " "); ok && strings.HasPrefix(handle, "⟦latent:") && strings.HasSuffix(handle, "⟧") {
		kept[handle] = mark[0]
		return 0
	}
	return 1
}
