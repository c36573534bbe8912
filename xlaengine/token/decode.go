// From tokens back to text.

package token

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder says how tokens become text. The "decoder" parts that language models use come in few arrangements;
// this is all of them.
type decoder struct {
	alphabet  bool          // tokens spell bytes in the alphabet of byte-level BPE
	replace   []replacement // done to each token, in order
	fallback  bool          // <0x0A> is a byte
	metaspace string        // stands for a space, and for nothing in the first token if opens
	opens     bool
	lead      rune // up to strip of these are cut off the front of the text
	strip     int
	fused     bool   // Fuse came; Strip before it would cut every token
	between   string // put between tokens
}

type replacement struct {
	pattern pattern
	with    string
}

// readDecoder builds the "decoder" of a tokenizer.json. Without one Hugging Face puts spaces between tokens.
func readDecoder(raw json.RawMessage) (decoder, error) {
	if isNull(raw) {
		return decoder{between: " "}, nil
	}
	var d decoder
	if err := d.read(raw); err != nil {
		return decoder{}, fmt.Errorf("decoder: %w", err)
	}
	return d, nil
}

func (d *decoder) read(raw json.RawMessage) error {
	var c struct {
		Type           string            `json:"type"`
		Decoders       []json.RawMessage `json:"decoders"`
		Pattern        json.RawMessage   `json:"pattern"`
		Content        string            `json:"content"`
		Start          int               `json:"start"`
		Stop           int               `json:"stop"`
		Replacement    string            `json:"replacement"`
		PrependScheme  string            `json:"prepend_scheme"`
		AddPrefixSpace *bool             `json:"add_prefix_space"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	switch c.Type {
	case "Sequence":
		for _, r := range c.Decoders {
			if err := d.read(r); err != nil {
				return err
			}
		}
	case "ByteLevel":
		d.alphabet = true
	case "ByteFallback":
		d.fallback = true
	case "Fuse":
		d.fused = true
	case "Replace":
		p, err := readPattern(c.Pattern)
		if err != nil {
			return fmt.Errorf("part Replace: %w", err)
		}
		if d.fallback {
			return fmt.Errorf("part Replace is supported only before ByteFallback")
		}
		d.replace = append(d.replace, replacement{p, c.Content})
	case "Strip":
		if utf8.RuneCountInString(c.Content) != 1 || c.Stop != 0 || c.Start < 0 {
			return fmt.Errorf("part Strip of %q, start %d, stop %d: want one character and stop 0", c.Content, c.Start, c.Stop)
		}
		if c.Start > 0 && !d.fused {
			return fmt.Errorf("part Strip is supported only after Fuse")
		}
		d.lead, _ = utf8.DecodeRuneInString(c.Content)
		d.strip = c.Start
	case "Metaspace":
		if c.Replacement == "" {
			return fmt.Errorf("part Metaspace: replacement is empty")
		}
		d.metaspace = c.Replacement
		d.opens = c.PrependScheme != "never" && (c.PrependScheme != "" || c.AddPrefixSpace == nil || *c.AddPrefixSpace)
	default:
		return fmt.Errorf("%q is not supported", c.Type)
	}
	if d.alphabet && (d.fallback || d.metaspace != "" || len(d.replace) > 0 || d.strip > 0) {
		return fmt.Errorf("part ByteLevel together with %s is not supported", c.Type)
	}
	return nil
}

// decode returns the text of tokens.
func (d *decoder) decode(tokens []string) string {
	var text []byte
	bytes := 0 // length of the run of single bytes at the end of text
	endRun := func() {
		if run := text[len(text)-bytes:]; !utf8.Valid(run) {
			text = append(text[:len(text)-bytes], strings.Repeat("\ufffd", bytes)...)
		}
		bytes = 0
	}
	for i, token := range tokens {
		if i > 0 {
			text = append(text, d.between...)
		}
		raw, single := d.bytes(token, i == 0)
		if !single {
			endRun()
		}
		text = append(text, raw...)
		if single {
			bytes++
		}
	}
	endRun()
	return d.stripped(lossy(text))
}

// bytes returns what one token stands for; single says that it is a byte by itself. first is the first of a text.
func (d *decoder) bytes(token string, first bool) (raw []byte, single bool) {
	if d.alphabet {
		if raw, ok := fromAlphabet(token); ok {
			return raw, false
		}
		return []byte(token), false
	}
	for _, r := range d.replace {
		token = replaceAll(r.pattern, token, r.with)
	}
	if d.fallback && len(token) == len("<0x00>") && strings.HasPrefix(token, "<0x") && token[5] == '>' {
		if b, err := strconv.ParseUint(token[3:5], 16, 8); err == nil {
			return []byte{byte(b)}, true
		}
	}
	if d.metaspace != "" {
		with := " "
		if first && d.opens {
			with = ""
		}
		token = strings.ReplaceAll(token, d.metaspace, with)
	}
	return []byte(token), false
}

// stripped returns text, which begins where a text begins, without what Strip takes off.
func (d *decoder) stripped(text string) string {
	for range d.strip {
		rest, found := strings.CutPrefix(text, string(d.lead))
		if !found {
			break
		}
		text = rest
	}
	return text
}

// lossy returns raw as UTF-8: what begins a character and does not end it becomes one U+FFFD, as does each other
// stray byte.
func lossy(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	var b strings.Builder
	for len(raw) > 0 {
		r, width := utf8.DecodeRune(raw)
		if r == utf8.RuneError && width == 1 {
			width = max(1, begun(raw))
		}
		b.WriteRune(r)
		raw = raw[width:]
	}
	return b.String()
}

// begun returns how many bytes at the front of raw are the beginning of a character that then breaks off: 0 to 3.
func begun(raw []byte) int {
	for n := min(3, len(raw)); n > 0; n-- {
		if !utf8.FullRune(raw[:n]) {
			return n
		}
	}
	return 0
}
