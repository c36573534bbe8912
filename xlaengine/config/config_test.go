package config

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const models = "../../testdata/models/"

func TestTinyModels(t *testing.T) {
	base := Config{
		Vocab: 512, Dim: 64, Layers: 3, Heads: 4, KVHeads: 2, HeadDim: 16, FFN: 160, Context: 2048,
		NormEps: 1e-6, RopeTheta: 1e6, BOS: -1, EOS: []int{2},
	}
	for name, edit := range map[string]func(*Config){
		"tiny-llama3": func(c *Config) {
			c.Architecture, c.NormEps, c.RopeTheta = "llama", 1e-5, 5e5
			c.RopeScaling = &RopeScaling{Type: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalContext: 256}
		},
		"tiny-qwen2": func(c *Config) { c.Architecture, c.Tied, c.QKVBias = "qwen2", true, true },
		"tiny-qwen3": func(c *Config) { c.Architecture, c.HeadDim, c.QKNorm = "qwen3", 32, true },
	} {
		t.Run(name, func(t *testing.T) {
			want := base
			edit(&want)
			got, err := FromFile(models + name)
			if err != nil {
				t.Fatal(err)
			}
			if text(got) != text(want) {
				t.Errorf("got  %s\nwant %s", text(got), text(want))
			}
		})
	}
}

func text(c Config) string { data, _ := json.Marshal(c); return string(data) }

