package plugin

// Thoughts that a model writes down: <think>…</think> blocks, which langchaingo keeps apart from the answer.

import "strings"

const (
	thinkBegin = "<think>"
	thinkEnd   = "</think>"
)

// SupportsReasoning says whether the model writes thoughts: those trained to have a token for <think>. Latent thoughts,
// which any model can have, don't count.
func (l *LLM) SupportsReasoning() bool {
	if l.shared == nil {
		return false
	}
	ids, err := l.generator.Tokenize(thinkBegin)
	return err == nil && len(ids) == 1
}

// opensThought says whether the answer to a prompt begins within a thought.
func opensThought(prompt string) bool {
	return strings.HasSuffix(strings.TrimRight(prompt, " \n"), thinkBegin)
}

// thoughts parts an answer that comes in pieces into what is thought and what is said. A block begins where nothing but
// space precedes it on its line; elsewhere <think> is a word like others. Space after a block and at a thought's
// beginning goes.
type thoughts struct {
	inside  bool
	held    string // may be the beginning of a tag, or space that goes if a tag follows
	midLine bool   // something else was said on this line
	swallow bool   // space that comes next goes
}

// take returns what is sure to be thought or said with the next piece; with last, all of it.
func (t *thoughts) take(piece string, last bool) (thought, said string) {
	t.held += piece
	for {
		if t.swallow {
			t.held = strings.TrimLeft(t.held, " \t\r\n")
		}
		if t.held == "" {
			return thought, said
		}
		t.swallow = false
		if t.inside {
			body, after, closed := strings.Cut(t.held, thinkEnd)
			if !closed && !last {
				keep := begun(body, thinkEnd)
				space := len(body) - keep - len(strings.TrimRight(body[:len(body)-keep], " \t\r\n"))
				t.held = body[len(body)-keep-space:] // space before the end of a block goes too
				return thought + body[:len(body)-keep-space], said
			}
			thought += strings.TrimRight(body, " \t\r\n")
			if t.held = after; !closed {
				return thought, said
			}
			t.inside, t.swallow, t.midLine = false, true, false
			continue
		}
		text, opened, undecided := t.words(last)
		said += text
		if undecided {
			return thought, said
		}
		if opened {
			t.inside, t.swallow = true, true
		}
	}
}

// words takes what is said from what is held, up to where a block opens or may open.
func (t *thoughts) words(last bool) (text string, opened, undecided bool) {
	from := 0
	for {
		at := strings.IndexByte(t.held[from:], '<')
		if at < 0 {
			break
		}
		at += from
		line := t.held[strings.LastIndexByte(t.held[:at], '\n')+1 : at]
		whole := len(line) == at // nothing held ends a line before it
		if strings.TrimSpace(line) == "" && !(whole && t.midLine) {
			if rest := t.held[at:]; strings.HasPrefix(rest, thinkBegin) {
				text = t.held[:at]
				t.held = rest[len(thinkBegin):]
				return text, true, false
			} else if !last && strings.HasPrefix(thinkBegin, rest) {
				text, t.held = t.held[:at], rest
				t.note(text)
				return text, false, true
			}
		}
		from = at + 1
	}
	text, t.held = t.held, ""
	t.note(text)
	return text, false, true
}

// note keeps whether the line that text ends in has something on it.
func (t *thoughts) note(text string) {
	at := strings.LastIndexByte(text, '\n')
	if at >= 0 {
		t.midLine = false
	}
	t.midLine = t.midLine || strings.TrimSpace(text[at+1:]) != ""
}

// begun returns the length of the longest end of text that is the beginning of tag.
func begun(text, tag string) int {
	for n := min(len(tag)-1, len(text)); n > 0; n-- {
		if strings.HasSuffix(text, tag[:n]) {
			return n
		}
	}
	return 0
}
