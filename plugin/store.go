package plugin

// A store keeps the memories behind handles. This file says what a store promises and what all of them have in common;
// MemoryStore (storememory.go) keeps memories as long as the process lives, DiskStore (storedisk.go) in files as well.
// What is promised here is tested for every store by storetest.Run.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
)

// Store keeps memories and gives out handles for them. It is safe for parallel use. Whatever can't be resolved is an
// error, never another memory: *llms.Error with the code for invalid requests if the handle can't be one of this store
// and scope, or stands for a memory of another model or one that the engine can't use; for resources not found if the memory is gone (released, expired,
// evicted); for an exceeded quota if there is no room. Of a closed store the error wraps xlaengine.ErrClosed.
type Store interface {
	// Put takes m over and returns a handle for it. To make room, memories that no call is using go, those unused
	// longest first. On an error m is closed.
	Put(ctx context.Context, m Memory, made Made) (handle string, err error)
	// Use returns the memory behind handle. It stays until the loan is done, whatever is released, evicted or expires
	// in the meantime.
	Use(ctx context.Context, handle string, by Reader) (*Loan, error)
	// Release lets go of the memory behind a handle of that scope as soon as no call uses it. For one that is gone
	// already it does nothing; a handle that the store did not make is an error.
	Release(handle, scope string) error
	// Stat says what is behind a handle of that scope. It does not count as a use.
	Stat(handle, scope string) (Info, error)
	// List says what is held, the one unused longest first. The handles in it are as good as those that were given out.
	List() []Info
	// Size returns how many memories are held and their bytes, on the device or on disk, wherever the store holds all.
	Size() (memories int, bytes int64)
	// Close ends the store. Memories that calls are using go when the calls end.
	Close() error
}

// Made says what a memory that is put was made from.
type Made struct {
	Model string // digest of the weights
	Scope string // whose it is; its handle resolves in no other scope
	// Holds names the memories that it begins with or was joined from, by the Digest and the Holds of their loans.
	Holds []string
	// Engine is what made it and can use it as it is, without reading it from a file; any value but nil.
	Engine any
}

// Reader says who wants to use a memory.
type Reader struct {
	Model   string // digest of the weights; another model's memory is refused
	Scope   string
	Foreign bool // takes memories too that were not put by this process
	Engine  any  // as in Made
	// Load reads a memory that its Save wrote; nil if the engine can't.
	Load func(context.Context, io.Reader) (Memory, error)
}

// Loan is a memory in use.
type Loan struct {
	Memory Memory
	Digest string   // names what it holds: equal for memories of equal contents, if they say what that is
	Holds  []string // the memories it was made from, by their Digest

	done func() error
	once sync.Once
}

// Done gives the memory back. Only the first call counts.
func (l *Loan) Done() (err error) {
	l.once.Do(func() { err = l.done() })
	return err
}

// Info is what a store knows of a memory.
type Info struct {
	Handle    string
	Scope     string
	Model     string // digest of the weights
	Digest    string // as in Loan
	Holds     []string
	Positions int
	Bytes     int64 // of keys and values
	FileBytes int64 // on disk; 0 if it is not
	Foreign   bool  // put by another process or elsewhere
	InUse     bool
	Made      time.Time
	LastUsed  time.Time
	Expires   time.Time // zero: never
}

// StoreOption changes how a store is made.
type StoreOption func(*storeOptions)

type storeOptions struct {
	budget     int64 // on the device
	ttl        time.Duration
	diskBudget *int64
	secret     []byte
	secretSet  bool
}

// DefaultTTL is how long a memory is kept at most.
const DefaultTTL = 24 * time.Hour

// KeepFor sets how long a memory is kept at most, from when it was made (default DefaultTTL); 0 is for ever.
func KeepFor(ttl time.Duration) StoreOption { return func(o *storeOptions) { o.ttl = ttl } }

// StoreKey has a DiskStore sign handles and files with secret, at least 32 bytes that nobody can guess, in the place of
// a key of its own. Stores with one secret take each other's files and, with them, handles: that is how memories move
// to another machine.
func StoreKey(secret []byte) StoreOption {
	return func(o *storeOptions) { o.secret, o.secretSet = append([]byte(nil), secret...), true }
}

// DefaultDiskBudget is how many bytes of files a DiskStore holds.
const DefaultDiskBudget = 8 << 30

// DiskBudget sets how many bytes of files a DiskStore holds (default DefaultDiskBudget). When there are more, those
// unused longest are deleted, also when the store is opened.
func DiskBudget(bytes int64) StoreOption { return func(o *storeOptions) { o.diskBudget = &bytes } }

func readStoreOptions(budget int64, opts []StoreOption) (o storeOptions, err error) {
	o.budget, o.ttl = budget, DefaultTTL
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	switch {
	case budget <= 0:
		return o, fmt.Errorf("memory budget of %d bytes; want more than 0", budget)
	case o.ttl < 0:
		return o, fmt.Errorf("memories kept for %v; want more than 0, or 0 for ever", o.ttl)
	case o.diskBudget != nil && *o.diskBudget <= 0:
		return o, fmt.Errorf("disk budget of %d bytes; want more than 0", *o.diskBudget)
	case o.secretSet && len(o.secret) < minSecret:
		return o, fmt.Errorf("a store key of %d bytes; want %d or more, random ones", len(o.secret), minSecret)
	}
	return o, nil
}

// describe returns what is known of m when it is put under i.
func (o storeOptions) describe(i id, m Memory, made Made) Info {
	info := Info{
		Scope: made.Scope, Model: made.Model, Digest: i.String(), Holds: made.Holds,
		Positions: m.Len(), Bytes: m.Bytes(), Made: time.Now(),
	}
	if known, ok := m.(interface{ Origin() xlaengine.Origin }); ok {
		info.Digest = known.Origin().Digest
	}
	if o.ttl > 0 {
		info.Expires = info.Made.Add(o.ttl)
	}
	return info
}

// mayRead says why by may not use the memory.
func (info Info) mayRead(handle string, by Reader) error {
	switch {
	case info.Model != by.Model:
		return refused("handle %s is a memory of another model (weights %.12s, not %.12s); models can't read each other's", short(handle), info.Model, by.Model)
	case info.Foreign && !by.Foreign:
		return refused("handle %s was not given out by this process; if you trust where it comes from, make the model with plugin.WithForeignHandles", short(handle))
	}
	return nil
}

var errNoMemory = refused("there is no memory to put; it is nil")

// goneError puts what a shelf says in terms of a handle.
func goneError(handle string, err error, option string) error {
	if !errors.Is(err, errGone) {
		return fmt.Errorf("store %w", err)
	}
	return llms.NewError(llms.ErrCodeResourceNotFound, provider, fmt.Sprintf(
		"the memory behind handle %s is gone: released, expired (plugin.KeepFor), or evicted to make room for others (%s)", short(handle), option))
}

// roomError puts what a shelf says in terms of a memory of so many bytes.
func roomError(err error, size, budget int64, option string) error {
	if !errors.Is(err, errNoRoom) {
		return fmt.Errorf("store %w", err)
	}
	return llms.NewError(llms.ErrCodeQuotaExceeded, provider, fmt.Sprintf(
		"a memory of %d bytes does not fit the budget of %d beside those in use; raise %s", size, budget, option))
}

func closeAll[M Memory](memories []M) error {
	var errs []error
	for _, m := range memories {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
