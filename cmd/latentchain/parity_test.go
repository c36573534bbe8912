package main

// What trace and tokenize write against the reference's own files. The engine's tests compare every number; here it is
// the files that count: their fields, and that the right numbers are in them.

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

func TestTraceWritesWhatTheReferenceWrites(t *testing.T) {
	out, errs, code := program(t, "", "trace", "--model", tiny(t), "--cases", filepath.Join("testdata", "cases.json"), "--out", "-")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "golden", "tiny-qwen3.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fieldsOf(t, []byte(out), "engine"), fieldsOf(t, data, "torch"); !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	var got, want traceReport
	for _, file := range []struct {
		data []byte
		into *traceReport
	}{{[]byte(out), &got}, {data, &want}} {
		if err := json.Unmarshal(file.data, file.into); err != nil {
			t.Fatal(err)
		}
	}
	if len(got.Cases) != len(want.Cases) {
		t.Fatalf("%d cases, want %d", len(got.Cases), len(want.Cases))
	}
	for i, c := range got.Cases {
		compareCases(t, c, want.Cases[i])
	}
}

func compareCases(t *testing.T, got, want tracedCase) {
	t.Helper()
	if got.Name != want.Name || got.Lambda != want.Lambda || got.Realign != want.Realign || got.LatentSteps != want.LatentSteps ||
		got.DecodeTokens != want.DecodeTokens || len(got.Agents) != len(want.Agents) {
		t.Fatalf("case %v, want %v", got, want)
	}
	nearly(t, "mean norm", got.Alignment.MeanNorm, want.Alignment.MeanNorm, 1e-5)
	nearly(t, "norm of Wa", got.Alignment.Fro, want.Alignment.Fro, 1e-4*want.Alignment.Fro)
	nearly(t, "trace of Wa", got.Alignment.Trace, want.Alignment.Trace, 1e-4*want.Alignment.Fro)
	for i, g := range got.Agents {
		w := want.Agents[i]
		name := got.Name + ": " + w.Role
		if g.Role != w.Role || g.Prompt != w.Prompt || !slices.Equal(g.IDs, w.IDs) {
			t.Errorf("%s: prompt %q, want %q", name, g.Prompt, w.Prompt)
		}
		if g.MemoryBefore != w.MemoryBefore || g.MemoryAfter != w.MemoryAfter {
			t.Errorf("%s: memory of %d and %d positions, want %d and %d", name, g.MemoryBefore, g.MemoryAfter, w.MemoryBefore, w.MemoryAfter)
		}
		if w.Hidden == nil {
			if !slices.Equal(g.Tokens, w.Tokens) || *g.Text != *w.Text || len(g.Top) != len(w.Top) {
				t.Errorf("%s: tokens %v, text %q, %d logits, want %v, %q, %d", name, g.Tokens, *g.Text, len(g.Top), w.Tokens, *w.Text, len(w.Top))
			}
			continue
		}
		if len(*g.Hidden) != len(*w.Hidden) || len(*g.Thoughts) != len(*w.Thoughts) {
			t.Fatalf("%s: %d hidden states, %d thoughts, want %d, %d", name, len(*g.Hidden), len(*g.Thoughts), len(*w.Hidden), len(*w.Thoughts))
		}
		// Random weights let a rounding error grow by half with each thought, so what comes after twenty of them agrees
		// less well, whichever two float32 implementations are compared.
		tolerance := 1e-4
		if i > 0 {
			tolerance = 2e-3
		}
		compareVectors(t, name+": first hidden state", (*g.Hidden)[0], (*w.Hidden)[0], tolerance)
		compareVectors(t, name+": first thought", (*g.Thoughts)[0], (*w.Thoughts)[0], tolerance)
	}
}

// compareVectors allows a difference of tolerance relative to the vector's norm.
func compareVectors(t *testing.T, what string, got, want vector, tolerance float64) {
	t.Helper()
	tolerance *= want.Norm
	nearly(t, what+": norm", got.Norm, want.Norm, tolerance)
	nearly(t, what+": sum", got.Sum, want.Sum, 8*tolerance) // 8 is the root of the vector's length
	if len(got.Head) != len(want.Head) {
		t.Fatalf("%s: %d entries, want %d", what, len(got.Head), len(want.Head))
	}
	for i := range got.Head {
		nearly(t, what, got.Head[i], want.Head[i], tolerance)
	}
}

func nearly(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}

// fieldsOf lists the fields of a report by name, down to the vectors; the one called engine is left out.
func fieldsOf(t *testing.T, data []byte, engine string) (fields []string) {
	t.Helper()
	var walk func(path string, data json.RawMessage)
	walk = func(path string, data json.RawMessage) {
		var list []json.RawMessage
		var object map[string]json.RawMessage
		switch {
		case json.Unmarshal(data, &list) == nil:
			for _, item := range list {
				walk(path+"[]", item)
			}
		case json.Unmarshal(data, &object) == nil:
			for name, value := range object {
				walk(path+"."+name, value)
			}
		default:
			fields = append(fields, path)
		}
	}
	walk("", data)
	slices.Sort(fields)
	return slices.DeleteFunc(slices.Compact(fields), func(f string) bool { return f == "."+engine })
}

func TestTokenizeWritesWhatTheReferenceWrites(t *testing.T) {
	golden := filepath.Join("..", "..", "xlaengine", "token", "testdata", "tokens-tiny-qwen3.json")
	data, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	out, errs, code := program(t, string(data), "tokenize", "--model", tiny(t))
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var got, want []tokenized
	if err := errors.Join(json.Unmarshal([]byte(out), &got), json.Unmarshal(data, &want)); err != nil {
		t.Fatal(err)
	}
	if len(want) < 100 {
		t.Fatalf("only %d texts in %s", len(want), golden)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("texts and ids differ from " + golden)
	}
}
