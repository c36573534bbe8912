package plugin

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"
)

func TestHandleReadsBack(t *testing.T) {
	k, name := newKey(), newID()
	handle := k.handle(name)
	if len([]rune(handle)) != len([]rune(handleBegin))+52+1 {
		t.Errorf("%s has %d characters", handle, len([]rune(handle)))
	}
	for _, form := range []string{handle, strings.ToUpper(handle), "⟦Latent:" + strings.TrimPrefix(handle, handleBegin)} {
		if got, err := k.read(form); err != nil || got != name {
			t.Errorf("%s: %v, %v", form, got, err)
		}
	}
}

func TestHandlesThatAreNotFromHereAreRefused(t *testing.T) {
	k, name := newKey(), newID()
	handle := k.handle(name)
	body := strings.TrimSuffix(strings.TrimPrefix(handle, handleBegin), handleEnd)
	flipped := func(i int) string {
		b := []byte(body)
		if b[i]++; b[i] > 'z' || b[i] < 'a' {
			b[i] = 'a'
		}
		return handleBegin + string(b) + handleEnd
	}
	refused := map[string]string{
		"another store's":     newKey().handle(name),
		"nothing":             "",
		"no body":             handleBegin + handleEnd,
		"cut at the end":      handle[:len(handle)-len(handleEnd)],
		"cut in the middle":   handleBegin + body[:30] + handleEnd,
		"longer":              handleBegin + body + "aa" + handleEnd,
		"other alphabet":      handleBegin + strings.Repeat("1", 52) + handleEnd,
		"signature cut off":   handleBegin + body[:26] + handleEnd,
		"a line break within": handleBegin + body[:20] + "\n" + body[20:] + handleEnd,
	}
	for i := range body {
		refused["changed in one place "+string(rune('0'+i))] = flipped(i)
	}
	for claim, h := range refused {
		if _, err := k.read(h); !llms.IsInvalidRequestError(err) {
			t.Errorf("%s, %s: got %v", claim, h, err)
		} else if strings.Contains(err.Error(), body[10:]) {
			t.Errorf("%s: the error gives the handle away: %v", claim, err)
		}
	}
}

func TestCutHandles(t *testing.T) {
	for _, test := range []struct {
		claim, text, rest string
		handles           []string
	}{
		{"none", "plain ⟦text⟧ latent:", "plain ⟦text⟧ latent:", nil},
		{"on a line of its own", "⟦latent:ab⟧\nask", "ask", []string{"⟦latent:ab⟧"}},
		{"on a line of its own, further down", "a\n⟦latent:ab⟧\nb", "a\nb", []string{"⟦latent:ab⟧"}},
		{"within a line", "see ⟦latent:ab⟧, then\nask", "see , then\nask", []string{"⟦latent:ab⟧"}},
		{"at the end", "see ⟦latent:ab⟧", "see ", []string{"⟦latent:ab⟧"}},
		{"several, in order", "⟦latent:b⟧⟦latent:a⟧\n⟦LATENT:C⟧", "", []string{"⟦latent:b⟧", "⟦latent:a⟧", "⟦LATENT:C⟧"}},
		{"cut short", "⟦latent:abc... and on", " and on", []string{"⟦latent:abc..."}},
		{"cut short at the text's end", "x ⟦latent:", "x ", []string{"⟦latent:"}},
		{"one in another", "⟦latent:a⟦latent:b⟧", "", []string{"⟦latent:a", "⟦latent:b⟧"}},
	} {
		rest, handles := cutHandles(test.text)
		if rest != test.rest || !slices.Equal(handles, test.handles) {
			t.Errorf("%s: got %q and %q, want %q and %q", test.claim, rest, handles, test.rest, test.handles)
		}
	}
}

// What is cut out and what stays hold no more than the text did, and no handle is read that was not made with the key.
func FuzzHandlesInText(f *testing.F) {
	k, name := key{1}, id{2}
	made := k.handle(name)
	for _, seed := range []string{"", made, "a " + made + "\nb", made[:40], strings.ToUpper(made), "⟦latent:" + made, made + made, "⟦latent:\xff⟧"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rest, handles := cutHandles(text)
		length := len(rest)
		for _, h := range handles {
			length += len(h)
			got, err := k.read(h)
			var coded *llms.Error
			if err != nil && !errors.As(err, &coded) {
				t.Errorf("%q: error without a code: %v", h, err)
			}
			if err == nil && (got != name || !strings.EqualFold(h, made)) {
				t.Errorf("read %q as a handle", h)
			}
		}
		if length > len(text) {
			t.Errorf("%d bytes of %d", length, len(text))
		}
		if len(handles) == 0 && rest != text {
			t.Errorf("%q became %q without a handle", text, rest)
		}
	})
}
