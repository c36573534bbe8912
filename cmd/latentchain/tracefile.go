package main

// What trace reads and writes: a file of cases, and one of vectors in short. Fields and rounding are those of the
// reference runs in PyTorch, so that two files can be compared as they are.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/latentchain/latentchain/align"
	"github.com/latentchain/latentchain/xlaengine/chat"
)

// traceCase is one run: agents in a row, the last of which answers.
type traceCase struct {
	Name         string  `json:"name"`
	Lambda       float64 `json:"lambda"`  // ridge of the alignment
	Realign      bool    `json:"realign"` // false: thoughts go back unaligned
	LatentSteps  int     `json:"latent_steps"`
	DecodeTokens int     `json:"decode_tokens"`
	Agents       []struct {
		Role     string         `json:"role"`
		Messages []chat.Message `json:"messages"`
	} `json:"agents"`
}

// parseCases refuses what could not be run, before a model is opened.
func parseCases(data []byte) ([]traceCase, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var cases []traceCase
	if err := dec.Decode(&cases); err != nil {
		return nil, fmt.Errorf("want a JSON array of cases: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the array of cases")
	}
	if len(cases) == 0 {
		return nil, errors.New("the array of cases is empty")
	}
	for i, c := range cases {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("case %d (%s): %w", i, c.Name, err)
		}
	}
	return cases, nil
}

func (c traceCase) check() error {
	switch {
	case !(c.Lambda > 0):
		return fmt.Errorf("lambda is %g, must be positive", c.Lambda)
	case c.LatentSteps < 0:
		return fmt.Errorf("latent_steps is %d, want 0 or more", c.LatentSteps)
	case c.DecodeTokens < 1:
		return fmt.Errorf("decode_tokens is %d, want 1 or more", c.DecodeTokens)
	case len(c.Agents) == 0:
		return errors.New("there are no agents")
	}
	for i, agent := range c.Agents {
		if len(agent.Messages) == 0 {
			return fmt.Errorf("agent %d (%s) has no messages", i, agent.Role)
		}
	}
	return nil
}

// traceReport is the file that trace writes.
type traceReport struct {
	Engine string       `json:"engine"` // what computed, and its version
	Cases  []tracedCase `json:"cases"`
}

type tracedCase struct {
	Name         string          `json:"name"`
	Lambda       float64         `json:"lambda"`
	Realign      bool            `json:"realign"`
	LatentSteps  int             `json:"latent_steps"`
	DecodeTokens int             `json:"decode_tokens"`
	Agents       []tracedAgent   `json:"agents"`
	Alignment    tracedAlignment `json:"alignment"`
}

// tracedAgent has hidden states, thoughts, key and value if the agent thinks, and the rest if it answers.
type tracedAgent struct {
	Role         string       `json:"role"`
	Prompt       string       `json:"prompt"`
	IDs          []int        `json:"ids"`
	MemoryBefore int          `json:"memory_before"`        // positions
	Hidden       *[]vector    `json:"hidden,omitempty"`     // last hidden state after the prompt and after each step
	Thoughts     *[]vector    `json:"thoughts,omitempty"`   // embeddings fed back
	KeyLayer0    *vector      `json:"key_layer0,omitempty"` // first layer, head 0, last position
	ValueLast    *vector      `json:"value_last_layer,omitempty"`
	Top          [][2]float64 `json:"top8,omitempty"` // token and logit after the prompt
	Tokens       []int        `json:"tokens,omitempty"`
	Text         *string      `json:"text,omitempty"`
	MemoryAfter  int          `json:"memory_after"`
}

type tracedAlignment struct {
	MeanNorm float64   `json:"mean_norm"`
	Fro      float64   `json:"wa_fro"`
	Trace    float64   `json:"wa_trace"`
	Head     []float64 `json:"wa_head"`
}

// vector is a vector in short.
type vector struct {
	Norm float64   `json:"norm"`
	Sum  float64   `json:"sum"`
	Head []float64 `json:"head"` // the first 16 entries
}

func vectorOf(v []float32) vector {
	var sum, square float64
	for _, x := range v {
		sum += float64(x)
		square += float64(x) * float64(x)
	}
	return vector{Norm: round(math.Sqrt(square), 6), Sum: round(sum, 6), Head: headOf(v, 6)}
}

func vectorsOf(all [][]float32) *[]vector {
	short := make([]vector, 0, len(all))
	for _, v := range all {
		short = append(short, vectorOf(v))
	}
	return &short
}

func alignmentOf(a *align.Alignment) tracedAlignment {
	var square, trace float64
	for i, x := range a.Wa {
		square += float64(x) * float64(x)
		if i/a.D == i%a.D {
			trace += float64(x)
		}
	}
	return tracedAlignment{
		MeanNorm: round(a.MeanNorm, 7), Fro: round(math.Sqrt(square), 6), Trace: round(trace, 5),
		Head: headOf(a.Wa[:min(a.D, len(a.Wa))], 7),
	}
}

func headOf(v []float32, digits int) []float64 {
	head := make([]float64, 0, 16)
	for _, x := range v[:min(16, len(v))] {
		head = append(head, round(float64(x), digits))
	}
	return head
}

func round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}

// encode writes the report as Python's json does with an indent of 1, except that no character is escaped needlessly.
func (r traceReport) encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("the numbers can't be written as JSON: %w", err)
	}
	return buf.Bytes(), nil
}
