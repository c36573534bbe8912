// Which tensors a decoder needs, and how those found in a file are held against them.

package weights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/latentchain/latentchain/xlaengine/config"
)

// Spec is a tensor that must be there.
type Spec struct {
	Name  string // as transformers names it
	Shape []int
}

// Wanted lists the tensors of a model, embeddings first, then layer by layer. A tied model has no lm_head.weight.
func Wanted(c config.Config) []Spec {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	specs := []Spec{{"model.embed_tokens.weight", []int{c.Vocab, c.Dim}}}
	for layer := range c.Layers {
		add := func(wanted bool, name string, shape ...int) {
			if wanted {
				specs = append(specs, Spec{fmt.Sprintf("model.layers.%d.%s", layer, name), shape})
			}
		}
		add(true, "input_layernorm.weight", c.Dim)
		add(true, "self_attn.q_proj.weight", q, c.Dim)
		add(true, "self_attn.k_proj.weight", kv, c.Dim)
		add(true, "self_attn.v_proj.weight", kv, c.Dim)
		add(c.QKVBias, "self_attn.q_proj.bias", q)
		add(c.QKVBias, "self_attn.k_proj.bias", kv)
		add(c.QKVBias, "self_attn.v_proj.bias", kv)
		add(c.QKNorm, "self_attn.q_norm.weight", c.HeadDim)
		add(c.QKNorm, "self_attn.k_norm.weight", c.HeadDim)
		add(true, "self_attn.o_proj.weight", c.Dim, q)
		add(c.OutBias, "self_attn.o_proj.bias", c.Dim)
		add(true, "post_attention_layernorm.weight", c.Dim)
		add(true, "mlp.gate_proj.weight", c.FFN, c.Dim)
		add(true, "mlp.up_proj.weight", c.FFN, c.Dim)
		add(true, "mlp.down_proj.weight", c.Dim, c.FFN)
		add(c.MLPBias, "mlp.gate_proj.bias", c.FFN)
		add(c.MLPBias, "mlp.up_proj.bias", c.FFN)
		add(c.MLPBias, "mlp.down_proj.bias", c.Dim)
	}
	specs = append(specs, Spec{"model.norm.weight", []int{c.Dim}})
	if !c.Tied {
		specs = append(specs, Spec{"lm_head.weight", []int{c.Vocab, c.Dim}})
	}
	return specs
}

// match takes the wanted tensors from those found and refuses all others but the harmless ones.
func (m *Model) match(found []tensor) error {
	byName := make(map[string]tensor, len(found))
	for _, t := range found {
		if other, ok := byName[t.canonical]; ok {
			return fmt.Errorf("tensor %s: the same as %s", t.name, other.name)
		}
		byName[t.canonical] = t
	}
	var missing []string
	for _, want := range Wanted(m.Config) {
		t, ok := byName[want.Name]
		if !ok {
			missing = append(missing, m.nameInFile(want.Name))
			continue
		}
		if !slices.Equal(t.shape, want.Shape) {
			return fmt.Errorf("tensor %s: shape %v, want %v", t.name, t.shape, want.Shape)
		}
		if t.decode == nil {
			return fmt.Errorf("tensor %s: type %s is not supported; supported are %s", t.name, t.format.name, supported())
		}
		m.names = append(m.names, want.Name)
		m.tensors[want.Name] = t
		delete(byName, want.Name)
	}
	if len(missing) > 0 {
		return fmt.Errorf("tensor %s is missing%s", missing[0], more(missing))
	}
	var extra []string
	for _, t := range byName {
		if !harmless(t.canonical, m.Config) {
			extra = append(extra, t.name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		return fmt.Errorf("tensor %s is not part of a %s model with this configuration%s", extra[0], m.Config.Architecture, more(extra))
	}
	return nil
}

// harmless tensors hold nothing the configuration does not: rotary frequencies, and the second name of a tied
// embedding.
func harmless(name string, c config.Config) bool {
	return strings.HasSuffix(name, "rotary_emb.inv_freq") || name == ropeFreqs ||
		strings.HasSuffix(name, ".attn_rot_embd") || name == "lm_head.weight" && c.Tied
}

func more(names []string) string {
	if len(names) == 1 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", len(names)-1)
}
