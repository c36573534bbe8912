package plugin_test

// Which handles resolve, for whom, and how several become one memory.

import (
	"errors"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

func TestWhatAnotherMemoryHoldsIsNotJoinedTwice(t *testing.T) {
	e := echo()
	llm := on(t, e)
	a := call(t, llm.Latent(0), "A")
	ab := call(t, llm.Latent(0), a+"B")
	abc := call(t, llm.Latent(0), ab+"C")
	x := call(t, llm.Latent(0), "X")
	joined := call(t, llm.Latent(0), a+x+"J")     // of two made apart
	all := call(t, llm.Latent(0), joined+abc+"K") // a is in both
	const A, B, C, X, J = "user: A\n", "user: B\n", "user: C\n", "user: X\n", "user: J\n"
	for _, test := range []struct {
		claim, handles, want string
	}{
		{"one it was made over", a + ab, A + B},
		{"in the other order", ab + a, A + B},
		{"one it was made over, twice removed", a + abc, A + B + C},
		{"the whole line", abc + a + ab, A + B + C},
		{"and one beside it", a + x + ab, X + A + B},
		{"parts of a joined one", x + a + joined, A + X + J},
		{"a part that another was made over stays with it", joined + ab, A + X + J + A + B},
		{"parts of parts", a + x + ab + abc + all, A + X + J + A + B + C + "user: K\n"},
		{"made apart", x + a, X + A},
	} {
		if got := call(t, llm, test.handles+"Q"); got != test.want+"user: Q\n" {
			t.Errorf("%s: saw %q, want %q", test.claim, got, test.want)
		}
	}
	if err := llm.Release(a); err != nil {
		t.Error(err)
	}
	if got := call(t, llm, ab); got != A+B+"user: \n" {
		t.Errorf("what it was made over released: saw %q", got)
	}
}

func TestScopesKeepModelsApart(t *testing.T) {
	llm := on(t, echo(), plugin.WithScope("one"))
	other := llm.Scoped("two")
	mine, theirs := call(t, llm.Latent(1), "A"), call(t, other.Latent(1).Scoped("two"), "B")
	for _, test := range []struct {
		claim  string
		llm    *plugin.LLM
		handle string
		good   bool
	}{
		{"its own", llm, mine, true},
		{"its own, latent", llm.Latent(1), mine, true},
		{"its own, back in text", llm.Latent(1).Text(), mine, true},
		{"another's", llm, theirs, false},
		{"another's, latent", llm.Latent(1), theirs, false},
		{"the other's own", other, theirs, true},
		{"the other's own, back in text", other.Latent(1).Text(), theirs, true},
		{"the first one's", other, mine, false},
		{"beside its own", other, theirs + mine, false},
		{"none's", llm.Scoped(""), mine, false},
	} {
		_, err := test.llm.Call(t.Context(), test.handle+"Q")
		if test.good && err != nil || !test.good && !llms.IsInvalidRequestError(err) {
			t.Errorf("%s: got %v", test.claim, err)
		}
	}
	if err := other.Release(mine); !llms.IsInvalidRequestError(err) {
		t.Errorf("released by another: %v", err)
	}
	if err := errors.Join(llm.Release(mine), other.Release(theirs)); err != nil {
		t.Error(err)
	}
}

func TestHandlesFromBeforeARestartNeedLeave(t *testing.T) {
	dir := t.TempDir()
	life := func(opts ...plugin.Option) (*plugin.LLM, func()) {
		e, s := echo(), openDisk(t, dir, 1<<20)
		llm, err := plugin.New(append(opts, plugin.WithGenerator(e), plugin.WithStore(s))...)
		if err != nil {
			t.Fatal(err)
		}
		return llm, func() {
			if err := errors.Join(llm.Close(), s.Close()); err != nil || e.Open() != 0 {
				t.Errorf("%d memories left, %v", e.Open(), err)
			}
		}
	}
	llm, end := life()
	a := call(t, llm.Latent(2), "A")
	ab := call(t, llm.Latent(1), a+"B")
	end()
	llm, end = life()
	if _, err := llm.Call(t.Context(), a); !llms.IsInvalidRequestError(err) || !strings.Contains(err.Error(), "WithForeignHandles") {
		t.Errorf("by default: got %v", err)
	}
	if got := call(t, llm, call(t, llm.Latent(0), "N")+"Q"); got != "user: N\nuser: Q\n" {
		t.Errorf("its own: saw %q", got)
	}
	end()
	llm, end = life(plugin.WithForeignHandles())
	if got := call(t, llm, a+ab+"Q"); got != "user: A\n··user: B\n·user: Q\n" {
		t.Errorf("with leave: saw %q", got)
	}
	end()
}

func TestDroppedHandlesResolveToNothing(t *testing.T) {
	llm := on(t, echo())
	a := call(t, llm.Latent(1), "A")
	for _, text := range []string{a, "x" + a + "y", a[:40], "⟦lat" + a + "ent:" + a[11:], strings.ToUpper(a) + a} {
		if got := call(t, llm, plugin.DropHandles(text)); strings.Contains(got, "A") {
			t.Errorf("%q: saw %q", text, got)
		}
	}
	if got := plugin.DropHandles("no ⟦e⟧ handles"); got != "no ⟦e⟧ handles" {
		t.Errorf("text without handles became %q", got)
	}
}

// Whatever text with handles in it: the real handles in it resolve if they are whole, and nothing else does.
func FuzzHandlesInPrompts(f *testing.F) {
	e := &scripted.Engine{Answer: func(seen string) string { return seen }}
	llm, err := plugin.New(plugin.WithGenerator(e))
	if err != nil {
		f.Fatal(err)
	}
	real, err := llm.Latent(0).Call(f.Context(), "SECRET")
	if err != nil {
		f.Fatal(err)
	}
	theirs, err := llm.Scoped("other").Latent(0).Call(f.Context(), "SECRET")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"%", "%%", "#", "%#", "⟦latent:%", "⟦lat%ent:", "%⟧", "\xe2%", "⟦latent:", "#[:3]%", "a\n%\nb", "latent:%"} {
		f.Add(seed, uint16(0), byte(0))
		f.Add(seed, uint16(20), byte(1))
	}
	f.Fuzz(func(t *testing.T, text string, at uint16, change byte) {
		if strings.Contains(text, "SECRET") {
			return
		}
		handle := []byte(real)
		handle[int(at)%len(handle)] ^= change
		prompt := strings.NewReplacer("%", string(handle), "#", theirs).Replace(text)
		answer, err := llm.Call(t.Context(), prompt)
		var coded *llms.Error
		if err != nil && !errors.As(err, &coded) {
			t.Errorf("%q: error without a code: %v", prompt, err)
		}
		if err == nil && strings.Contains(answer, "SECRET") && !strings.Contains(strings.ToLower(prompt), strings.ToLower(real)) {
			t.Errorf("%q resolves", prompt)
		}
		if strings.Contains(answer, theirs) {
			t.Errorf("%q: another scope's handle is in the answer", prompt)
		}
	})
}
