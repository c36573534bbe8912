//go:build unix

package wheel

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatOthersMayWriteIsNotRun(t *testing.T) {
	for _, c := range []struct {
		claim, path string // "" for none of them
		mode        os.FileMode
		uid         int
		want        string
	}{
		{claim: "all mine"},
		{claim: "the file writable by the group", path: "a/b/plugin.so", mode: 0o664, want: "chmod go-w"},
		{claim: "its folder writable by all", path: "a/b", mode: 0o777, want: "chmod go-w"},
		{claim: "the top writable by all", path: ".", mode: 0o757, want: "chmod go-w"},
		{claim: "above the top nobody looks", path: "..", mode: 0o777},
		{claim: "another user's", path: "a", uid: os.Geteuid() + 1, want: "belongs to user"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			top := filepath.Join(t.TempDir(), "top")
			plugin := filepath.Join(top, "a", "b", "plugin.so")
			if err := errors.Join(os.MkdirAll(filepath.Dir(plugin), 0o755), os.WriteFile(plugin, nil, 0o644)); err != nil {
				t.Fatal(err)
			}
			if c.mode != 0 {
				if err := os.Chmod(filepath.Join(top, c.path), c.mode); err != nil {
					t.Fatal(err)
				}
			}
			if c.uid != 0 {
				if err := os.Chown(filepath.Join(top, c.path), c.uid, -1); err != nil {
					t.Skip("only root can give files away")
				}
			}
			err := OnlyMineUpTo(top, plugin)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.Is(err, ErrOthersWrite) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), filepath.Join(top, c.path)+": ")):
				t.Errorf("error is %v, want one with %q and the path", err, c.want)
			}
		})
	}
}
