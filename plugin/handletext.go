package plugin

// Handles in text: found wherever they are, and what is left of one that something cut or quoted on the way is found
// too, so that a hand-off is never lost without a word.

import (
	"bytes"
	"regexp"
	"strings"
)

// anyHandle matches handles and what is left of them:
var anyHandle = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`⟦latent:[^⟦⟧\s]*⟧?`,                                                           // one as it was made, or without its end
	`⟦l(?:a(?:t(?:e(?:nt?)?)?)?)?(?:\.\.\.|…|\n|\z)`,                               // cut within its first word
	`(?:\\u27e6|%e2%9f%a6|\b)latent(?::|%3a)[a-z2-7]{20,}(?:⟧|\\u27e7|%e2%9f%a7)?`, // without its brackets, or as quoted in ASCII or an URL
	`[a-z2-7]{20,}⟧`, // its end alone
}, "|"))

// cutHandles takes the handles out of text, and the line with one that stood alone on it. They come back as they were
// written, damaged ones too.
func cutHandles(text string) (rest string, handles []string) {
	if !mayHoldHandles(text) {
		return text, nil
	}
	var out bytes.Buffer
	at := 0
	for _, span := range anyHandle.FindAllStringIndex(text, -1) {
		out.WriteString(text[at:span[0]])
		handles = append(handles, text[span[0]:span[1]])
		at = span[1]
		lineBegins := out.Len() == 0 || bytes.HasSuffix(out.Bytes(), []byte("\n"))
		if lineBegins && strings.HasPrefix(text[at:], "\n") {
			at++
		}
	}
	out.WriteString(text[at:])
	return out.String(), handles
}

// mayHoldHandles is quick where most texts have none.
func mayHoldHandles(text string) bool {
	lower := strings.ToLower(text)
	return strings.Contains(text, "⟦") || strings.Contains(text, handleEnd) || strings.Contains(lower, "latent:") || strings.Contains(lower, "latent%3a")
}

// DropHandles returns text without handles and what is left of handles. Pass text through it that comes from people or
// documents before it becomes part of a prompt: what they paste then resolves to nothing.
func DropHandles(text string) string {
	// A space in its place, so that what stood around a handle does not become one.
	return anyHandle.ReplaceAllLiteralString(text, " ")
}
