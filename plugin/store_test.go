package plugin_test

// Stores keep what is promised of all of them; what is particular to one has a test of its own here, and DiskStore in
// the storedisk tests.

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/storetest"
	"github.com/latentchain/latentchain/xlaengine"
)

func TestStores(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, room int, opts ...plugin.StoreOption) plugin.Store {
			s, err := plugin.NewStore(int64(room)*storetest.Bytes, opts...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
	for _, on := range []struct {
		claim  string
		device int // memories that it has room for
	}{{"on disk", 100}, {"on disk, all used on the device", 8}, {"on disk, hardly any on the device", 2}} {
		t.Run(on.claim, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, room int, opts ...plugin.StoreOption) plugin.Store {
				return openDisk(t, t.TempDir(), int64(on.device)*storetest.Bytes, append(opts, plugin.DiskBudget(int64(room)*(storetest.Bytes+1500)))...)
			})
		})
	}
}

func openDisk(t *testing.T, dir string, budget int64, opts ...plugin.StoreOption) *plugin.DiskStore {
	t.Helper()
	s, err := plugin.OpenStore(private(t, dir), budget, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemoriesGoWhenTheirTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := plugin.NewStore(storetest.Bytes, plugin.KeepFor(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var made storetest.Maker
		handle, err := s.Put(t.Context(), made.New('a'), plugin.Made{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - 1)
		loan, err := s.Use(t.Context(), handle, plugin.Reader{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n, _ := s.Size(); n != 0 {
			t.Errorf("%d memories held after an hour, with nobody asking", n)
		}
		if n, _ := made.Open(); n != 1 {
			t.Error("closed while in use")
		}
		if _, err := s.Use(t.Context(), handle, plugin.Reader{}); !errors.Is(err, &llms.Error{Code: llms.ErrCodeResourceNotFound}) {
			t.Errorf("expired: got %v", err)
		}
		if err := loan.Done(); err != nil {
			t.Error(err)
		}
		if n, err := made.Open(); n != 0 || err != nil {
			t.Errorf("%d open after the last use, %v", n, err)
		}
	})
}

func TestStoresRefuseToBeMade(t *testing.T) {
	for claim, open := range map[string]func() error{
		"no budget":               func() error { _, err := plugin.NewStore(0); return err },
		"kept for less than none": func() error { _, err := plugin.NewStore(1, plugin.KeepFor(-1)); return err },
		"a key, in memory":        func() error { _, err := plugin.NewStore(1, plugin.StoreKey(make([]byte, 32))); return err },
		"a disk, in memory":       func() error { _, err := plugin.NewStore(1, plugin.DiskBudget(1)); return err },
		"no budget, on disk":      func() error { _, err := plugin.OpenStore(t.TempDir(), 0); return err },
		"no disk":                 func() error { _, err := plugin.OpenStore(t.TempDir(), 1, plugin.DiskBudget(0)); return err },
		"a short key": func() error {
			_, err := plugin.OpenStore(t.TempDir(), 1, plugin.StoreKey([]byte("secret")))
			return err
		},
		"an empty key": func() error { _, err := plugin.OpenStore(t.TempDir(), 1, plugin.StoreKey(nil)); return err },
	} {
		if open() == nil {
			t.Errorf("%s: made", claim)
		}
	}
}

func TestStoresThatWereNotMadeAreClosed(t *testing.T) {
	made, err := plugin.NewStore(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	var maker storetest.Maker
	handle, err := made.Put(t.Context(), maker.New('a'), plugin.Made{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []plugin.Store{&plugin.MemoryStore{}, &plugin.DiskStore{}} {
		if _, err := s.Put(t.Context(), maker.New('b'), plugin.Made{}); !errors.Is(err, xlaengine.ErrClosed) {
			t.Errorf("%T: put: %v", s, err)
		}
		if _, err := s.Use(t.Context(), handle, plugin.Reader{}); err == nil {
			t.Errorf("%T: used", s)
		}
		if _, err := s.Stat(handle, ""); err == nil {
			t.Errorf("%T: stat", s)
		}
		if err := s.Release(handle, ""); err == nil {
			t.Errorf("%T: released", s)
		}
		if n, _ := s.Size(); n != 0 || len(s.List()) != 0 {
			t.Errorf("%T: holds %d", s, n)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%T: close: %v", s, err)
		}
	}
	if n, err := maker.Open(); n != 1 || err != nil {
		t.Errorf("%d memories open, %v; want the one in the store that was made", n, err)
	}
}

func TestWhatCouldNeverFitDrivesNothingOut(t *testing.T) {
	var made storetest.Maker
	s, err := plugin.NewStore(storetest.Bytes - 1 + storetest.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), made.New('a'), plugin.Made{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), huge{made.New('b')}, plugin.Made{}); !llms.IsQuotaExceededError(err) {
		t.Errorf("beyond the budget: got %v", err)
	}
	if n, _ := s.Size(); n != 1 {
		t.Error("what was there is gone")
	}
	if n, err := made.Open(); n != 1 || err != nil {
		t.Errorf("%d open, %v; want the one that fits", n, err)
	}
}

type huge struct{ *storetest.Memory }

func (h huge) Bytes() int64 { return 2 * storetest.Bytes }
