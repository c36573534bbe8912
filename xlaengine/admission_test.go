package xlaengine

// Who enters and with what: room is set aside for everybody who runs, nobody takes more than that, and nobody who can't
// be helped holds up others.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latentchain/latentchain/xlaengine/pack"
)

// A row that begins like a long run, or goes on from the beginning of a long memory, has slots of its own length.
func TestAShortRowTakesNoLongSlots(t *testing.T) {
	for name, options := range map[string][]Option{"awake": nil, "at rest": {WithIdleMemory(pack.Int8)}} {
		t.Run(name, func(t *testing.T) {
			e := openTiny(t, "tiny-qwen3", append(options, WithPrefixCache(64<<20))...)
			long := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(1500, 1)})
			cut, err := long.Memory.Cut(100)
			if err != nil {
				t.Fatal(err)
			}
			defer cut.Close()
			for name, req := range map[string]ThinkRequest{
				"a prompt that begins alike": {Memory: e.NewMemory(), Prompt: slices.Concat(tokens(1500, 1)[:100], tokens(20, 2))},
				"the beginning of a memory":  {Memory: cut, Prompt: tokens(20, 3)},
			} {
				res := think(t, e, req)
				if res.Usage.CachedTokens != 100 {
					t.Fatalf("%s: %d positions were there, want 100", name, res.Usage.CachedTokens)
				}
				if !res.Memory.slots.resting() && res.Memory.slots.capacity != capacityFor(120) {
					t.Errorf("%s: slots for %d positions, want %d", name, res.Memory.slots.capacity, capacityFor(120))
				}
			}
			e.dev.mu.Lock()
			defer e.dev.mu.Unlock()
			for program := range e.dev.programs {
				var rows, chunk, slots int
				_, shape, _ := strings.Cut(program, "{")
				if n, _ := fmt.Sscanf(shape, "%d %d %d}", &rows, &chunk, &slots); n == 3 && slots > 0 && slots != capacityFor(slots) {
					t.Errorf("%q was compiled: slots of no usual size", program)
				}
			}
		})
	}
}

func TestOneRowAtATimeWritesToSlots(t *testing.T) {
	shared := &slots{capacity: 384, used: 10}
	shared.holders.Store(10)
	at := func(n int) *row { return &row{slots: shared, length: n} }
	first, early := at(10), at(10)
	first.claim()
	early.claim()
	if !first.writes() || early.writes() {
		t.Fatal("want the first to write and no other")
	}
	first.length = 20
	first.publish(20)
	next, rival := at(20), at(20)
	next.claim()
	if next.writes() {
		t.Fatal("two rows write: the first has not ended")
	}
	first.drop() // what it published stays
	next.claim()
	rival.claim()
	if !next.writes() || rival.writes() {
		t.Fatal("want the next to write and no other")
	}
	next.length = 30
	next.drop() // it had published nothing
	rival.claim()
	if !rival.writes() || shared.used != 20 {
		t.Errorf("%d positions are for good, want 20, and the slots free to write", shared.used)
	}
}

func TestJoiningWaitsForRoomThatRunningRowsHave(t *testing.T) {
	probe := openTiny(t, "tiny-qwen3")
	one := probe.slotsBytes(capacityFor(1))
	e := openTiny(t, "tiny-qwen3", WithMemoryBudget(2*one+probe.reserveFor(500)))
	enough := errors.New("enough")
	a := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(5, 1)}).Memory
	b := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(6, 2)}).Memory
	said := make(chan struct{})
	var once sync.Once
	var group sync.WaitGroup
	group.Go(func() {
		texts := 0
		_, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(20, 1), MaxTokens: 480, PastEnd: true,
			OnText: func(string) error {
				once.Do(func() { close(said) })
				if texts++; texts == 100 {
					return enough
				}
				return nil
			}})
		if !errors.Is(err, enough) {
			t.Errorf("a row that was let in: %v", err)
		}
	})
	<-said
	joined, err := e.Join(context.Background(), a, b)
	if err != nil {
		t.Fatalf("joining did not wait: %v", err)
	}
	defer joined.Close()
	if joined.Len() != 11 {
		t.Errorf("%d positions, want 11", joined.Len())
	}
	group.Wait()
	if c, err := e.Join(context.Background(), a, b); !errors.Is(err, ErrBudget) && err != nil {
		t.Errorf("joining with nothing to wait for gave %v", err)
	} else if err == nil {
		c.Close()
	}
}

