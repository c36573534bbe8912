package plugin

// What callers do with a DiskStore: memories are put, used, released and looked at.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/latentchain/latentchain/xlaengine"
)

// Put implements Store. When it returns a handle, the memory is on disk to stay, even if the machine fails.
func (s *DiskStore) Put(ctx context.Context, m Memory, made Made) (string, error) {
	if m == nil {
		return "", errNoMemory
	}
	if s.folder.closed() {
		_ = m.Close()
		return "", fmt.Errorf("store %w", xlaengine.ErrClosed)
	}
	i := newID()
	entry := &filed{Info: s.options.describe(i, m, made), id: i, loading: make(chan struct{}, 1)}
	out, err := s.keep(ctx, m, entry, made.Engine)
	if err != nil {
		_ = m.Close()
		return "", err
	}
	_ = closeAll(out)
	return s.handles.handle(i, made.Scope), nil
}

// keep writes m's file and puts both on their shelves. It returns what had to leave the device.
func (s *DiskStore) keep(ctx context.Context, m Memory, entry *filed, engine any) (out []resident, err error) {
	from, ok := m.(Saver)
	if !ok {
		return nil, fmt.Errorf("a memory of type %T can't be written to a file; use plugin.NewStore", m)
	}
	name := entry.id.String() + fileSuffix
	entry.FileBytes, err = s.folder.write(name, func(w io.Writer) error {
		return writeMemory(ctx, s.seal, w, from, aboutOf(entry.id, entry.Info))
	})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.folder.path, err)
	}
	s.moving.Lock() // for both shelves: whoever deletes the file finds the memory on the device
	defer s.moving.Unlock()
	// Only now that the new one is safe others may go.
	if err := s.shelve(entry, entry.Made); err != nil {
		_ = s.folder.remove(name)
		return nil, roomError(err, entry.FileBytes, *s.options.diskBudget, "DiskBudget")
	}
	r := resident{m, engine}
	out, err = s.device.add(&place[resident]{id: entry.id, value: r, size: entry.Bytes})
	if err != nil { // no room on the device: it will be read again
		out = append(out, r)
	}
	return out, nil
}

// Use implements Store.
func (s *DiskStore) Use(ctx context.Context, handle string, by Reader) (*Loan, error) {
	i, err := s.handles.read(handle, by.Scope)
	if err != nil {
		return nil, err
	}
	p, err := s.borrow(i)
	if err != nil {
		return nil, s.gone(handle, err)
	}
	d, err := s.bring(ctx, handle, p.value, by)
	done := func() (err error) {
		if d != nil && s.device.done(d) {
			err = d.value.Close()
		}
		if s.files.done(p) { // was released meanwhile, perhaps before it came to the device
			if m, idle, ok := s.device.remove(i); ok && idle {
				err = errors.Join(err, m.Close())
			}
		}
		return err
	}
	if err != nil {
		_ = done()
		return nil, err
	}
	s.folder.touch(i.String() + fileSuffix)
	return &Loan{Memory: d.value.Memory, Digest: p.value.Digest, Holds: p.value.Holds, done: done}, nil
}

// borrow returns the place of i on the shelf of files.
func (s *DiskStore) borrow(i id) (*place[*filed], error) {
	p, err := s.files.use(i)
	if !errors.Is(err, errGone) {
		return p, err
	}
	if err := s.adopt(i); err != nil && !errors.Is(err, errHeld) {
		return nil, err
	}
	return s.files.use(i)
}

