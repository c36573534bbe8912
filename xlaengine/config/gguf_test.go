package config

import (
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"
	"github.com/latentchain/latentchain/xlaengine/weights/gguftest"
)

// keys are the least a llama's metadata holds; changes set keys by name, nil removes one.
func keys(changes edits) map[string]any {
	k := edits{
		"general.architecture": "llama", "llama.embedding_length": uint32(24), "llama.block_count": uint32(2),
		"llama.attention.head_count": uint32(6), "llama.feed_forward_length": uint32(48), "llama.context_length": uint32(64),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5),
	}
	maps.Copy(k, changes)
	maps.DeleteFunc(k, func(_ string, v any) bool { return v == nil })
	return k
}

var embed = gguftest.F32("token_embd.weight", make([]float32, 100*24), 100, 24)

func one(name string) gguftest.Tensor { return gguftest.F32(name, []float32{1}, 1) }

func parse(t *testing.T, changes edits, tensors ...gguftest.Tensor) (Config, error) {
	t.Helper()
	f, err := gguf.Open(gguftest.Write(t, "m.gguf", keys(changes), tensors...))
	if err != nil {
		t.Fatal(err)
	}
	return FromGGUF(f)
}

func TestFromGGUF(t *testing.T) {
	for _, test := range []struct {
		claim   string
		edits   edits
		tensors []gguftest.Tensor
		want    func(Config) bool
	}{
		{"sizes", nil, nil, func(c Config) bool {
			return c.Vocab == 100 && c.Dim == 24 && c.Layers == 2 && c.Heads == 6 && c.KVHeads == 6 && c.HeadDim == 4 &&
				c.FFN == 48 && c.Context == 64 && float32(c.NormEps) == 1e-5 && c.RopeTheta == 10000
		}},
		{"key heads, theta and head width where given", edits{"llama.attention.head_count_kv": uint32(2), "llama.rope.freq_base": float32(5e5),
			"llama.attention.key_length": uint32(8), "llama.attention.value_length": uint32(8)}, nil,
			func(c Config) bool { return c.KVHeads == 2 && c.RopeTheta == 5e5 && c.HeadDim == 8 }},
		{"heads by layer", edits{"llama.attention.head_count": []int32{6, 6}}, nil, func(c Config) bool { return c.Heads == 6 }},
		{"tied where output is absent", nil, nil, func(c Config) bool { return c.Tied }},
		{"untied where it is not", nil, []gguftest.Tensor{one("output.weight")}, func(c Config) bool { return !c.Tied }},
		{"biases where there are tensors", nil, []gguftest.Tensor{one("blk.0.attn_q.bias"), one("blk.0.attn_output.bias")},
			func(c Config) bool { return c.QKVBias && c.OutBias && !c.MLPBias }},
		{"rotary factors", nil, []gguftest.Tensor{gguftest.F32("rope_freqs.weight", []float32{1, 8}, 2)},
			func(c Config) bool { return c.RopeFactors[0] == 1 && c.RopeFactors[1] == 8 }},
		{"linear scaling", edits{"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": float32(2)}, nil,
			func(c Config) bool { return c.RopeScaling.Factor == 2 }},
		{"two ends of text", edits{"tokenizer.ggml.eos_token_id": uint32(2), "tokenizer.ggml.eot_token_id": uint32(9), "tokenizer.ggml.bos_token_id": uint32(1)}, nil,
			func(c Config) bool { return c.BOS == 1 && len(c.EOS) == 2 && c.EOS[1] == 9 }},
		{"window", edits{"llama.attention.sliding_window": uint32(16)}, nil, func(c Config) bool { return c.Window(1) == 16 }},
	} {
		t.Run(test.claim, func(t *testing.T) {
			c, err := parse(t, test.edits, append([]gguftest.Tensor{embed}, test.tensors...)...)
			if err != nil {
				t.Fatal(err)
			}
			if !test.want(c) {
				t.Errorf("got %s", text(c))
			}
		})
	}
}

func TestGGUFErrorsNameTheKey(t *testing.T) {
	for _, test := range []struct {
		edits   edits
		tensors []gguftest.Tensor
		want    string
	}{
		{edits{"general.architecture": nil}, nil, "metadata general.architecture is missing"},
		{edits{"general.architecture": "gpt2"}, nil, `architecture "gpt2" is unknown`},
		{edits{"general.architecture": "mistral"}, nil, `architecture "mistral" is unknown`},
		{edits{"llama.block_count": nil}, nil, "metadata llama.block_count is missing"},
		{edits{"llama.block_count": "two"}, nil, "metadata llama.block_count is a string, want a whole number"},
		{edits{"llama.block_count": uint32(0)}, nil, "num_hidden_layers is 0"},
		{edits{"llama.embedding_length": uint64(1 << 60)}, nil, "metadata llama.embedding_length is 1152921504606846976"},
		{edits{"llama.attention.head_count": uint32(0)}, nil, "num_attention_heads is 0"},
		{edits{"llama.attention.head_count": []int32{6, 5}}, nil, "llama.attention.head_count differs from layer to layer"},
		{edits{"llama.attention.head_count": []int32{}}, nil, "llama.attention.head_count is an empty list"},
		{edits{"llama.attention.layer_norm_rms_epsilon": nil}, nil, "metadata llama.attention.layer_norm_rms_epsilon is missing"},
		{edits{"llama.attention.value_length": uint32(2)}, nil, "llama.attention.value_length is 2, want the head width 4"},
		{edits{"llama.rope.dimension_count": uint32(2)}, nil, "llama.rope.dimension_count is 2, want the head width 4"},
		{edits{"llama.rope.scaling.type": "yarn"}, nil, `llama.rope.scaling.type "yarn" is not supported`},
		{edits{"llama.rope.scaling.type": "linear"}, nil, "llama.rope.scaling.factor is missing"},
		{nil, []gguftest.Tensor{one("output.weight")}, "tensor token_embd.weight: missing"},
		{nil, []gguftest.Tensor{embed, gguftest.F32("rope_freqs.weight", []float32{1, 2, 3}, 3)}, "tensor rope_freqs.weight: F32 [3], want F32 [2]"},
		{nil, []gguftest.Tensor{embed, gguftest.F32("rope_freqs.weight", []float32{1, -1}, 2)}, "number 1 is -1"},
		{nil, []gguftest.Tensor{embed, gguftest.F32("rope_freqs.weight", []float32{1, float32(math.NaN())}, 2)}, "number 1 is NaN"},
	} {
		t.Run(test.want, func(t *testing.T) {
			tensors := test.tensors
			if tensors == nil {
				tensors = []gguftest.Tensor{embed}
			}
			_, err := parse(t, test.edits, tensors...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
