package xlaengine

// How a hidden state becomes the next input embedding. The formulas are in package align; this file gives them their
// weights on the device and runs them.

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/align"
)

// Operator turns the last hidden state into the next input embedding, a latent thought.
type Operator interface {
	// String names the operator and its settings; equal strings mean equal operators.
	String() string
	// program names what thought builds. The setting is no part of it: one program serves all.
	program() string
	// setting is what modelNodes.setting stands for; 0 if it is not asked for.
	setting() float32
	// thought builds hidden [rows, dim] float32 → embedding [rows, dim] float32.
	thought(h *graph.Node, m modelNodes) *graph.Node
	// aligned says whether it needs the alignment.
	aligned() bool
	// check returns an error for settings that make no sense for a vocabulary of that size.
	check(vocab int) error
}

// modelNodes are the parameters an operator may use; each is added to the program when asked for.
type modelNodes struct {
	aligned func(h *graph.Node) *graph.Node // h·Wa [rows, dim] float32
	mean    func() *graph.Node              // [1] float32
	setting func() *graph.Node              // [1] float32, the operator's own
	win     func() *graph.Node              // [vocab, dim]
	logits  func(h *graph.Node) *graph.Node // [rows, vocab] float32
}

// Linear is the paper's operator: h·Wa, rescaled to the mean norm of an input embedding (arXiv 2511.20639). It is the default.
type Linear struct{}

func (Linear) String() string { return "linear" }

func (Linear) aligned() bool { return true }

func (Linear) check(int) error { return nil }

func (Linear) program() string { return "linear" }

func (Linear) setting() float32 { return 0 }

func (Linear) thought(h *graph.Node, m modelNodes) *graph.Node {
	return align.Linear(m.aligned(h), nil, m.mean())
}

// Soft mixes the input embeddings of the K likeliest next tokens by their probabilities at Temperature (after Soft
// Thinking, arXiv 2505.15778). Zero fields mean K = 10 and Temperature = 0.6.
type Soft struct {
	K           int
	Temperature float64
}

func (s Soft) withDefaults() Soft {
	if s.K == 0 {
		s.K = align.SoftK
	}
	if s.Temperature == 0 {
		s.Temperature = align.SoftTemperature
	}
	return s
}

func (s Soft) String() string {
	s = s.withDefaults()
	return fmt.Sprintf("soft(k=%d,temperature=%g)", s.K, s.Temperature)
}

func (Soft) aligned() bool { return false }

func (s Soft) check(vocab int) error {
	s = s.withDefaults()
	if s.K < 1 || s.K > vocab {
		return fmt.Errorf("soft thoughts: k is %d, want 1 to %d", s.K, vocab)
	}
	const least = 1e-6 // logits over less may be more than a float32 holds
	if !(s.Temperature >= least) {
		return fmt.Errorf("soft thoughts: temperature is %g, want %g or more", s.Temperature, least)
	}
	return nil
}

func (s Soft) program() string { return fmt.Sprintf("soft(k=%d)", s.withDefaults().K) }

func (s Soft) thought(h *graph.Node, m modelNodes) *graph.Node {
	return align.Soft(m.logits(h), m.win(), s.withDefaults().K, m.setting())
}

func (s Soft) setting() float32 { return float32(s.withDefaults().Temperature) }

// nodes gives an operator its parameters, added to g by name when asked for; operatorBuffer has the buffers.
func (e *Engine) nodes(g *graph.Graph) modelNodes {
	dec, made := e.dec.in(g), map[string]*graph.Node{}
	param := func(name string, dtype dtypes.DType, dims ...int) func() *graph.Node {
		return func() *graph.Node {
			if made[name] == nil {
				made[name] = graph.Parameter(g, name, shapes.Make(dtype, dims...))
			}
			return made[name]
		}
	}
	wout := param("wout", e.dec.dtype, e.dec.Vocab, e.dec.Dim)
	wa := param("wa", dtypes.Float32, e.dec.Dim, e.dec.Dim)
	win := param("win", e.dec.dtype, e.dec.Vocab, e.dec.Dim)
	return modelNodes{
		aligned: func(h *graph.Node) *graph.Node { return dec.product(h, wa()) },
		mean:    param("mean", dtypes.Float32, 1),
		setting: param("setting", dtypes.Float32, 1),
		win:     win,
		logits:  func(h *graph.Node) *graph.Node { return dec.unembed(h, wout()) },
	}
}

// operatorBuffer returns what nodes calls name; asking for the alignment solves it if need be.
func (e *Engine) operatorBuffer(name string) (compute.Buffer, error) {
	switch name {
	case "win":
		return e.params.win, nil
	case "wout":
		return e.params.wout, nil
	}
	if err := e.align(); err != nil {
		return nil, err
	}
	if name == "wa" {
		return e.wa, nil
	}
	return e.mean, nil
}

// thoughts returns the embeddings [dim] that op makes of hidden states.
func (e *Engine) thoughts(op Operator, hidden [][]float32) ([][]float32, error) {
	h, n, err := e.uploadRows(hidden)
	if err != nil {
		return nil, err
	}
	defer e.dev.release(h)
	setting, err := e.dev.upload([]float32{op.setting()}, 1)
	if err != nil {
		return nil, err
	}
	defer e.dev.release(setting)
	p, err := e.dev.program(fmt.Sprintf("thought %s %d", op.program(), n), func(g *graph.Graph) []*graph.Node {
		h := graph.Parameter(g, "hidden", shapes.Make(dtypes.Float32, n, e.dec.Dim))
		return []*graph.Node{op.thought(h, e.nodes(g))}
	})
	if err != nil {
		return nil, err
	}
	inputs := []compute.Buffer{h}
	names, _ := p.graph.Executable().Inputs()
	for _, name := range names[1:] {
		buf := setting
		if name != "setting" {
			if buf, err = e.operatorBuffer(name); err != nil {
				return nil, err
			}
		}
		inputs = append(inputs, buf)
	}
	out, err := e.dev.run(p, inputs, nil)
	if err != nil {
		return nil, err
	}
	defer e.dev.release(out...)
	flat, err := e.dev.floats(out[0])
	if err != nil {
		return nil, err
	}
	thoughts := make([][]float32, len(hidden))
	for i := range thoughts {
		thoughts[i] = slices.Clone(flat[i*e.dec.Dim:][:e.dec.Dim])
	}
	return thoughts, nil
}
