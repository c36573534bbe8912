package xlaengine

// What callers are promised who share an engine: nobody notices the others but for the time, nobody waits for ever,
// the budget holds, and whoever leaves leaves nothing behind.

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestManyCallersGetWhatTheyGetAlone has 32 goroutines make 200 requests of random lengths and steps, a third of which
// are cancelled at some moment.
func TestManyCallersGetWhatTheyGetAlone(t *testing.T) {
	const requests = 200
	const budget = 24 << 20
	e := openTiny(t, "tiny-qwen2", WithMemoryBudget(budget), WithPrefixCache(4<<20))
	type request struct {
		prompt, then, steps, tokens int
		seed                        int
		cancel                      time.Duration
	}
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]request, requests)
	for i := range all {
		all[i] = request{prompt: 1 + random.IntN(150), then: 1 + random.IntN(40), steps: random.IntN(6), tokens: 1 + random.IntN(12), seed: random.IntN(12)}
		if random.IntN(3) == 0 {
			all[i].cancel = time.Duration(random.IntN(40)) * time.Millisecond
		}
	}
	run := func(ctx context.Context, e *Engine, r request) (Generation, error) {
		thought, err := e.Think(ctx, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(r.prompt, r.seed), Steps: r.steps})
		if err != nil {
			return Generation{}, err
		}
		defer thought.Memory.Close()
		said, err := e.Generate(ctx, GenerateRequest{Memory: thought.Memory, Prompt: tokens(r.then, r.seed+1), MaxTokens: r.tokens,
			PastEnd: true, Logits: true, LogProbs: 2})
		if err != nil {
			return Generation{}, err
		}
		return said, said.Memory.Close()
	}
	alone := openTiny(t, "tiny-qwen2")
	want := make([]Generation, len(all))
	for i, r := range all {
		if r.cancel == 0 {
			var err error
			if want[i], err = run(context.Background(), alone, r); err != nil {
				t.Fatal(err)
			}
		}
	}

	before := runtime.NumGoroutine()
	var most, compared atomic.Int64
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				most.Store(max(most.Load(), e.dev.cacheBytes.Load()))
			}
		}
	})
	var group sync.WaitGroup
	next := make(chan int)
	for range 32 {
		group.Go(func() {
			for i := range next {
				ctx, cancel := context.WithCancel(context.Background())
				if all[i].cancel > 0 {
					time.AfterFunc(all[i].cancel, cancel)
				}
				got, err := run(ctx, e, all[i])
				cancel()
				switch {
				case err != nil && (all[i].cancel == 0 || !errors.Is(err, context.Canceled)):
					t.Errorf("request %d: %v", i, err)
				case err == nil && all[i].cancel == 0:
					same(t, "logits", want[i].Logits, got.Logits, e.tolerance(1e-3))
					certain := len(want[i].Tokens)
					if e.tolerance(1) > 0 {
						certain = sureUpTo(want[i])
					}
					compared.Add(int64(certain))
					if !slices.Equal(got.Tokens[:certain], want[i].Tokens[:certain]) {
						t.Errorf("request %d %+v: tokens %v, alone %v", i, all[i], got.Tokens, want[i].Tokens)
					}
				}
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	group.Wait()
	close(stop)
	watch.Wait()

	if compared.Load() < int64(requests) {
		t.Errorf("only %d tokens were certain enough to be compared", compared.Load())
	}
	if most.Load() > budget {
		t.Errorf("memories took %d bytes, the budget is %d", most.Load(), budget)
	}
	stats := e.Stats()
	if stats.Queued != 0 || stats.Active != 0 || stats.Fill < 2 || stats.PrefixHits == 0 {
		t.Errorf("at the end: %+v", stats)
	}
	if err := e.sched.do(context.Background(), func() error {
		for e.sched.cache.evict() {
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if bytes := e.dev.cacheBytes.Load(); bytes != 0 {
		t.Errorf("%d bytes of memories are left", bytes)
	}
	if len(e.dev.slots) != 0 {
		t.Errorf("%d slots are left", len(e.dev.slots))
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// sureUpTo returns how many of the greedy tokens are no toss-up: up to where the two likeliest come so close that the
// last digits of a float32 decide. The tiny models' weights are random, so that happens.
func sureUpTo(g Generation) int {
	for i, p := range g.LogProbs {
		if p.Likeliest[0].LogProb-p.Likeliest[1].LogProb < 0.02 {
			return i
		}
	}
	return len(g.Tokens)
}

// A short request that comes while a long prompt is taken in and a long answer is given has its own answer before either
// has ended.
func TestNobodyWaitsForOthersToEnd(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithChunk(16))
	var order []string
	var mu sync.Mutex
	done := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, name)
	}
	var group sync.WaitGroup
	goOn := holdUp(t, e)
	group.Go(func() {
		res, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(20, 1), MaxTokens: 400, PastEnd: true})
		if err != nil {
			t.Error(err)
			return
		}
		res.Memory.Close()
		done("long answer")
	})
	group.Go(func() {
		res, err := e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(2000, 2)})
		if err != nil {
			t.Error(err)
			return
		}
		res.Memory.Close()
		done("long prompt")
	})
	untilQueued(t, e, 2)
	group.Go(func() {
		res, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(5, 3), MaxTokens: 3, PastEnd: true})
		if err != nil {
			t.Error(err)
			return
		}
		res.Memory.Close()
		done("short answer")
	})
	untilQueued(t, e, 3)
	goOn()
	group.Wait()
	if order[0] != "short answer" {
		t.Errorf("they ended in the order %v", order)
	}
}

