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
	OnText    func(text string) error // called with each piece of text as soon as it is whole; an error ends the run
	Logits    bool                    // keep the logits after the prompt in the result
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
}

// Generate runs one request; see GenerateBatch.
func (e *Engine) Generate(ctx context.Context, req GenerateRequest) (Generation, error) {
	all, err := e.GenerateBatch(ctx, []GenerateRequest{req})
	if err != nil {
		return Generation{}, err
	}
	return all[0], nil
}

// GenerateBatch takes in each row's prompt over its memory and decodes its answer, all rows side by side; a row ends
// by itself. A row gives what it gives alone. A cancelled ctx ends it before the next block of layers, an error of
// OnText before the next token; either fails the call and leaves the memories of the requests as they are.
func (e *Engine) GenerateBatch(ctx context.Context, reqs []GenerateRequest) ([]Generation, error) {
	for i := range reqs {
		if err := e.checkGenerate(&reqs[i]); err != nil {
			return nil, rowError("generate", i, len(reqs), err)
		}
	}
	var results []Generation
	for from := 0; from < len(reqs); from += maxRows {
		group, err := e.generateGroup(ctx, reqs[from:min(from+maxRows, len(reqs))])
		if err != nil {
			for _, r := range results {
				r.Memory.Close()
			}
			return nil, fmt.Errorf("generate: %w", err)
		}
		results = append(results, group...)
	}
	return results, nil
}

func (e *Engine) checkGenerate(req *GenerateRequest) error {
	if req.MaxTokens < 0 {
		return fmt.Errorf("at most %d tokens; want 1 or more", req.MaxTokens)
	}
	if err := req.Sampling.Validate(); err != nil {
		return err
	}
	return e.checkPrompt(req.Memory, req.Prompt, 1)
}

// decoding is a row and what it has said so far.
type decoding struct {
	*row
	req     GenerateRequest
	result  *Generation
	sampler *sample.Sampler
	stream  *token.Stream
	held    string // text not yet passed on, because a stop text may begin in it
	ended   bool
}

func (e *Engine) generateGroup(ctx context.Context, reqs []GenerateRequest) (_ []Generation, err error) {
	start := time.Now()
	if err := e.lock.lock(ctx); err != nil {
		return nil, err
	}
	defer e.lock.unlock()
	results := make([]Generation, len(reqs))
	times := Times{Wait: time.Since(start)}
	compiled := e.dev.compiled.Load()

	rows := make([]*row, len(reqs))
	decodings := make([]*decoding, len(reqs))
	defer func() {
		for _, r := range rows {
			r.drop()
		}
	}()
	for i, req := range reqs {
		if rows[i], err = e.newRow(req.Memory, req.Prompt); err != nil {
			return nil, err
		}
		results[i].Usage.CachedTokens = req.Memory.length
		results[i].Usage.PromptTokens = len(req.Prompt)
		decodings[i] = &decoding{row: rows[i], req: req, result: &results[i], sampler: sample.New(req.Sampling), stream: e.tokenizer.NewStream()}
		decodings[i].sampler.Prompt(req.Prompt)
	}
	done := timed(&times.Prefill)
	err = e.prefill(ctx, rows)
	done()
	if err != nil {
		return nil, err
	}
	done = timed(&times.Decode)
	err = e.decode(ctx, decodings, start)
	done()
	if err != nil {
		return nil, err
	}
	times.Compile = time.Duration(e.dev.compiled.Load() - compiled)
	for i, r := range rows {
		results[i].Memory = r.finish(e, reqs[i].Memory)
		results[i].Usage.CompletionTokens = len(results[i].Tokens)
		results[i].Usage.MemoryBytes = results[i].Memory.Bytes()
		results[i].Times = times
	}
	return results, nil
}

// decode samples a token a row from the rows' hidden states and passes those that go on, until none does.
func (e *Engine) decode(ctx context.Context, all []*decoding, start time.Time) error {
	active := slices.Clone(all)
	for len(active) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := make([]*row, len(active))
		for i, d := range active {
			rows[i] = d.row
		}
		logits, err := e.logits(rows)
		if err != nil {
			return err
		}
		for i, d := range active {
			if len(d.result.Tokens) == 0 {
				d.result.FirstToken = time.Since(start)
				if d.req.Logits {
					d.result.Logits = slices.Clone(logits[i])
				}
			}
			if err := d.take(e, logits[i]); err != nil {
				return err
			}
		}
		active = slices.DeleteFunc(active, func(d *decoding) bool { return d.ended })
		if len(active) == 0 {
			return nil
		}
		if err := e.next(ctx, active); err != nil {
			return err
		}
	}
	return nil
}

// next passes each row's last token.
func (e *Engine) next(ctx context.Context, active []*decoding) error {
	rows := make([]*row, len(active))
	ids := make([]int32, rowsFor(len(active)))
	for i, d := range active {
		rows[i] = d.row
		id := d.result.Tokens[len(d.result.Tokens)-1]
		ids[i] = int32(id)
		d.digest = d.digest.withTokens([]int{id})
	}
	x, err := e.embed(ids)
	if err != nil {
		return err
	}
	return e.oneEach(ctx, rows, x)
}

// take samples the next token and says whether the row goes on after it.
func (d *decoding) take(e *Engine, logits []float32) error {
	id, err := d.sampler.Next(logits)
	if err != nil {
		return err
	}
	d.sampler.Accept(id)
	d.result.Tokens = append(d.result.Tokens, id)
	limit := d.req.MaxTokens
	if limit == 0 {
		limit = DefaultMaxTokens
	}
	switch {
	case !d.req.PastEnd && slices.Contains(e.ends, id):
		d.end(StopEnd)
	default:
		d.held += d.stream.Push(id)
		if cut, found := firstStop(d.held, d.req.Stop); found {
			d.held = d.held[:cut]
			d.ended, d.result.StopReason = true, StopEnd
		} else if len(d.result.Tokens) >= limit || d.length+1 > e.dec.Context {
			d.end(StopLength)
		}
	}
	return d.pass()
}

func (d *decoding) end(reason string) {
	d.ended, d.result.StopReason = true, reason
	d.held += d.stream.Flush()
	if cut, found := firstStop(d.held, d.req.Stop); found {
		d.held = d.held[:cut]
	}
}

// pass hands on the held text, up to where a stop text may have begun unless the row has ended.
func (d *decoding) pass() error {
	n := len(d.held)
	if !d.ended {
		n -= stopBegun(d.held, d.req.Stop)
	}
	text := d.held[:n]
	if text == "" {
		return nil
	}
	d.held = d.held[n:]
	d.result.Text += text
	if d.req.OnText != nil {
		if err := d.req.OnText(text); err != nil {
			return fmt.Errorf("streaming: %w", err)
		}
	}
	return nil
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
