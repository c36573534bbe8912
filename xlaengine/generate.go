package xlaengine

// Generate: an agent reads its prompt over the memory it was handed and answers in text.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latentchain/latentchain/xlaengine/sample"
	"github.com/latentchain/latentchain/xlaengine/token"
)

// GenerateRequest is one row of decoding.
type GenerateRequest struct {
	Memory    *Memory // what was handed over; stays the caller's and stays valid
	Prompt    []int   // token ids, at least one
	MaxTokens int     // at most this many new tokens; 0 means DefaultMaxTokens
	Sampling  sample.Params
	Stop      []string                // texts that end the answer; they are not part of it
	PastEnd   bool                    // go on after end tokens (for measurements)
	OnText    func(text string) error // called in the caller's goroutine with each piece of text as soon as it is whole; an error ends the run
	Logits    bool                    // keep the logits after the prompt in the result

	MinTokens  int        // do not end before so many tokens
	Constraint Constraint // nil, or what the answer must fit; with one, the answer is complete within MaxTokens
	LogProbs   int        // keep each token's log probability, and so many of the likeliest's beside it; 0 for none
}

// DefaultMaxTokens caps an answer when the request does not.
const DefaultMaxTokens = 512

// Why a generation ended.
const (
	StopEnd    = "stop"   // an end token, or one of the stop texts
	StopLength = "length" // MaxTokens, or the model's context
)

// Generation is what a row of decoding gave.
type Generation struct {
	Memory     *Memory // Memory of the request, prompt and answer; the caller closes it
	Text       string  // without end tokens and stop texts
	Tokens     []int   // as sampled, with the end token if there was one
	StopReason string
	FirstToken time.Duration // from the call to the first token
	Usage      Usage
	Times      Times
	Logits     []float32 // with the request's Logits: after the prompt, [vocab]
	LogProbs   []TokenLogProb
}

// TokenLogProb is the log probability of a token under the model, whatever the sampling, and the likeliest beside it.
type TokenLogProb struct {
	Token     sample.LogProb
	Likeliest []sample.LogProb
}

// Generate runs one request; see GenerateBatch.
func (e *Engine) Generate(ctx context.Context, req GenerateRequest) (Generation, error) {
	all, err := e.GenerateBatch(ctx, []GenerateRequest{req})
	if err != nil {
		return Generation{}, err
	}
	return all[0], nil
}

// GenerateBatch takes in each row's prompt over its memory and decodes its answer, side by side with the other rows and
// with whoever else calls the engine; a row ends by itself. A row gives what it gives alone. A cancelled ctx ends it
// before the next pass, or block of layers where nobody else takes part in the pass, and an error of OnText as soon as it
// is returned; either fails the call and leaves the memories of the requests as they are. When memories take all of the
// engine's budget it waits for its turn.
func (e *Engine) GenerateBatch(ctx context.Context, reqs []GenerateRequest) ([]Generation, error) {
	for i := range reqs {
		if err := e.checkGenerate(&reqs[i]); err != nil {
			return nil, rowError("generate", i, len(reqs), err)
		}
	}
	start := time.Now()
	results := make([]Generation, len(reqs))
	sequences := make([]*sequence, 0, len(reqs))
	for i, req := range reqs {
		if req.MaxTokens == 0 {
			req.MaxTokens = DefaultMaxTokens
		}
		// The last token takes no position. Who must be complete within so many tokens has to know how many fit.
		req.MaxTokens = min(req.MaxTokens, e.dec.Context-req.Memory.length-len(req.Prompt)+1)
		q, err := e.newSequence(req.Memory, req.Prompt, req.MaxTokens)
		if err != nil {
			for _, q := range sequences {
				q.leave()
			}
			return nil, rowError("generate", i, len(reqs), err)
		}
		q.decode = &decoding{req: req, result: &results[i], start: start, sampler: sample.New(req.Sampling), stream: e.tokenizer.NewStream()}
		q.decode.sampler.Prompt(req.Prompt)
		sequences = append(sequences, q)
	}
	if err := e.sched.submit(ctx, sequences); err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	for i, q := range sequences {
		q.usage.CompletionTokens = len(results[i].Tokens)
		results[i].Memory, results[i].Usage, results[i].Times = q.result, q.usage, q.times
	}
	return results, nil
}

func (e *Engine) checkGenerate(req *GenerateRequest) error {
	if req.MaxTokens < 0 {
		return fmt.Errorf("at most %d tokens; want 1 or more", req.MaxTokens)
	}
	if req.MinTokens < 0 || req.LogProbs < 0 {
		return fmt.Errorf("at least %d tokens, %d log probabilities; want 0 or more", req.MinTokens, req.LogProbs)
	}
	if err := req.Sampling.Validate(); err != nil {
		return err
	}
	return e.checkPrompt(req.Memory, req.Prompt, 1)
}

