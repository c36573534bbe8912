// Rotary frequencies: how fast each pair of a head's numbers turns with the position, and how models that were
// stretched to longer texts slow them down.

package config

import (
	"fmt"
	"math"
)

// RopeScaling is how a model was stretched. Type "linear" divides every frequency by Factor; "llama3" leaves the
// fast ones, divides the slow ones by Factor and blends between.
type RopeScaling struct {
	Type            string
	Factor          float64
	LowFreqFactor   float64 // llama3: wavelengths above OriginalContext/LowFreqFactor are slow
	HighFreqFactor  float64 // llama3: wavelengths below OriginalContext/HighFreqFactor are fast
	OriginalContext int     // llama3: the context before stretching
}

// check accepts nil.
func (s *RopeScaling) check() error {
	if s == nil {
		return nil
	}
	if s.Type != "linear" && s.Type != "llama3" {
		return fmt.Errorf("rope_scaling: type %q is not supported; supported are linear, llama3", s.Type)
	}
	if !(s.Factor >= 1) || math.IsInf(s.Factor, 0) {
		return fmt.Errorf("rope_scaling: factor is %g, want 1 or more", s.Factor)
	}
	if s.Type == "linear" {
		return nil
	}
	switch {
	case !(s.LowFreqFactor > 0):
		return fmt.Errorf("rope_scaling: low_freq_factor is %g, want more than 0", s.LowFreqFactor)
	case !(s.HighFreqFactor > s.LowFreqFactor) || math.IsInf(s.HighFreqFactor, 0):
		return fmt.Errorf("rope_scaling: high_freq_factor is %g, want more than low_freq_factor %g", s.HighFreqFactor, s.LowFreqFactor)
	case s.OriginalContext < 1:
		return fmt.Errorf("rope_scaling: original_max_position_embeddings is %d, want 1 or more", s.OriginalContext)
	}
	return nil
}

// InvFreq returns the angle in radians that pair i of a head turns per position, [head_dim/2], with scaling and
// factors applied. Pair i is (i, i+head_dim/2). The llama3 formula is that of transformers' modeling_rope_utils,
// in float64 where transformers has float32.
func (c Config) InvFreq() []float64 {
	freqs := make([]float64, c.HeadDim/2)
	for i := range freqs {
		f := math.Pow(c.RopeTheta, -2*float64(i)/float64(c.HeadDim))
		if s := c.RopeScaling; s != nil {
			f = s.scale(f)
		}
		if i < len(c.RopeFactors) {
			f /= float64(c.RopeFactors[i])
		}
		freqs[i] = f
	}
	return freqs
}

func (s *RopeScaling) scale(f float64) float64 {
	if s.Type == "linear" {
		return f / s.Factor
	}
	turns := float64(s.OriginalContext) * f / (2 * math.Pi) // full turns within the original context
	switch {
	case turns < s.LowFreqFactor:
		return f / s.Factor
	case turns > s.HighFreqFactor:
		return f
	}
	smooth := (turns - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
	return (1-smooth)*f/s.Factor + smooth*f
}