// holdUp keeps the engine from its passes until goOn is called, so that requests gather in the queue.
func holdUp(t *testing.T, e *Engine) (goOn func()) {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	go func() {
		_ = e.sched.do(context.Background(), func() error { close(held); <-release; return nil })
	}()
	<-held
	return func() { close(release) }
}

// untilQueued waits for n rows to be in the queue.
func untilQueued(t *testing.T, e *Engine, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); e.Stats().Queued != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows are in the queue, want %d", e.Stats().Queued, n)
		}
	}
}

func TestPlanTakesTurns(t *testing.T) {
	prompt := func(n int) *sequence { return &sequence{row: row{pending: tokens(n, 1)}} }
	at := func(length int, turn int64) *sequence {
		return &sequence{row: row{length: length, slots: &slots{capacity: capacityFor(length)}}, turn: turn}
	}
	late, long := at(100, 7), at(900, 2)
	for _, c := range []struct {
		name    string
		active  []*sequence
		last    bool
		rows, n int
		t       int
	}{
		{"a prompt alone", []*sequence{prompt(300)}, true, 1, 1, 256},
		{"four prompts", []*sequence{prompt(300), prompt(300), prompt(260), prompt(280)}, true, 4, 4, 256},
		{"four prompts, others stepping", []*sequence{prompt(300), prompt(300), prompt(260), prompt(280), at(5, 0)}, false, 1, 1, 256},
		{"steps after a prompt", []*sequence{prompt(300), at(5, 0), at(9, 0), at(30, 0)}, true, 3, 4, 1},
		{"a few tokens step too", []*sequence{prompt(2), at(5, 0)}, true, 2, 2, 1},
		{"small chunks together", []*sequence{prompt(16), prompt(15), prompt(13)}, false, 3, 4, 16},
		{"a long memory goes alone", []*sequence{late, long}, true, 1, 1, 1},
	} {
		p := plan(c.active, c.last, 256)
		if len(p.rows) != c.rows || p.n != c.n || p.t != c.t {
			t.Errorf("%s: %d rows padded to %d of %d positions, want %d, %d, %d", c.name, len(p.rows), p.n, p.t, c.rows, c.n, c.t)
		}
	}
	if p := plan([]*sequence{late, long}, true, 256); p.rows[0] != long {
		t.Error("the one that waited longest does not go first")
	}
}

func TestWaitingForRoomEnds(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithMemoryBudget(1))
	_, err := e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(5, 1)})
	if !errors.Is(err, ErrBudget) {
		t.Errorf("a request that can't ever fit gave %v", err)
	}

	room := openTiny(t, "tiny-qwen3")
	one := think(t, room, ThinkRequest{Memory: room.NewMemory(), Prompt: tokens(5, 1)}).Memory
	bytes := room.dev.cacheBytes.Load()
	tight := openTiny(t, "tiny-qwen3", WithMemoryBudget(max(bytes, room.reserveFor(10))))
	held, err := tight.Think(context.Background(), ThinkRequest{Memory: tight.NewMemory(), Prompt: tokens(5, 1)})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { held.Memory.Close() })
	next, err := tight.Think(context.Background(), ThinkRequest{Memory: tight.NewMemory(), Prompt: tokens(5, 1)})
	if err != nil {
		t.Fatalf("it did not wait for the memory to be closed: %v", err)
	}
	defer next.Memory.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := tight.Think(ctx, ThinkRequest{Memory: tight.NewMemory(), Prompt: tokens(5, 1)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for room past the deadline gave %v", err)
	}
	if tight.Stats().Queued != 0 {
		t.Error("who has left is still in the queue")
	}
	_ = one
}

func TestClosingTurnsAwayWhoWaits(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	var group sync.WaitGroup
	var finished, refused atomic.Int32
	said := make(chan struct{})
	var once sync.Once
	goOn := holdUp(t, e)
	for i := range 40 {
		group.Go(func() {
			res, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(20, i), MaxTokens: 300, PastEnd: true,
				OnText: func(string) error { once.Do(func() { close(said) }); return nil }})
			switch {
			case errors.Is(err, ErrClosed):
				refused.Add(1)
			case err != nil:
				t.Error(err)
			default:
				res.Memory.Close()
				finished.Add(1)
			}
		})
	}
	untilQueued(t, e, 40)
	goOn()
	<-said
	e.Close()
	group.Wait()
	if finished.Load() == 0 || refused.Load() == 0 || finished.Load()+refused.Load() != 40 {
		t.Errorf("%d finished, %d were refused", finished.Load(), refused.Load())
	}
	if live := e.dev.live.Load(); live != 0 {
		t.Errorf("%d buffers are held after Close", live)
	}
}

func TestASlowListenerHoldsUpNobody(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	block := make(chan struct{})
	var group sync.WaitGroup
	heard := make(chan struct{})
	var once sync.Once
	group.Go(func() {
		res, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), MaxTokens: 30, PastEnd: true,
			OnText: func(string) error { once.Do(func() { close(heard) }); <-block; return nil }})
		if err != nil {
			t.Error(err)
			return
		}
		res.Memory.Close()
	})
	<-heard
	generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 2), MaxTokens: 30})
	close(block)
	group.Wait()
}

func TestStepsAreTold(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	var steps []int
	think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), Steps: 4, OnStep: func(n int) { steps = append(steps, n) }})
	if !slices.Equal(steps, []int{1, 2, 3, 4}) {
		t.Errorf("told of steps %v", steps)
	}
}