// Who does not fit beside memories that are held lets others pass, those who hold one and those who are new, and is told
// after a while.
func TestWhoCannotFitHoldsUpNobody(t *testing.T) {
	probe := openTiny(t, "tiny-qwen3")
	e := openTiny(t, "tiny-qwen3", WithMemoryBudget(probe.reserveFor(1500)))
	if err := e.sched.do(context.Background(), func() error { e.sched.stalled = 200 * time.Millisecond; return nil }); err != nil {
		t.Fatal(err)
	}
	held := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(5, 1)})
	refused := make(chan error, 1)
	go func() {
		_, err := e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(1500, 2)})
		refused <- err
	}()
	untilQueued(t, e, 1)
	passed := 0
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); passed++ {
		for _, memory := range []*Memory{held.Memory, e.NewMemory()} {
			res, err := e.Generate(context.Background(), GenerateRequest{Memory: memory, Prompt: tokens(9, passed), MaxTokens: 5, PastEnd: true})
			if err != nil {
				t.Fatal(err)
			}
			res.Memory.Close()
		}
		select {
		case err := <-refused:
			if !errors.Is(err, ErrBudget) || passed < 3 {
				t.Errorf("%d rows of each kind passed it, and then %v; want more and %v", passed, err, ErrBudget)
			}
			return
		default:
		}
	}
	t.Error("it still waits")
}

func TestNoRequestIsTooMuchToCount(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	_, err := e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(5, 1), Steps: math.MaxInt})
	if !errors.Is(err, ErrContextFull) {
		t.Errorf("all the steps there are gave %v, want %v", err, ErrContextFull)
	}
	res := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(e.Config().Context-8, 1), MaxTokens: math.MaxInt})
	if len(res.Tokens) != 9 || res.StopReason != StopLength || res.Memory.Len() != e.Config().Context {
		t.Errorf("%d tokens, %d positions, %s; want 9 (the last needs no position), all, %s", len(res.Tokens), res.Memory.Len(), res.StopReason, StopLength)
	}
	if all, err := e.GenerateBatch(context.Background(), nil); err != nil || len(all) != 0 {
		t.Errorf("no requests gave %v, %v", all, err)
	}
	if all, err := e.ThinkBatch(context.Background(), nil); err != nil || len(all) != 0 {
		t.Errorf("no requests gave %v, %v", all, err)
	}
}

func TestAListenerThatPanicsLeavesNothing(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	for name, call := range map[string]func(){
		"generate": func() {
			_, _ = e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(5, 1), MaxTokens: 3, PastEnd: true,
				OnText: func(string) error { panic("the listener's") }})
		},
		"think": func() {
			_, _ = e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(5, 1), Steps: 1, OnStep: func(int) { panic("the listener's") }})
		},
	} {
		func() {
			defer func() {
				if recover() != "the listener's" {
					t.Errorf("%s: the panic did not come through", name)
				}
			}()
			call()
		}()
		if stats := e.Stats(); stats.Active != 0 || stats.Queued != 0 || stats.CacheBytes != 0 {
			t.Errorf("%s: left behind: %+v", name, stats)
		}
	}
}

// meddler is a constraint that allows everything, notes what it was told, and may panic.
type meddler struct {
	most   int // the largest number of tokens that were left
	panics bool
}

func (m *meddler) MaskWithin(left int) ([]uint64, error) {
	if m.panics {
		panic("the constraint's")
	}
	m.most = max(m.most, left)
	all := make([]uint64, 64)
	for i := range all {
		all[i] = ^uint64(0)
	}
	return all, nil
}

func (*meddler) Accept(int) error { return nil }
func (*meddler) Done() bool       { return false }

// A constraint has to know how many tokens fit the context, or what it guards is cut off in the middle.
func TestConstraintsKnowTheEndOfTheContext(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	c := new(meddler)
	generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(e.Config().Context-20, 1), Constraint: c})
	if c.most != 21 {
		t.Errorf("it was told of %d tokens, want 21: 20 positions, and the last token needs none", c.most)
	}
}

func TestAConstraintThatPanicsHarmsNobodyElse(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	want := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), MaxTokens: 8})
	goOn := holdUp(t, e)
	var group sync.WaitGroup
	group.Go(func() {
		got, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), MaxTokens: 8, PastEnd: true})
		if err != nil {
			t.Errorf("another's constraint panicked: %v", err)
			return
		}
		got.Memory.Close()
		if !slices.Equal(got.Tokens, want.Tokens) {
			t.Errorf("tokens %v, want %v", got.Tokens, want.Tokens)
		}
	})
	group.Go(func() {
		if _, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 2), Constraint: &meddler{panics: true}}); err == nil || !strings.Contains(err.Error(), "the constraint's") {
			t.Errorf("a constraint that panics gave %v", err)
		}
	})
	untilQueued(t, e, 2)
	goOn()
	group.Wait()
}

func TestAContextSaysWhyItEnded(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	why := errors.New("a sibling failed")
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := e.Generate(ctx, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(5, 1), MaxTokens: 900, PastEnd: true,
		OnText: func(string) error { cancel(why); return nil }})
	if !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want both %v and %v", err, why, context.Canceled)
	}
}
