// How byte-level vocabularies spell bytes.

package token

// The alphabet of byte-level BPE spells each byte as a visible character: printable Latin-1 ones as themselves,
// the rest as the characters from U+0100 on, so that a space is Ġ and a newline Ċ.
var alphabet = func() map[rune]byte {
	letters := make(map[rune]byte, 256)
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if r < '!' || r > '~' && r < '¡' || r == 0xad {
			r = next
			next++
		}
		letters[r] = byte(b)
	}
	return letters
}()

// fromAlphabet returns the bytes that token spells; false if it holds a character outside the alphabet.
func fromAlphabet(token string) ([]byte, bool) {
	raw := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := alphabet[r]
		if !ok {
			return nil, false
		}
		raw = append(raw, b)
	}
	return raw, true
}
