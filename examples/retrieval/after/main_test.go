package main

import (
	"testing"

	"github.com/latentchain/latentchain/examples/apptest"
)

// Questions of few words lie nearer to one another than to what they ask about, with so small a model; these are longer.
func TestNearestDocumentIsFound(t *testing.T) {
	llm, calls := apptest.Model(t)
	shelf, err := index(t.Context(), llm)
	if err != nil {
		t.Fatal(err)
	}
	for question, want := range map[string]string{
		"At what time does the museum open in the morning?": library[0],
		"What is bread made of?":                            library[1],
		"Why does the river flood its banks in spring?":     library[2],
	} {
		docs, err := shelf.GetRelevantDocuments(t.Context(), question)
		if err != nil {
			t.Fatal(err)
		}
		if docs[0].PageContent != want {
			t.Errorf("%s finds %q, want %q", question, docs[0].PageContent, want)
		}
	}
	answer, err := look(t.Context(), llm, llm, "At what time does the museum open in the morning?")
	apptest.Answers(t, err, answer)
	calls.Check(t, 0, 1)
}
