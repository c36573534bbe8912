package chains_test

// Teams on a real engine: a Qwen3 of three layers with random weights on the pure-Go backend, so that nothing needs
// fetching. What it says is noise; the sums are not. A second or two in all. Under -race the backend's own pointer
// arithmetic needs -gcflags=all=-d=checkptr=0.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/latentchain/latentchain/chains"
	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
)

func openTiny(ctx context.Context, cache string) (*xlaengine.Engine, error) {
	return xlaengine.Open(ctx, "../testdata/models/tiny-qwen3", xlaengine.WithPlugin("go"), xlaengine.Offline(),
		xlaengine.WithCacheDir(cache), xlaengine.WithPrefixCache(0)) // what is inherited is counted exactly
}

func tiny(t *testing.T) (*xlaengine.Engine, *plugin.LLM) {
	t.Helper()
	e, err := openTiny(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	llm, err := plugin.New(plugin.WithEngine(e))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = llm.Close() })
	return e, llm
}

func TestMemoryLengthsAddUp(t *testing.T) {
	e, llm := tiny(t)
	for _, steps := range []int{0, 5} {
		for _, op := range []xlaengine.Operator{xlaengine.Linear{}, xlaengine.Soft{}} {
			t.Run(fmt.Sprint(steps, " steps ", op), func(t *testing.T) {
				team, err := chains.NewSequential(llm, shortRoles(), chains.WithSteps(steps), chains.WithThoughts(op), chains.WithMaxTokens(6))
				if err != nil {
					t.Fatal(err)
				}
				result, err := team.Run(t.Context(), "How many legs have 3 cats?")
				if err != nil {
					t.Fatal(err)
				}
				memory := 0
				wantSteps := []int{steps, 3, 0} // the second role has its own number
				for i, a := range result.Agents {
					last := i == len(result.Agents)-1
					if a.Usage.CachedTokens != memory {
						t.Errorf("%s: inherited %d positions, want %d", a.Role, a.Usage.CachedTokens, memory)
					}
					memory += a.Usage.PromptTokens + a.Usage.LatentSteps
					if !last && (a.HandedOverTokens != memory || a.HandedOver != int64(memory*2*3*2*32*4) || a.Usage.LatentSteps != wantSteps[i]) {
						t.Errorf("%s: handed over %d positions (%d bytes) after %d steps, want %d after %d", a.Role, a.HandedOverTokens, a.HandedOver, a.Usage.LatentSteps, memory, wantSteps[i])
					}
					if last && (a.HandedOver != 0 || a.Usage.LatentSteps != 0 || a.Usage.CompletionTokens == 0 || a.Usage.CompletionTokens > 6) {
						t.Errorf("%s: %+v, want a text of at most 6 tokens and no memory", a.Role, a)
					}
				}
				if memory > e.Config().Context || result.FirstToken <= 0 || result.FirstToken.Seconds() > result.Seconds {
					t.Errorf("%d positions, first token after %v of %.3f s", memory, result.FirstToken, result.Seconds)
				}
			})
		}
	}
}

func TestRunsSideBySideEqualAlone(t *testing.T) {
	_, llm := tiny(t)
	for _, mode := range []chains.Mode{chains.Latent, chains.Text} {
		team, err := chains.NewSequential(llm, shortRoles(), chains.WithMode(mode), chains.WithSteps(2), chains.WithMaxTokens(5))
		if err != nil {
			t.Fatal(err)
		}
		ask := func(i int) string {
			result, err := team.Run(context.Background(), fmt.Sprintf("What is %d plus %d?", i, i))
			if err != nil {
				t.Error(err)
			}
			return result.Answer
		}
		var alone, beside [4]string
		for i := range alone {
			alone[i] = ask(i)
		}
		var wg sync.WaitGroup
		for i := range beside {
			wg.Go(func() { beside[i] = ask(i) })
		}
		wg.Wait()
		if alone != beside {
			t.Errorf("%s: alone %q, side by side %q", mode, alone, beside)
		}
	}
}

func TestQuestionBeyondTheContextNamesTheRole(t *testing.T) {
	_, llm := tiny(t)
	team, err := chains.NewSequential(llm, chains.DefaultRoles())
	if err != nil {
		t.Fatal(err)
	}
	_, err = team.Run(t.Context(), strings.Repeat("why ", 3000))
	if !errors.Is(err, xlaengine.ErrContextFull) || !strings.HasPrefix(err.Error(), "planner: ") {
		t.Errorf("got %v, want the planner's ErrContextFull", err)
	}
}