// llama is the smallest config.json there is; changes set fields by name, nil removes one.
func llama(changes map[string]any) []byte {
	c := map[string]any{
		"model_type": "llama", "vocab_size": 100, "hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 6,
		"intermediate_size": 48, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	data, _ := json.Marshal(c)
	return data
}

type edits = map[string]any

func TestFamilyDefaults(t *testing.T) {
	for _, test := range []struct {
		claim string
		edits edits
		want  func(Config) bool
	}{
		{"llama has as many key heads as query heads", nil, func(c Config) bool { return c.KVHeads == 6 && c.HeadDim == 4 }},
		{"llama has theta 10000", nil, func(c Config) bool { return c.RopeTheta == 10000 }},
		{"nothing is tied or biased unsaid", nil, func(c Config) bool { return !c.Tied && !c.QKVBias && !c.OutBias && !c.MLPBias }},
		{"no end of text is allowed", nil, func(c Config) bool { return c.EOS == nil && c.BOS == -1 }},
		{"attention_bias is for all four of llama's projections", edits{"attention_bias": true}, func(c Config) bool { return c.QKVBias && c.OutBias }},
		{"mlp_bias", edits{"mlp_bias": true}, func(c Config) bool { return c.MLPBias }},
		{"mistral has 8 key heads", edits{"model_type": "mistral", "num_attention_heads": 8, "hidden_size": 32}, func(c Config) bool { return c.KVHeads == 8 && c.HeadDim == 4 }},
		{"a null head_dim is none", edits{"head_dim": json.RawMessage("null")}, func(c Config) bool { return c.HeadDim == 4 }},
		{"head_dim need not divide hidden_size", edits{"head_dim": 10}, func(c Config) bool { return c.HeadDim == 10 }},
		{"qwen3 has heads of 128", edits{"model_type": "qwen3", "num_key_value_heads": 2}, func(c Config) bool { return c.HeadDim == 128 && c.QKNorm }},
		{"qwen2 has biases, but none on the output", edits{"model_type": "qwen2", "num_key_value_heads": 2}, func(c Config) bool { return c.QKVBias && !c.OutBias }},
		{"the class name does where model_type is absent", edits{"model_type": nil, "architectures": []string{"MistralForCausalLM"}, "num_key_value_heads": 2}, func(c Config) bool { return c.Architecture == "mistral" }},
		{"one or several ends of text", edits{"eos_token_id": []int{2, 7}, "bos_token_id": 1}, func(c Config) bool { return slices.Equal(c.EOS, []int{2, 7}) && c.BOS == 1 }},
		{"positions as transformers 4 has them", edits{"rope_theta": 5e5, "rope_scaling": edits{"type": "linear", "factor": 2.0}}, func(c Config) bool { return c.RopeTheta == 5e5 && c.RopeScaling.Factor == 2 }},
		{"positions as transformers 5 has them", edits{"rope_parameters": edits{"rope_theta": 5e5, "rope_type": "linear", "factor": 2.0}}, func(c Config) bool { return c.RopeTheta == 5e5 && c.RopeScaling.Factor == 2 }},
		{"default scaling is none", edits{"rope_parameters": edits{"rope_theta": 5e5, "rope_type": "default"}}, func(c Config) bool { return c.RopeTheta == 5e5 && c.RopeScaling == nil }},
	} {
		t.Run(test.claim, func(t *testing.T) {
			c, err := Parse(llama(test.edits))
			if err != nil {
				t.Fatal(err)
			}
			if !test.want(c) {
				t.Errorf("got %s", text(c))
			}
		})
	}
}

func TestWindow(t *testing.T) {
	qwen2 := func(e edits) edits {
		maps.Copy(e, edits{"model_type": "qwen2", "num_key_value_heads": 2})
		return e
	}
	for _, test := range []struct {
		claim string
		edits edits
		want  [4]int
	}{
		{"mistral's holds for all layers", edits{"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 32}, [4]int{32, 32, 32, 32}},
		{"mistral's may be null", edits{"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": json.RawMessage("null")}, [4]int{}},
		{"mistral's is 4096 unsaid", edits{"model_type": "mistral", "num_key_value_heads": 2, "max_position_embeddings": 8192}, [4]int{4096, 4096, 4096, 4096}},
		{"qwen2's is 4096 unsaid", qwen2(edits{"use_sliding_window": true, "max_window_layers": 3}), [4]int{0, 0, 0, 4096}},
		{"llama has none", edits{"sliding_window": 32}, [4]int{}},
		{"qwen2's must be switched on", qwen2(edits{"sliding_window": 32, "max_window_layers": 0}), [4]int{}},
		{"qwen2's starts after max_window_layers", qwen2(edits{"sliding_window": 32, "use_sliding_window": true, "max_window_layers": 2}), [4]int{0, 0, 32, 32}},
		{"qwen2's max_window_layers is 28 unsaid", qwen2(edits{"sliding_window": 32, "use_sliding_window": true}), [4]int{}},
		{"layer_types comes first", qwen2(edits{"sliding_window": 32, "use_sliding_window": true, "max_window_layers": 2,
			"layer_types": []string{"sliding_attention", "full_attention", "full_attention", "full_attention"}}), [4]int{32, 0, 0, 0}},
	} {
		t.Run(test.claim, func(t *testing.T) {
			c, err := Parse(llama(test.edits))
			if err != nil {
				t.Fatal(err)
			}
			for layer, want := range test.want {
				if got := c.Window(layer); got != want {
					t.Errorf("layer %d sees %d positions, want %d", layer, got, want)
				}
			}
		})
	}
}

func TestErrorsNameTheField(t *testing.T) {
	llama3 := func(field string, value any) edits {
		s := edits{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
		s[field] = value
		maps.DeleteFunc(s, func(_ string, v any) bool { return v == nil })
		return edits{"rope_scaling": s}
	}
	type test struct {
		edits edits
		want  string
	}
	tests := []test{
		{edits{"model_type": "gpt2"}, `architecture "gpt2" is unknown; supported are llama, mistral, qwen2, qwen3`},
		{edits{"model_type": nil}, "model_type is missing"},
		{edits{"model_type": nil, "architectures": []string{"GPT2LMHeadModel"}}, `architecture "GPT2LMHeadModel" is unknown`},
		{edits{"architectures": []string{"LlamaForSequenceClassification"}}, "architectures: LlamaForSequenceClassification is not supported"},
		{edits{"vocab_size": "many"}, `vocab_size is "many", want a whole number`},
		{edits{"vocab_size": 99.5}, "vocab_size is 99.5, want a whole number"},
		{edits{"hidden_size": 0}, "hidden_size is 0"},
		{edits{"hidden_size": -24}, "hidden_size is -24"},
		{edits{"hidden_size": 1 << 40}, "hidden_size is 1099511627776"},
		{edits{"hidden_size": 25}, "hidden_size is 25, want a multiple of num_attention_heads 6"},
		{edits{"num_attention_heads": 0}, "num_attention_heads is 0"},
		{edits{"num_key_value_heads": 4}, "num_attention_heads is 6, want a multiple of num_key_value_heads 4"},
		{edits{"num_key_value_heads": 0}, "num_key_value_heads is 0"},
		{edits{"head_dim": 7}, "head_dim is 7, want an even number"},
		{edits{"rms_norm_eps": 0}, "rms_norm_eps is 0"},
		{edits{"rope_theta": -1}, "rope_theta is -1"},
		{edits{"rope_theta": []int{1}}, "rope_theta is [1], want a number"},
		{edits{"rope_scaling": edits{"type": "yarn", "factor": 4}}, `rope_scaling: type "yarn" is not supported`},
		{edits{"rope_scaling": edits{"type": "linear"}}, "rope_scaling: factor is missing"},
		{edits{"rope_scaling": 4}, "rope_scaling is 4, want an object"},
		{llama3("low_freq_factor", nil), "rope_scaling: low_freq_factor is missing"},
		{llama3("high_freq_factor", 1), "high_freq_factor is 1, want more than low_freq_factor 1"},
		{llama3("original_max_position_embeddings", 0), "original_max_position_embeddings is 0"},
		{llama3("factor", 0.5), "factor is 0.5"},
		{edits{"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5"},
		{edits{"hidden_act": "gelu"}, `hidden_act is "gelu"`},
		{edits{"quantization_config": edits{}}, "quantization_config"},
		{edits{"eos_token_id": 100}, "eos_token_id is 100"},
		{edits{"eos_token_id": "x"}, `eos_token_id is "x"`},
		{edits{"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": -1}, "sliding_window is -1"},
		{edits{"model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 8, "use_sliding_window": true, "layer_types": []string{"sliding_attention"}}, "layer_types has 1 entries"},
		{edits{"model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 8, "use_sliding_window": true, "layer_types": []string{"chunked"}}, `layer_types: layer 0 is "chunked"`},
	}
	for _, field := range []string{"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings", "rms_norm_eps"} {
		tests = append(tests, test{edits{field: nil}, field + " is missing"}, test{edits{field: json.RawMessage("null")}, field + " is missing"})
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			_, err := Parse(llama(test.edits))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestGenerationConfigNamesTheEnds(t *testing.T) {
	for _, test := range []struct{ file, want string }{
		{`{"eos_token_id": [3, 4]}`, "[3,4]"},
		{`{}`, "[2]"},
		{``, "[2]"},
		{`{"eos_token_id": 100}`, "generation_config.json: bos_token_id or eos_token_id is 100, want a token below vocab_size 100"},
		{`{"eos_token_id": {}}`, "generation_config.json: eos_token_id is {}, want a whole number or a list of them"},
		{`[`, "generation_config.json: unexpected end of JSON input"},
	} {
		dir := t.TempDir()
		write := func(name string, data []byte) {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("config.json", llama(edits{"eos_token_id": 2}))
		if test.file != "" {
			write("generation_config.json", []byte(test.file))
		}
		c, err := FromFile(dir)
		got, _ := json.Marshal(c.EOS)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != test.want {
			t.Errorf("%q: got %s, want %s", test.file, got, test.want)
		}
	}
}

// With theta 100 and heads of 4, pair 0 turns 1 and pair 1 turns 0.1 a position.
func TestInvFreq(t *testing.T) {
	plain := Config{HeadDim: 4, RopeTheta: 100}
	linear, factors, llama3 := plain, plain, plain
	linear.RopeScaling = &RopeScaling{Type: "linear", Factor: 4}
	factors.RopeFactors = []float32{1, 5}
	// Pair 0 turns 1000/2π = 159 times in the original context, more than 4: unchanged. Pair 1 turns 15.9 times.
	llama3.RopeScaling = &RopeScaling{Type: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalContext: 1000}
	slow := llama3
	slow.RopeScaling = &RopeScaling{Type: "llama3", Factor: 8, LowFreqFactor: 20, HighFreqFactor: 40, OriginalContext: 1000}
	between := llama3
	turns := 1000 * 0.1 / (2 * math.Pi)
	between.RopeScaling = &RopeScaling{Type: "llama3", Factor: 8, LowFreqFactor: turns - 1, HighFreqFactor: turns + 3, OriginalContext: 1000}
	for _, test := range []struct {
		claim string
		c     Config
		want  [2]float64
	}{
		{"powers of theta", plain, [2]float64{1, 0.1}},
		{"linear divides all", linear, [2]float64{0.25, 0.025}},
		{"factors divide each", factors, [2]float64{1, 0.02}},
		{"llama3 leaves fast ones", llama3, [2]float64{1, 0.1}},
		{"llama3 divides slow ones", slow, [2]float64{1, 0.1 / 8}},
		{"llama3 blends a quarter of the way", between, [2]float64{1, 0.75*0.1/8 + 0.25*0.1}},
	} {
		got := test.c.InvFreq()
		for i, want := range test.want {
			if math.Abs(got[i]-want) > 1e-15 {
				t.Errorf("%s: pair %d turns %g a position, want %g", test.claim, i, got[i], want)
			}
		}
	}
}

// The numbers are what transformers 5.23 computes, in float32, for this model.
func TestInvFreqEqualsTransformers(t *testing.T) {
	c, err := FromFile(models + "tiny-llama3")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 0.193922758102417, 0.010538230650126934, 0.0009115831344388425, 0.00017677668074611574,
		3.428102354519069e-05, 6.647869668086059e-06, 1.289173155782919e-06} {
		if got := c.InvFreq()[i]; math.Abs(got/want-1) > 3e-7 {
			t.Errorf("pair %d turns %g a position, want %g", i, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(llama(nil))
	f.Add(llama(edits{"rope_scaling": edits{"type": "linear", "factor": 2}}))
	f.Add([]byte(`{"model_type": "qwen2", "layer_types": [1], "num_hidden_layers": 99999999999}`))
	for _, name := range []string{"tiny-llama3", "tiny-qwen2", "tiny-qwen3"} {
		data, err := os.ReadFile(models + name + "/config.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		for layer := -1; layer <= min(c.Layers, 100); layer++ {
			if c.Window(layer) < 0 {
				t.Errorf("window of layer %d is negative", layer)
			}
		}
		for i, f := range c.InvFreq() {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				t.Errorf("frequency %d is %g", i, f)
			}
		}
	})
}
