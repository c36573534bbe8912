package plugin

// DiskStore keeps memories in files, so that handles outlive the process, and those used last on the device as well.
// Two shelves keep the books, one of the files and one of the device. This file opens the store and keeps shelf and
// folder alike; what callers do with it is in storediskuse.go, what a file holds in diskfile.go, what becomes of files
// when a process is killed in diskfolder.go.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/latentchain/latentchain/xlaengine"
)

// DiskStore is a Store in a folder. A handle is good as long as its file is there, whoever opens the folder, on
// whatever machine; but those that another process gave out are only taken from readers who say so (Reader.Foreign,
// WithForeignHandles).
type DiskStore struct {
	handles key
	seal    key
	options storeOptions
	folder  *folder
	files   *shelf[*filed]
	device  *shelf[resident]

	moving sync.Mutex // held while a file comes to the shelf or goes from it, so that folder and shelf agree
}

var _ Store = (*DiskStore)(nil)

// resident is a memory on the device of an engine.
type resident struct {
	Memory
	engine any
}

// isOn says whether the memory is on engine's device. Engines that can't be compared have nothing in common.
func (r resident) isOn(engine any) bool {
	return engine != nil && reflect.ValueOf(engine).Comparable() && reflect.TypeOf(engine) == reflect.TypeOf(r.engine) && engine == r.engine
}

// filed is a memory in a file.
type filed struct {
	Info
	id      id
	loading chan struct{} // holds one token while someone brings it to the device
}

// Saver is a Memory that a DiskStore can keep. What it writes is in the safetensors format.
type Saver interface {
	Save(ctx context.Context, w io.Writer) error
}

// Loader is a Generator that can read what its memories' Save wrote.
type Loader interface {
	LoadMemory(ctx context.Context, r io.Reader) (Memory, error)
}

var (
	_ Saver  = (*xlaengine.Memory)(nil)
	_ Loader = onXLA{}
)

// LoadMemory hides the engine's method of the name, whose result has another type.
func (x onXLA) LoadMemory(ctx context.Context, r io.Reader) (Memory, error) {
	m, err := x.Engine.LoadMemory(ctx, r)
	if err != nil {
		return nil, err
	}
	return m, nil
}

var errOnlyOnDisk = errors.New("StoreKey and DiskBudget are for plugin.OpenStore; a store in memory has no files")

// OpenStore opens the store in folder dir, which is made if it is not there and must be the user's alone (0700). One
// process at a time has it open. Of the memories, at most budget bytes are on the device. Without StoreKey the key is
// in the file "key" (0600), made the first time. Files that are damaged or of another key stay where they are and are
// refused when their handle is used.
func OpenStore(dir string, budget int64, opts ...StoreOption) (*DiskStore, error) {
	s, err := openStore(dir, budget, opts)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

func openStore(dir string, budget int64, opts []StoreOption) (_ *DiskStore, err error) {
	s := &DiskStore{}
	if s.options, err = readStoreOptions(budget, opts); err != nil {
		return nil, err
	}
	if s.options.diskBudget == nil {
		s.options.diskBudget = new(int64(DefaultDiskBudget))
	}
	s.files = newShelf[*filed](*s.options.diskBudget, func(i id) { _ = s.drop(i) }) // whom would it tell?
	s.device = newShelf[resident](budget, nil)
	if s.folder, err = openFolder(dir); err != nil {
		return nil, err
	}
	if err := s.readFolder(); err != nil {
		s.files.close()
		s.folder.close()
		return nil, err
	}
	return s, nil
}

// readFolder reads key and files.
func (s *DiskStore) readFolder() (err error) {
	names, err := s.folder.names()
	if err != nil {
		return err
	}
	secret := s.options.secret
	if !s.options.secretSet {
		if secret, err = s.folder.secret(len(names) == 0); err != nil {
			return err
		}
	}
	if s.handles, err = keyFor(secret, "handles"); err != nil {
		return err
	}
	if s.seal, err = keyFor(secret, "files"); err != nil {
		return err
	}
	for _, name := range names { // the one unused longest first
		var i id
		data, err := encoding.DecodeString(strings.ToUpper(strings.TrimSuffix(name, fileSuffix)))
		if err != nil || len(data) != len(i) {
			continue
		}
		copy(i[:], data)
		_ = s.adopt(i) // refused when it is used
	}
	return nil
}

// adopt takes up a file that is in the folder and not on the shelf.
func (s *DiskStore) adopt(i id) error {
	s.moving.Lock()
	defer s.moving.Unlock()
	f, err := s.folder.open(i.String() + fileSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	if err != nil {
		return err
	}
	defer f.Close()
	header, err := readHeader(s.seal, f)
	if err != nil {
		return err
	}
	if header.about.ID != i.String() {
		return bad("it is the file of another memory, %s", header.about.ID)
	}
	entry := &filed{Info: header.about.info(), id: i, loading: make(chan struct{}, 1)}
	entry.FileBytes, entry.Foreign = header.size, true
	if !entry.Expires.IsZero() && !time.Now().Before(entry.Expires) {
		_ = s.folder.remove(i.String() + fileSuffix)
		return errGone
	}
	return s.shelve(entry, header.modified)
}

// shelve puts a file that is in place on the shelf and deletes what has to go for it. The caller holds moving.
func (s *DiskStore) shelve(entry *filed, last time.Time) error {
	out, err := s.files.add(&place[*filed]{id: entry.id, value: entry, size: entry.FileBytes, expires: entry.Expires, last: last})
	for _, old := range out {
		_ = s.forget(old.id) // the new one is fine even if an old one is not
	}
	return err
}

// forget deletes a file that is off the shelf, and what is on the device of it. The caller holds moving.
func (s *DiskStore) forget(i id) error {
	err := s.folder.remove(i.String() + fileSuffix)
	if m, idle, ok := s.device.remove(i); ok && idle {
		err = errors.Join(err, m.Close())
	}
	return err
}