// bring returns the place on the device of a memory, reading its file if it is not there.
func (s *DiskStore) bring(ctx context.Context, handle string, entry *filed, by Reader) (*place[resident], error) {
	if err := entry.mayRead(handle, by); err != nil {
		return nil, err
	}
	select {
	case entry.loading <- struct{}{}:
		defer func() { <-entry.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d, err := s.device.use(entry.id)
	switch {
	case err == nil && d.value.isOn(by.Engine):
		return d, nil
	case err == nil: // on another engine's device, which may be closed by now: it makes room for this one's
		s.device.remove(entry.id)
		if s.device.done(d) {
			_ = d.value.Close()
		}
	case !errors.Is(err, errGone):
		return nil, err
	}
	m, err := s.load(ctx, entry, by)
	if err != nil {
		return nil, s.gone(handle, err)
	}
	d = &place[resident]{id: entry.id, value: resident{m, by.Engine}, size: m.Bytes(), users: 1}
	out, err := s.device.add(d)
	_ = closeAll(out)
	if err != nil {
		_ = m.Close()
		return nil, roomError(err, m.Bytes(), s.options.budget, "the budget of plugin.OpenStore")
	}
	return d, nil
}

func (s *DiskStore) load(ctx context.Context, entry *filed, by Reader) (Memory, error) {
	if by.Load == nil {
		return nil, bad("this engine can't read memories from files")
	}
	f, err := s.folder.open(entry.id.String() + fileSuffix)
	if errors.Is(err, fs.ErrNotExist) { // somebody deleted it
		s.files.remove(entry.id)
		return nil, errGone
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readMemory(ctx, s.seal, f, aboutOf(entry.id, entry.Info), by.Load)
}

// gone puts why a memory can't be had in terms of its handle. An engine that can't load a file that is as it was written
// is of another kind than the one that wrote it, unless it says that it is closed, full or out of time.
func (s *DiskStore) gone(handle string, err error) error {
	var bad *badFile
	var unloaded *unloaded
	passing := []error{xlaengine.ErrClosed, xlaengine.ErrBudget, xlaengine.ErrContextFull, context.Canceled, context.DeadlineExceeded}
	switch {
	case errors.Is(err, errGone), err == xlaengine.ErrClosed: // the store's own
		return goneError(handle, err, "plugin.DiskBudget")
	case errors.As(err, &bad):
		return refused("the file behind handle %s: %v", short(handle), bad)
	case errors.As(err, &unloaded) && !slices.ContainsFunc(passing, func(is error) bool { return errors.Is(err, is) }):
		return because(unloaded.error, "the file behind handle %s can't be used by this engine: %v; open it as the engine was that made the memory, with the same number type", short(handle), err)
	}
	return fmt.Errorf("the file behind handle %s: %w", short(handle), err)
}

// Release implements Store: the file is deleted at once.
func (s *DiskStore) Release(handle, scope string) error {
	i, err := s.handles.read(handle, scope)
	if err != nil {
		return err
	}
	s.moving.Lock()
	defer s.moving.Unlock()
	if _, _, ok := s.files.remove(i); !ok && s.folder.closed() {
		return fmt.Errorf("store %w", xlaengine.ErrClosed)
	}
	return s.forget(i) // whether the file was on the shelf or refused to go there
}

// drop lets go of a memory if it is held.
func (s *DiskStore) drop(i id) error {
	s.moving.Lock()
	defer s.moving.Unlock()
	if _, _, ok := s.files.remove(i); !ok {
		return nil
	}
	return s.forget(i)
}

// Stat implements Store.
func (s *DiskStore) Stat(handle, scope string) (Info, error) {
	i, err := s.handles.read(handle, scope)
	if err != nil {
		return Info{}, err
	}
	at, err := s.files.look(i)
	if errors.Is(err, errGone) {
		if err = s.adopt(i); err == nil || errors.Is(err, errHeld) {
			at, err = s.files.look(i)
		}
	}
	if err != nil {
		return Info{}, s.gone(handle, err)
	}
	return s.info(at), nil
}

// List implements Store. Files that are refused are not in it.
func (s *DiskStore) List() (all []Info) {
	for _, at := range s.files.lookAll() {
		all = append(all, s.info(at))
	}
	return all
}

func (s *DiskStore) info(at seen[*filed]) Info {
	info := at.value.Info
	info.Handle, info.InUse, info.LastUsed = s.handles.handle(at.id, info.Scope), at.inUse, at.last
	return info
}

// Size implements Store; the bytes are those of files.
func (s *DiskStore) Size() (memories int, bytes int64) { return s.files.size() }

// Close implements Store. The files stay.
func (s *DiskStore) Close() error {
	s.files.close()
	err := closeAll(s.device.close())
	return errors.Join(err, s.folder.close())
}
