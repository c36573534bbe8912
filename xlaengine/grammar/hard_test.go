// Schemas made to be hard: compiling them ends soon, and so does what is made of them.

package grammar

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestHardSchemasEndSoon(t *testing.T) {
	repeat := func(n int, item func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, item(i))
		}
		return strings.Join(all, ", ")
	}
	nested := `{"type": "null"}`
	for range 24 {
		nested = `{"anyOf": [{"type": "object", "properties": {"a": ` + nested + `}}, {"type": "object", "properties": {"a": {}, "b": {}}}]}`
	}
	v := smallVocabulary(t, allBytes()...)
	for name, raw := range map[string]string{
		"500 optional properties":  `{"properties": {` + repeat(500, func(i int) string { return fmt.Sprintf(`"p%d": {}`, i) }) + `}}`,
		"5000 optional properties": `{"properties": {` + repeat(5000, func(i int) string { return fmt.Sprintf(`"p%d": {}`, i) }) + `}}`,
		"300 counted properties":   `{"maxProperties": 200, "properties": {` + repeat(300, func(i int) string { return fmt.Sprintf(`"p%d": {}`, i) }) + `}}`,
		"20000 values":             `{"enum": [` + repeat(20000, func(i int) string { return fmt.Sprint(i * 7) }) + `]}`,
		"1000 definitions in a row": `{"$ref": "#/$defs/0", "$defs": {` + repeat(1000, func(i int) string {
			return fmt.Sprintf(`"%d": {"type": "array", "items": {"$ref": "#/$defs/%d"}}`, i, (i+1)%1000)
		}) + `}}`,
		"3000 references in a row": `{"$ref": "#/$defs/0", "$defs": {"3000": {}, ` + repeat(3000, func(i int) string { return fmt.Sprintf(`"%d": {"$ref": "#/$defs/%d"}`, i, i+1) }) + `}}`,
		"doubling references": `{"$ref": "#/$defs/0", "$defs": {"60": {}, ` + repeat(60, func(i int) string {
			return fmt.Sprintf(`"%d": {"anyOf": [{"$ref": "#/$defs/%d"}, {"$ref": "#/$defs/%d"}]}`, i, i+1, i+1)
		}) + `}}`,
		"references of listed values": `{"enum": [` + repeat(500, func(i int) string { return fmt.Sprintf(`{"a": %d}`, i) }) + `], "properties": {"a": {"$ref": "#/$defs/0"}}, "$defs": {"1000": {}, ` +
			repeat(1000, func(i int) string { return fmt.Sprintf(`"%d": {"anyOf": [{"$ref": "#/$defs/%d"}]}`, i, i+1) }) + `}}`,
		"doubling references of a listed value": `{"const": [1], "items": {"$ref": "#/$defs/0"}, "$defs": {"60": {}, ` + repeat(60, func(i int) string {
			return fmt.Sprintf(`"%d": {"oneOf": [{"$ref": "#/$defs/%d"}, {"$ref": "#/$defs/%d"}]}`, i, i+1, i+1)
		}) + `}}`,
		"100 oneOf branches": `{"oneOf": [` + repeat(100, func(i int) string {
			return fmt.Sprintf(`{"properties": {"k": {"const": %d}, "v": {}}, "required": ["k"]}`, i)
		}) + `]}`,
		"60 patterns":           `{"allOf": [` + repeat(60, func(i int) string { return fmt.Sprintf(`{"type": "string", "pattern": "a[ab]{%d}b"}`, i%9) }) + `]}`,
		"all letters":           `{"type": "string", "pattern": "^(\\p{L}{1,20}-\\p{N}{1,20}){1,20}$"}`,
		"a long range":          `{"type": "string", "minLength": 1000000}`,
		"many items":            `{"type": "array", "items": {"type": "array", "items": {"type": "string", "minLength": 1000000}, "minItems": 1000000}, "minItems": 1000000}`,
		"nested choices":        nested,
		"a deep one of its own": `{"$defs": {"t": {"anyOf": [{"properties": {"a": {"$ref": "#/$defs/t"}}}, {"properties": {"a": {"$ref": "#/$defs/t"}, "b": {}}}]}}, "$ref": "#/$defs/t"}`,
	} {
		start := time.Now()
		g, err := v.Schema([]byte(raw))
		if err == nil {
			s := g.Start()
			text := strings.Repeat(`{"a":`, 60)
			for _, b := range []byte(text) {
				s.Mask()
				if s.Accept(1+int(b-' ')) != nil {
					break
				}
			}
		}
		t.Logf("%s: %v: %.150v", name, time.Since(start), err)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}
