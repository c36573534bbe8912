// Configurations as Hugging Face's transformers writes them: config.json, and generation_config.json beside it.

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// FromFile reads the config.json in folder dir. End-of-text tokens come from generation_config.json where there
// is one that names any, as transformers' generate does.
func FromFile(dir string) (Config, error) {
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return Config{}, err
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("config.json: %w", err)
	}
	data, err = os.ReadFile(filepath.Join(dir, "generation_config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return Config{}, err
	}
	var gen fields
	if err := json.Unmarshal(data, &gen); err != nil {
		return Config{}, fmt.Errorf("generation_config.json: %w", err)
	}
	eos, err := gen.tokens("eos_token_id")
	if err != nil {
		return Config{}, fmt.Errorf("generation_config.json: %w", err)
	}
	if len(eos) > 0 {
		c.EOS = eos
	}
	if err := c.Check(); err != nil {
		return Config{}, fmt.Errorf("generation_config.json: %w", err)
	}
	return c, nil
}

// Parse reads the text of a config.json. Errors name the field.
func Parse(data []byte) (Config, error) {
	var f fields
	if err := json.Unmarshal(data, &f); err != nil {
		return Config{}, err
	}
	c, err := f.config()
	if err != nil {
		return Config{}, err
	}
	return c, c.Check()
}

func (f fields) config() (Config, error) {
	r := reader{fields: f}
	var c Config
	fam := r.family(&c)
	c.Vocab = r.int("vocab_size")
	c.Dim = r.int("hidden_size")
	c.Layers = r.int("num_hidden_layers")
	c.Heads = r.int("num_attention_heads")
	c.FFN = r.int("intermediate_size")
	c.Context = r.int("max_position_embeddings")
	c.NormEps = r.float("rms_norm_eps")

	c.KVHeads, c.HeadDim = c.Heads, 0
	if fam.kvHeads > 0 && f["num_key_value_heads"] == nil {
		c.KVHeads = fam.kvHeads
	}
	c.KVHeads = r.intOr("num_key_value_heads", c.KVHeads)
	if c.Heads > 0 {
		c.HeadDim = c.Dim / c.Heads
	}
	if fam.headDim > 0 && f["head_dim"] == nil {
		c.HeadDim = fam.headDim
	} else if !f.has("head_dim") && r.err == nil && c.Heads > 0 && c.Dim%c.Heads != 0 {
		r.err = fmt.Errorf("hidden_size is %d, want a multiple of num_attention_heads %d, or a head_dim", c.Dim, c.Heads)
	}
	c.HeadDim = r.intOr("head_dim", c.HeadDim)

	c.Tied = r.boolOr("tie_word_embeddings", false)
	attnBias := r.boolOr("attention_bias", false) && fam.attnBias
	c.QKVBias = fam.qkvBias || attnBias
	c.OutBias = attnBias
	c.MLPBias = r.boolOr("mlp_bias", false) && fam.mlpBias
	c.QKNorm = fam.qkNorm

	r.rope(&c)
	r.window(&c, fam)
	r.refuse()

	c.BOS = -1
	if bos := r.tokens("bos_token_id"); len(bos) > 0 {
		c.BOS = bos[0]
	}
	c.EOS = r.tokens("eos_token_id")
	return c, r.err
}

func (r *reader) family(c *Config) family {
	var classes []string
	r.get("architectures", &classes)
	var name string
	r.get("model_type", &name)
	if r.err != nil {
		return family{}
	}
	var fam family
	c.Architecture, fam, r.err = familyOf(name, classes)
	return fam
}

// rope reads positions in either form: "rope_theta" and "rope_scaling", or since transformers 5 one object
// "rope_parameters" with both.
func (r *reader) rope(c *Config) {
	c.RopeTheta = r.floatOr("rope_theta", 10000)
	for _, name := range []string{"rope_scaling", "rope_parameters"} {
		var params fields
		r.get(name, &params)
		if r.err != nil || params == nil {
			continue
		}
		p := reader{fields: params}
		c.RopeTheta = p.floatOr("rope_theta", c.RopeTheta)
		kind := "default"
		p.get("type", &kind)
		p.get("rope_type", &kind)
		switch {
		case p.err != nil || kind == "default":
		case kind == "llama3":
			c.RopeScaling = &RopeScaling{
				Type: kind, Factor: p.float("factor"),
				LowFreqFactor: p.float("low_freq_factor"), HighFreqFactor: p.float("high_freq_factor"),
				OriginalContext: p.int("original_max_position_embeddings"),
			}
		case kind == "linear":
			c.RopeScaling = &RopeScaling{Type: kind, Factor: p.float("factor")}
		default:
			p.err = fmt.Errorf("type %q is not supported; supported are default, linear, llama3", kind)
		}
		if part := p.floatOr("partial_rotary_factor", 1); p.err == nil && part != 1 {
			p.err = fmt.Errorf("partial_rotary_factor is %g, want 1", part)
		}
		if p.err != nil {
			r.err = fmt.Errorf("%s: %w", name, p.err)
		}
	}
}

func (r *reader) window(c *Config, fam family) {
	if !fam.window && !fam.layerWindow {
		return
	}
	size := 4096 // where the field is absent; null is none
	if r.fields["sliding_window"] != nil {
		size = r.intOr("sliding_window", 0)
	}
	if r.err == nil && size == 0 && r.has("sliding_window") {
		r.err = fmt.Errorf("sliding_window is 0, want a positive number or null")
	}
	if size == 0 || fam.layerWindow && !r.boolOr("use_sliding_window", false) {
		return
	}
	c.SlidingWindow = size
	var kinds []string
	r.get("layer_types", &kinds)
	switch {
	case kinds != nil:
		for i, kind := range kinds {
			if kind != "sliding_attention" && kind != "full_attention" && r.err == nil {
				r.err = fmt.Errorf("layer_types: layer %d is %q, want full_attention or sliding_attention", i, kind)
			}
			c.Windowed = append(c.Windowed, kind == "sliding_attention")
		}
	case fam.layerWindow && c.Layers > 0 && c.Layers <= 1<<12:
		first := r.intOr("max_window_layers", 28)
		c.Windowed = make([]bool, c.Layers)
		for i := range c.Windowed {
			c.Windowed[i] = i >= first
		}
	}
	if c.Windowed != nil && !slices.Contains(c.Windowed, true) {
		c.SlidingWindow = 0
		if len(c.Windowed) == c.Layers {
			c.Windowed = nil
		}
	}
}

// refuse names what would make the numbers wrong without any tensor looking wrong.
func (r *reader) refuse() {
	act := "silu"
	r.get("hidden_act", &act)
	if r.err == nil && act != "silu" && act != "swish" {
		r.err = fmt.Errorf("hidden_act is %q, want silu", act)
	}
	if r.err == nil && r.has("quantization_config") {
		r.err = fmt.Errorf("quantization_config: packed weights are not supported; use the unquantized model or a GGUF file")
	}
	if part := r.floatOr("partial_rotary_factor", 1); r.err == nil && part != 1 {
		r.err = fmt.Errorf("partial_rotary_factor is %g, want 1", part)
	}
}
