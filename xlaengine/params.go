package xlaengine

// The model's weights on the device: matrices [out, in] as the files have them, queries, keys and values below each
// other as one matrix, gate and up as another. Each tensor is read once, into its final place; keptweights.go keeps the
// result for the next time.

import (
	"context"
	"fmt"
	"runtime"

	"github.com/gomlx/compute"
	"golang.org/x/sync/errgroup"

	"github.com/latentchain/latentchain/xlaengine/weights"
)

// params are the buffers of one model.
type params struct {
	win, wout, norm compute.Buffer     // [vocab, dim] each (the same one when tied), [dim]
	layers          [][]compute.Buffer // by layer, in the order of decoder.layerShapes
}

// part is one of the buffers: where it goes, its dimensions, and the tensors that make it up.
type part struct {
	into  *compute.Buffer
	dims  []int
	names []string
}

// parts lists the buffers of a model, always in the same order.
func (p *params) parts(dec decoder) []part {
	if p.layers == nil {
		p.layers = make([][]compute.Buffer, dec.Layers)
		for layer := range p.layers {
			p.layers[layer] = make([]compute.Buffer, len(dec.layerShapes()))
		}
	}
	all := []part{{&p.win, []int{dec.Vocab, dec.Dim}, []string{"model.embed_tokens.weight"}}}
	if !dec.Tied {
		all = append(all, part{&p.wout, []int{dec.Vocab, dec.Dim}, []string{"lm_head.weight"}})
	}
	all = append(all, part{&p.norm, []int{dec.Dim}, []string{"model.norm.weight"}})
	for layer := range dec.Layers {
		for i, s := range dec.layerShapes() {
			var names []string
			for _, name := range tensorsOf[s.name] {
				names = append(names, fmt.Sprintf("model.layers.%d.%s", layer, name))
			}
			all = append(all, part{&p.layers[layer][i], s.dims, names})
		}
	}
	return all
}

// loadParams reads m to the device, part by part on all cores, and reports bytes done of all after each.
func loadParams(ctx context.Context, d *device, dec decoder, m *weights.Model, progress func(done, total int64)) (*params, error) {
	p := new(params)
	parts := p.parts(dec)
	var total int64
	for _, part := range parts {
		total += 4 * int64(product(part.dims))
	}
	report := make(chan int64)
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		var done int64
		for n := range report {
			done += n
			if progress != nil {
				progress(done, total)
			}
		}
	}()

	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, part := range parts {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			buf, err := d.fill(func(dst []float32) error { return readParts(m, dst, part.names) }, part.dims...)
			if err != nil {
				return err
			}
			*part.into = buf
			report <- 4 * int64(product(part.dims))
			return nil
		})
	}
	err := group.Wait()
	close(report)
	<-reported
	if err != nil {
		p.release(d)
		return nil, err
	}
	if dec.Tied {
		p.wout = p.win
	}
	return p, nil
}

// tensorsOf says which tensors make up a layer's weight, in this order.
var tensorsOf = map[string][]string{
	"attnNorm":   {"input_layernorm.weight"},
	"qkv":        {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"},
	"qkvBias":    {"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"},
	"qNorm":      {"self_attn.q_norm.weight"},
	"kNorm":      {"self_attn.k_norm.weight"},
	"out":        {"self_attn.o_proj.weight"},
	"outBias":    {"self_attn.o_proj.bias"},
	"mlpNorm":    {"post_attention_layernorm.weight"},
	"gateUp":     {"mlp.gate_proj.weight", "mlp.up_proj.weight"},
	"gateUpBias": {"mlp.gate_proj.bias", "mlp.up_proj.bias"},
	"down":       {"mlp.down_proj.weight"},
	"downBias":   {"mlp.down_proj.bias"},
}

// readParts fills dst with the named tensors one after the other: matrices are [out, in], so that they end up below
// each other.
func readParts(m *weights.Model, dst []float32, names []string) error {
	for _, name := range names {
		shape, ok := m.Shape(name)
		if !ok {
			return fmt.Errorf("tensor %s is missing", name)
		}
		n := product(shape)
		if err := m.Read(name, dst[:n]); err != nil {
			return err
		}
		dst = dst[n:]
	}
	return nil
}

func (p *params) release(d *device) {
	d.release(p.win, p.norm)
	if p.wout != p.win {
		d.release(p.wout)
	}
	for _, layer := range p.layers {
		d.release(layer...)
	}
}