// decoding is what a sequence does that answers, and what it has said so far.
type decoding struct {
	req     GenerateRequest
	result  *Generation
	start   time.Time
	sampler *sample.Sampler
	stream  *token.Stream
	held    string // text not yet passed on, because a stop text may begin in it
	ended   bool   // the answer is complete
	err     error

	masked []float32 // room for logits

	fed      []int // in the last pass: the token before and a draft of what follows it
	accepted int   // how much of the draft turned out right
	wrong    bool  // the rest of it did not
	drafter  drafter
	counted  int // tokens that the metrics know of
}

// last is the token sampled last, which the next pass takes in.
func (d *decoding) last() int { return d.result.Tokens[len(d.result.Tokens)-1] }

// took notes that fed is in; how much of it stays is not known before the next tokens are sampled.
func (d *decoding) took(f feed) {
	d.fed, d.accepted, d.wrong = f.tokens, 0, false
}

// take samples the next token from the logits that follow the tokens so far. Of a draft it is called for each position
// in turn, as long as the draft goes on as sampled.
func (d *decoding) take(e *Engine, q *sequence, logits []float32) {
	if d.wrong || d.err != nil {
		return
	}
	id := d.choose(e, logits)
	if d.err != nil {
		return
	}
	if len(d.result.Tokens) == 0 {
		d.result.FirstToken = time.Since(d.start)
		if d.req.Logits {
			d.result.Logits = slices.Clone(logits)
		}
	}
	d.sampler.Accept(id)
	d.result.Tokens = append(d.result.Tokens, id)
	switch {
	case !d.req.PastEnd && slices.Contains(e.ends, id):
		d.end(StopEnd)
	default:
		d.held += d.stream.Push(id)
		if cut, found := firstStop(d.held, d.req.Stop); found {
			d.held = d.held[:cut]
			d.ended, d.result.StopReason = true, StopEnd
		} else if d.complete() {
			d.end(StopEnd)
		} else if len(d.result.Tokens) >= d.req.MaxTokens {
			d.end(StopLength)
		}
	}
	if next := d.accepted + 1; !d.ended && next < len(d.fed) && d.fed[next] == id {
		d.accepted++
	} else {
		d.wrong = true
	}
	d.pass(q.call)
}

// choose samples a token that may come next.
func (d *decoding) choose(e *Engine, logits []float32) (id int) {
	allowed, err := d.allowed(e, logits)
	if err == nil {
		id, err = d.sampler.Next(allowed)
	}
	if err == nil && d.req.Constraint != nil && !slices.Contains(e.ends, id) {
		err = d.req.Constraint.Accept(id)
	}
	if err == nil && d.req.LogProbs > 0 {
		var p TokenLogProb
		p.Token, p.Likeliest, err = sample.LogProbs(logits, id, d.req.LogProbs)
		d.result.LogProbs = append(d.result.LogProbs, p)
	}
	d.err = err
	return id
}

// settle keeps of the last pass what turned out right, and finishes the sequence if it has ended.
func (d *decoding) settle(s *scheduler, q *sequence) {
	if d.err != nil {
		q.call.cancel(d.err)
		return
	}
	s.stats.said(len(d.result.Tokens)-d.counted, max(len(d.fed)-1, 0), d.accepted)
	d.counted = len(d.result.Tokens)
	if len(d.fed) > 1 {
		d.drafter.learn(d.accepted)
	} else {
		d.drafter.said(d.last())
	}
	if len(d.fed) > 0 {
		q.length -= len(d.fed) - 1 - d.accepted
		q.chain = q.chain.withTokens(d.fed[:1+d.accepted]...)
		d.fed = nil
	}
	if d.ended {
		s.finish(q)
	}
}

func (d *decoding) end(reason string) {
	d.ended, d.result.StopReason = true, reason
	d.held += d.stream.Flush()
	if cut, found := firstStop(d.held, d.req.Stop); found {
		d.held = d.held[:cut]
	}
}

// pass hands on the held text, up to where a stop text may have begun unless the answer has ended.
func (d *decoding) pass(c *call) {
	n := len(d.held)
	if !d.ended {
		n -= stopBegun(d.held, d.req.Stop)
	}
	text := d.held[:n]
	if text == "" {
		return
	}
	d.held = d.held[n:]
	d.result.Text += text
	if on := d.req.OnText; on != nil {
		c.tell(func() error {
			if err := on(text); err != nil {
				return fmt.Errorf("streaming: %w", err)
			}
			return nil
		})
	}
}

// firstStop finds where the earliest of the stop texts begins in text.
func firstStop(text string, stops []string) (at int, found bool) {
	at = len(text)
	for _, s := range stops {
		if i := strings.Index(text, s); s != "" && i >= 0 && i <= at {
			at, found = i, true
		}
	}
	return at, found
}

// stopBegun returns the length of the longest end of text that is the beginning of a stop text.
func stopBegun(text string, stops []string) int {
	longest := 0
	for _, s := range stops {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) {
				longest = n
			}
		}
	}
	return longest
}
