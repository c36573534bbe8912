package main

// What the user sees: lines that change on a terminal, plain ones elsewhere, and numbers in words.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/latentchain/latentchain/chains"
	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
)

// shown returns what use writes to a progress that takes its file for a terminal, or not.
func shown(t *testing.T, terminal, quiet bool, use func(*progress)) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "screen"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := newProgress(file)
	p.terminal, p.quiet = terminal, quiet
	use(p)
	data, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func work(p *progress) {
	p.report("download model", 0, 5_000_000)
	p.report("download model", 2_500_000, 5_000_000)
	p.report("download model", 5_000_000, 5_000_000)
	p.report("solve alignment", 0, 1)
	p.report("solve alignment", 1, 1)
	p.phase("planner thinks")
	p.now("planner writes: a")
	p.line("planner done")
	p.warn("slow")
	p.clear()
}

func TestProgressWithoutATerminalIsALineForEachPhase(t *testing.T) {
	got := shown(t, false, false, work)
	want := "download model (5.0 MB)\nsolve alignment\nplanner thinks\nplanner done\nwarning: slow\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressOnATerminalLeavesOnlyWhatStays(t *testing.T) {
	raw := shown(t, true, false, work)
	for _, phase := range []string{"download model   0%", "solve alignment", "planner thinks", "planner writes: a"} {
		if !strings.Contains(raw, phase) {
			t.Errorf("%q was not shown in %q", phase, raw)
		}
	}
	if got, want := screen(raw), []string{"planner done", "warning: slow"}; !slices.Equal(got, want) {
		t.Errorf("the screen holds %q, want %q; written was %q", got, want, raw)
	}
}

// screen plays back carriage returns and erased lines.
func screen(raw string) (lines []string) {
	for line := range strings.SplitSeq(raw, "\n") {
		_, line, erased := cutLast(line, "\x1b[2K")
		if !erased {
			line = line[strings.LastIndex(line, "\r")+1:]
		}
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

func TestQuietLeavesWarnings(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		if got, want := shown(t, terminal, true, work), "warning: slow\n"; got != want {
			t.Errorf("terminal %v: got %q, want %q", terminal, got, want)
		}
	}
}

func TestTheAnswerIsStreamedWithoutControlCharacters(t *testing.T) {
	var out strings.Builder
	screen := shown(t, true, false, func(p *progress) {
		v := &liveView{app: &app{out: &output{w: &out}, show: p}, streams: true, latent: true, steps: 8, last: 1}
		for _, e := range []chains.Event{
			{Agent: 0, Role: "planner", Phase: chains.PhaseStart},
			{Agent: 0, Role: "planner", Phase: chains.PhaseStep, Step: 3},
			{Agent: 0, Role: "planner", Phase: chains.PhaseDone},
			{Agent: 1, Role: "solver", Phase: chains.PhaseStart},
			{Agent: 1, Phase: chains.PhaseToken, Text: " \n"},
			{Agent: 1, Phase: chains.PhaseToken, Text: " It is"},
			{Agent: 1, Phase: chains.PhaseToken, Text: " \x1b[31m17."},
			{Agent: 1, Role: "solver", Phase: chains.PhaseDone},
		} {
			v.event(e)
		}
		v.endAnswer()
	})
	if want := "planner thinks, step 3 of 8"; !strings.Contains(screen, want) {
		t.Errorf("the screen is %q, want %q on it", screen, want)
	}
	if got, want := out.String(), "It is \ufffd[31m17.\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSettledTextNamesTheSteps(t *testing.T) {
	agent := func(role string, at int) chains.AgentResult {
		return chains.AgentResult{Role: role, SettledAt: at, Usage: xlaengine.Usage{LatentSteps: 8}}
	}
	for want, agents := range map[string][]chains.AgentResult{
		"Thoughts kept moving to the last step.": {agent("planner", 0), agent("solver", 0)},
		"Thoughts stopped moving: planner's at step 5 of 8, critic's at step 4 of 8. Steps after that add the same thought again.": {
			agent("planner", 5), agent("critic", 4), agent("refiner", 0)},
	} {
		if got := settledText(agents); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestErrorsAreOneLineWithANextStep(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.Join(errors.New("a"), errors.New("b\n\tc")), "a; b; c"},
		{fmt.Errorf("write model: %w", syscall.ENOSPC), "write model: no space left on device; make room there; --cache DIR moves what is fetched elsewhere"},
		{fmt.Errorf("open m: %w", chat.ErrNoTemplate), "open m: " + chat.ErrNoTemplate.Error() + "; --chatml takes ChatML instead"},
	} {
		if got := oneLine(test.err.Error()) + nextStep(test.err); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestNumbersInWords(t *testing.T) {
	for _, test := range []struct{ got, want any }{
		{bytesText(999), "999 B"},
		{bytesText(1000), "1.0 kB"},
		{bytesText(92_871_040), "92.9 MB"},
		{bytesText(245_000), "245 kB"},
		{bytesText(3_200_000_000_000), "3.2 TB"},
		{tail("one two\nthree", 20), "one two three"},
		{tail("one two three", 6), "…three"},
		{withoutPassword("http://me:a@b@proxy:3128/"), "http://(login)@proxy:3128/"},
		{withoutPassword("proxy:3128"), "proxy:3128"},
		{median([]float64{3, 1, 2}), 2.0},
		{median([]float64{4, 1, 2, 3}), 3.0},
		{round(1.23456789, 6), 1.234568},
	} {
		if test.got != test.want {
			t.Errorf("got %v, want %v", test.got, test.want)
		}
	}
}

func TestLikeliestOfEqualLogitsIsTheLowerToken(t *testing.T) {
	got := likeliest([]float32{1, 3, 2, 3}, 3)
	if want := [][2]float64{{1, 3}, {3, 3}, {2, 2}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
