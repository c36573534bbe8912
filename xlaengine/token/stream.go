// Decoding while a model writes: text is given out as soon as it is whole characters.

package token

import "unicode/utf8"

// Stream decodes ids one at a time. It holds back the bytes of a character whose end has not come yet, so what
// Push returns is always valid UTF-8. A Stream belongs to one goroutine.
type Stream struct {
	t       *Tokenizer
	held    []byte // the beginning of a character, at most 3 bytes
	begun   bool   // a token came before
	toStrip int    // characters still to be taken off the front
}

// NewStream returns a Stream at the beginning of a text.
func (t *Tokenizer) NewStream() *Stream { return &Stream{t: t, toStrip: t.decoder.strip} }

// Push returns the text that id completes, often all of the token's, sometimes "". The pushed texts and Flush's,
// one after the other, are what Decode gives for all ids; only where ids make no valid UTF-8 may the number of
// U+FFFD differ.
func (s *Stream) Push(id int) string {
	token, ok := s.t.words.text(id)
	if !ok {
		return ""
	}
	if s.begun {
		s.held = append(s.held, s.t.decoder.between...)
	}
	raw, _ := s.t.decoder.bytes(token, !s.begun)
	s.begun = true
	s.held = append(s.held, raw...)
	whole := len(s.held) - unfinished(s.held)
	text := lossy(s.held[:whole])
	s.held = append(s.held[:0], s.held[whole:]...)
	return s.stripped(text)
}

// unfinished returns how many bytes at the end of raw begin a character that is not whole yet.
func unfinished(raw []byte) int {
	for n := 1; n <= min(3, len(raw)); n++ {
		end := raw[len(raw)-n:]
		if utf8.RuneStart(end[0]) {
			if utf8.FullRune(end) {
				return 0
			}
			return n
		}
	}
	return 0
}

// stripped takes off the front of the whole text what the decoder strips there.
func (s *Stream) stripped(text string) string {
	for s.toStrip > 0 && text != "" {
		r, width := utf8.DecodeRuneInString(text)
		if r != s.t.decoder.lead {
			s.toStrip = 0
			break
		}
		text = text[width:]
		s.toStrip--
	}
	return text
}

// Flush ends the text and returns what was held back, as U+FFFD. The Stream is then as new.
func (s *Stream) Flush() string {
	text := s.stripped(lossy(s.held))
	s.held, s.begun, s.toStrip = s.held[:0], false, s.t.decoder.strip
	return text
}
