// Small templates, each about one thing, against transformers (testdata/golden.py).

package chat

import (
	"testing"
)

func TestSnippetsEqualTransformers(t *testing.T) {
	var golden struct {
		Messages []Message
		Extra    orderedVariables
		Cases    []struct{ Template, Text, Error string }
	}
	readJSON(t, "testdata/snippets.json", &golden)
	for _, c := range golden.Cases {
		text, err := renderSource(c.Template, Input{Messages: golden.Messages, Extra: golden.Extra})
		switch {
		case c.Error != "" && err == nil:
			t.Errorf("%s\n got %q\nwant the error %q", c.Template, text, c.Error)
		case c.Error == "" && err != nil:
			t.Errorf("%s\n got the error %v\nwant %q", c.Template, err, c.Text)
		case c.Error == "" && text != c.Text:
			t.Errorf("%s\n got %q\nwant %q", c.Template, text, c.Text)
		}
	}
	if len(golden.Cases) < 55 {
		t.Errorf("%d cases, want at least 55", len(golden.Cases))
	}
}
