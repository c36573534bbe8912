package plugin

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tmc/langchaingo/llms"
)

func TestHandleReadsBack(t *testing.T) {
	k, name := newKey(), newID()
	handle := k.handle(name, "s")
	if len([]rune(handle)) != len([]rune(handleBegin))+52+1 {
		t.Errorf("%s has %d characters", handle, len([]rune(handle)))
	}
	for _, form := range []string{handle, strings.ToUpper(handle), "⟦Latent:" + strings.TrimPrefix(handle, handleBegin)} {
		if got, err := k.read(form, "s"); err != nil || got != name {
			t.Errorf("%s: %v, %v", form, got, err)
		}
	}
}

func TestHandlesThatAreNotFromHereAreRefused(t *testing.T) {
	k, name := newKey(), newID()
	handle := k.handle(name, "s")
	body := strings.TrimSuffix(strings.TrimPrefix(handle, handleBegin), handleEnd)
	flipped := func(i int) string {
		b := []byte(body)
		if b[i]++; b[i] > 'z' || b[i] < 'a' {
			b[i] = 'a'
		}
		return handleBegin + string(b) + handleEnd
	}
	refused := map[string]string{
		"another scope's":     k.handle(name, "t"),
		"another store's":     newKey().handle(name, "s"),
		"nothing":             "",
		"no body":             handleBegin + handleEnd,
		"cut at the end":      handle[:len(handle)-len(handleEnd)],
		"cut in the middle":   handleBegin + body[:30] + handleEnd,
		"longer":              handleBegin + body + "aa" + handleEnd,
		"other alphabet":      handleBegin + strings.Repeat("1", 52) + handleEnd,
		"signature cut off":   handleBegin + body[:26] + handleEnd,
		"a line break within": handleBegin + body[:20] + "\n" + body[20:] + handleEnd,
	}
	for n := range 100 { // until there is an s in it
		if h := k.handle(id{byte(n)}, "s"); strings.Contains(h[len(handleBegin):], "s") {
			refused["a letter that is an S in upper case"] = h[:len(handleBegin)] + strings.Replace(h[len(handleBegin):], "s", "ſ", 1)
		}
	}
	for i := range body {
		refused["changed in one place "+string(rune('0'+i))] = flipped(i)
	}
	for claim, h := range refused {
		if _, err := k.read(h, "s"); !llms.IsInvalidRequestError(err) {
			t.Errorf("%s, %s: got %v", claim, h, err)
		} else if strings.Contains(err.Error(), body[10:]) {
			t.Errorf("%s: the error gives the handle away: %v", claim, err)
		}
	}
}

