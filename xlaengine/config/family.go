// The families this engine runs, and where they differ. A new one is a row here, if its decoder needs no more
// than the switches of Config.

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// family holds what a config.json leaves unsaid: the defaults of the transformers class that would read it.
type family struct {
	class   string // the entry in config.json's "architectures"
	kvHeads int    // key heads where the field is absent; 0: as many as query heads
	headDim int    // head width where the field is absent; 0: hidden_size / num_attention_heads

	qkvBias  bool // always has biases on q, k and v
	attnBias bool // "attention_bias" adds biases to q, k, v and the output projection
	mlpBias  bool // "mlp_bias" adds biases to the MLP
	qkNorm   bool

	window      bool // "sliding_window" holds for all layers
	layerWindow bool // "use_sliding_window" must be set too, and says nothing for the first "max_window_layers"

	gguf        bool // has a GGUF architecture of this name
	interleaved bool // its GGUF keeps rows of q and k in pairs (see Interleaved)
}

var families = map[string]family{
	"llama":   {class: "LlamaForCausalLM", attnBias: true, mlpBias: true, gguf: true, interleaved: true},
	"mistral": {class: "MistralForCausalLM", kvHeads: 8, window: true},
	"qwen2":   {class: "Qwen2ForCausalLM", kvHeads: 32, qkvBias: true, layerWindow: true, gguf: true},
	"qwen3":   {class: "Qwen3ForCausalLM", kvHeads: 32, headDim: 128, attnBias: true, qkNorm: true, layerWindow: true, gguf: true},
}

// Interleaved reports whether a GGUF of this architecture keeps the rows of attn_q and attn_k for a rotation of
// neighbouring pairs (0,1), (2,3), …, where Hugging Face's files are for halves (0, head_dim/2), …
// llama.cpp's converter reorders them for the llama architecture, which also carries Mistral.
func (c Config) Interleaved() bool { return families[c.Architecture].interleaved }

func unknownFamily(name string) error {
	return fmt.Errorf("architecture %q is unknown; supported are %s", name,
		strings.Join(slices.Sorted(maps.Keys(families)), ", "))
}

// familyOf finds the family by model_type, or where that is absent by the class names in architectures.
func familyOf(modelType string, classes []string) (string, family, error) {
	if modelType == "" {
		for name, f := range families {
			if slices.Contains(classes, f.class) {
				return name, f, nil
			}
		}
		if len(classes) == 0 {
			return "", family{}, fmt.Errorf("model_type is missing")
		}
		return "", family{}, unknownFamily(classes[0])
	}
	f, ok := families[modelType]
	if !ok {
		return "", family{}, unknownFamily(modelType)
	}
	for _, class := range classes {
		// A LlamaForSequenceClassification is a llama too, but has a head this engine does not run.
		if strings.Contains(class, "For") && class != f.class {
			return "", family{}, fmt.Errorf("architectures: %s is not supported, want %s", class, f.class)
		}
	}
	return modelType, f, nil
}
