package main

// What the user sees while a team works: who is doing what, and the answer as it is written.

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/latentchain/latentchain/chains"
)

// liveView follows one run of a team.
type liveView struct {
	*app
	streams bool // the last agent's words go to standard output as they come
	latent  bool // agents before the last one think instead of writing
	steps   int
	last    int // the agent that answers

	written  string // what the agent at work wrote so far
	answered bool   // some of the answer is on standard output
}

// event is told everything that happens in the run.
func (v *liveView) event(e chains.Event) {
	switch e.Phase {
	case chains.PhaseStart:
		v.written = ""
		v.begin(e)
	case chains.PhaseStep:
		v.show.now(fmt.Sprintf("%s thinks, step %d of %d", e.Role, e.Step, v.steps))
	case chains.PhaseToken:
		if v.streams && e.Agent == v.last {
			v.answer(e.Text)
			return
		}
		v.written += e.Text
		v.show.now(e.Role + " writes: " + tail(v.written, 56))
	case chains.PhaseDone:
		if !v.streams || e.Agent != v.last {
			v.show.line(doneText(e.Report))
		}
	}
}

func (v *liveView) begin(e chains.Event) {
	doing := "reads and writes"
	if v.latent && e.Agent != v.last {
		doing = fmt.Sprintf("reads and thinks %d steps", v.steps)
	} else if e.Agent == v.last {
		doing = "reads and answers"
	}
	v.show.phase(e.Role + " " + doing)
}

// answer writes the next piece of the answer, without the white space it may begin with.
func (v *liveView) answer(text string) {
	if !v.answered {
		text = strings.TrimLeft(text, " \n\t")
		if text == "" {
			return
		}
		v.show.clear()
		v.answered = true
	}
	fmt.Fprint(v.out, printable(text))
	v.written += text
}

// endAnswer ends the last line of the answer and sets it apart from what follows.
func (v *liveView) endAnswer() {
	v.show.clear()
	switch {
	case !v.answered:
		fmt.Fprintln(v.out, "(the answer is empty)")
	case !strings.HasSuffix(v.written, "\n"):
		fmt.Fprintln(v.out)
	}
	fmt.Fprintln(v.out)
}

// doneText is a line about an agent that is done.
func doneText(r chains.AgentResult) string {
	parts := []string{fmt.Sprintf("read %d tokens", r.Usage.PromptTokens)}
	if r.Usage.LatentSteps > 0 {
		parts = append(parts, fmt.Sprintf("thought %d steps", r.Usage.LatentSteps))
	}
	if r.Usage.CompletionTokens > 0 {
		parts = append(parts, fmt.Sprintf("wrote %d tokens", r.Usage.CompletionTokens))
	}
	return fmt.Sprintf("%s %s in %.1f s", r.Role, strings.Join(parts, ", "), r.Seconds)
}

// tail returns the last n characters of text on one line.
func tail(text string, n int) string {
	runes := []rune(printable(strings.Join(strings.Fields(text), " ")))
	if len(runes) <= n {
		return string(runes)
	}
	return "…" + string(runes[len(runes)-n+1:])
}

// printable replaces control characters, which a model may write and a terminal would obey, by a sign that shows them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