func TestErrorsShowSixLettersOfAHandle(t *testing.T) {
	const body = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst"
	for handle, want := range map[string]string{
		handleBegin + body + handleEnd:            `"⟦latent:abcdef…"`,
		"⟦LATENT:" + strings.ToUpper(body) + "⟧":  `"⟦LATENT:ABCDEF…"`,
		`\u27e6latent:` + body + `\u27e7`:         `"\\u27e6latent:abcdef…"`,
		"%e2%9f%a6latent%3a" + body + "%e2%9f%a7": `"%e2%9f%a6latent%3aabcdef…"`,
		body[:20] + handleEnd:                     `"abcdef…"`,
		"⟦lat…":                                   `"⟦lat…"`,
		handleBegin + "ab":                        `"⟦latent:ab"`,
	} {
		if got := short(handle); got != want {
			t.Errorf("%s: %s, want %s", handle, got, want)
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
		{"cut in its first word", "see ⟦lat", "see ", []string{"⟦lat"}},
		{"abbreviated in its first word", "see ⟦l... and on", "see  and on", []string{"⟦l..."}},
		{"cut in its first word, then a line", "⟦latent\nask", "ask", []string{"⟦latent\n"}},
		{"broken over two lines", "⟦latent:abcdefghijklmnopqrst\nabcdefghijklmnopqrst⟧", "", []string{"⟦latent:abcdefghijklmnopqrst", "abcdefghijklmnopqrst⟧"}},
		{"without its brackets", "latent:abcdefghijklmnopqrst234567 ask", " ask", []string{"latent:abcdefghijklmnopqrst234567"}},
		{"quoted", `"\u27e6latent:abcdefghijklmnopqrst\u27e7"`, `""`, []string{`\u27e6latent:abcdefghijklmnopqrst\u27e7`}},
		{"its end alone", "...klmnopqrstuvwxyzabcdefg⟧\nask", "...\nask", []string{"klmnopqrstuvwxyzabcdefg⟧"}},
		{"other text in such brackets", "⟦e⟧ = ⟦lambda x. x⟧, ⟦latent variable⟧, latent:yes", "⟦e⟧ = ⟦lambda x. x⟧, ⟦latent variable⟧, latent:yes", nil},
		{"one in another", "⟦latent:a⟦latent:b⟧", "", []string{"⟦latent:a", "⟦latent:b⟧"}},
	} {
		rest, handles := cutHandles(test.text)
		if rest != test.rest || !slices.Equal(handles, test.handles) {
			t.Errorf("%s: got %q and %q, want %q and %q", test.claim, rest, handles, test.rest, test.handles)
		}
	}
}

// All the ways to come by a handle without having been given it: guessing, changing one, taking parts of several, using
// one of another scope or key. A million of them, and the real one among them is the only one that is read.
func TestNoForgedHandleIsAccepted(t *testing.T) {
	forgeries := 1_005_000 // of which some come out as they were
	if testing.Short() {
		forgeries = 50_000
	}
	k, name, other := newKey(), newID(), newID()
	const workers = 4
	var accepted, tried atomic.Int64
	var wg sync.WaitGroup
	for worker := range workers {
		forge := forgers(rand.New(rand.NewPCG(1, uint64(worker))), k, name, other)
		whole := append(name[:], k.signature(name, "s")...)
		wg.Go(func() {
			for n := range forgeries / workers {
				b := forge[n%len(forge)]()
				if slices.Equal(b, whole) {
					continue // it came out as it was
				}
				tried.Add(1)
				if _, err := k.read(handleBegin+strings.ToLower(encoding.EncodeToString(b))+handleEnd, "s"); err == nil {
					accepted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if accepted.Load() > 0 || tried.Load() < int64(forgeries)*99/100 {
		t.Errorf("%d of %d forgeries accepted, of %d", accepted.Load(), tried.Load(), forgeries)
	}
	t.Logf("%d forgeries, %d accepted", tried.Load(), accepted.Load())
	if got, err := k.read(k.handle(name, "s"), "s"); err != nil || got != name {
		t.Errorf("the real one: %v, %v", got, err)
	}
}

// forgers returns ways to make up the bytes of a handle.
func forgers(random *rand.Rand, k key, name, other id) []func() []byte {
	whole := append(name[:], k.signature(name, "s")...)
	anything := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	signed := func(i id, signature []byte) []byte { return append(i[:], signature...) }
	return []func() []byte{
		func() []byte { return anything(32) },
		func() []byte { return signed(name, anything(16)) },
		func() []byte { return signed(id(anything(16)), whole[16:]) },
		func() []byte { return signed(other, whole[16:]) },
		func() []byte { return signed(name, k.signature(other, "s")) },
		func() []byte { return signed(name, k.signature(name, "s"+string(anything(random.IntN(8)))+"x")) },
		func() []byte { return signed(name, key(anything(32)).signature(name, "s")) },
		func() []byte { // one to three bits changed
			b := slices.Clone(whole)
			for range 1 + random.IntN(3) {
				b[random.IntN(32)] ^= 1 << random.IntN(8)
			}
			return b
		},
		func() []byte { // two bytes exchanged
			b := slices.Clone(whole)
			i := random.IntN(32)
			j := (i + 1 + random.IntN(31)) % 32
			b[i], b[j] = b[j], b[i]
			return b
		},
		func() []byte { return whole[:random.IntN(32)] },
	}
}

func TestPurposesHaveKeysOfTheirOwn(t *testing.T) {
	secret := []byte("thirty-two bytes that are secret")
	a, err := keyFor(secret, "handles")
	b, err2 := keyFor(secret, "files")
	again, err3 := keyFor(secret, "handles")
	if err := errors.Join(err, err2, err3); err != nil || a == b || a != again {
		t.Errorf("%v: equal for two purposes %t, for one %t", err, a == b, a == again)
	}
}

// What is cut out and what stays hold no more than the text did, and no handle is read that was not made with the key.
func FuzzHandlesInText(f *testing.F) {
	k, name := key{1}, id{2}
	made := k.handle(name, "s")
	for _, seed := range []string{"", made, "a " + made + "\nb", made[:40], strings.ToUpper(made), "⟦latent:" + made, made + made, "⟦latent:\xff⟧", "⟦lat" + made + "ent:x⟧", "⟦l" + made, made[8:], "latent:" + made[12:50] + "latent:" + made[12:50]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rest, handles := cutHandles(text)
		length := len(rest)
		for _, h := range handles {
			length += len(h)
			got, err := k.read(h, "s")
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
		if dropped := DropHandles(text); anyHandle.MatchString(dropped) {
			t.Errorf("%q has a handle left when they are dropped: %q", text, dropped)
		}
		if len(handles) == 0 && rest != text {
			t.Errorf("%q became %q without a handle", text, rest)
		}
	})
}
