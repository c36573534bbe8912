package plugin

// How likely the model found what it said, as GenerationInfo holds it under "LogProbs".

import "github.com/latentchain/latentchain/xlaengine"

// TokenLogProb is a token of an answer, with the natural logarithm of its probability under the model whatever the
// sampling, and the likeliest tokens in its place: as many as Metadata's "top_logprobs" asks for.
type TokenLogProb struct {
	Token   string         `json:"token"`
	LogProb float64        `json:"logprob"`
	Top     []TokenLogProb `json:"top_logprobs,omitempty"`
}

func (l *LLM) logProbs(all []xlaengine.TokenLogProb, top int) []TokenLogProb {
	out := make([]TokenLogProb, len(all))
	for i, p := range all {
		out[i] = TokenLogProb{Token: l.generator.Token(p.Token.ID), LogProb: p.Token.LogProb}
		for _, other := range p.Likeliest[:min(top, len(p.Likeliest))] {
			out[i].Top = append(out[i].Top, TokenLogProb{Token: l.generator.Token(other.ID), LogProb: other.LogProb})
		}
	}
	return out
}
