package main

// latentchain tokenize: texts to token ids, to compare with other tokenizers. It opens the model's tokenizer only.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/latentchain/latentchain/xlaengine/hub"
	"github.com/latentchain/latentchain/xlaengine/token"
	"github.com/latentchain/latentchain/xlaengine/weights"
)

func (a *app) tokenizeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "tokenize",
		Short: "Turn texts into token ids",
		Long: `Tokenize reads a JSON array of objects with a field "text" from standard input and writes the same array
with a field "ids" in each. Nothing is put before or after a text by itself; special tokens written in it
become their own id.`,
		Example: `  echo '[{"text": "Hello, world"}]' | latentchain tokenize
  latentchain tokenize --model Qwen/Qwen3-0.6B < texts.json > ids.json`,
		Args: cobra.NoArgs,
		RunE: a.runs(a.tokenize),
	}
}

// tokenized is a text and its ids.
type tokenized struct {
	Text string `json:"text"`
	IDs  []int  `json:"ids"`
}

func (a *app) tokenize(ctx context.Context) error {
	texts, err := readFile(ctx, a, "-", parseTexts)
	if err != nil {
		return fmt.Errorf("tokenize: %w", err)
	}
	tokenizer, err := a.tokenizer(ctx)
	if err != nil {
		return fmt.Errorf("tokenize: %w", err)
	}
	for i := range texts {
		if texts[i].IDs, err = tokenizer.Encode(texts[i].Text); err != nil {
			return fmt.Errorf("tokenize: text %d: %w", i, err)
		}
		if texts[i].IDs == nil {
			texts[i].IDs = []int{} // [] in JSON, not null
		}
	}
	return a.printJSON(texts)
}

// parseTexts reads [{"text"}].
func parseTexts(data []byte) ([]tokenized, error) {
	var items []struct {
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, fmt.Errorf(`want a JSON array like [{"text": "Hello"}]: %w`, err)
	}
	texts := make([]tokenized, len(items))
	for i, item := range items {
		if item.Text == nil {
			return nil, fmt.Errorf(`object %d has no field "text"`, i)
		}
		texts[i].Text = *item.Text
	}
	return texts, nil
}

func (a *app) tokenizer(ctx context.Context) (*token.Tokenizer, error) {
	found, err := hub.Find(ctx, a.model, a.hubOptions())
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(found.Path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return token.Open(found.Path)
	}
	model, err := weights.Open(found.Path)
	if err != nil {
		return nil, err
	}
	defer model.Close()
	if model.GGUF() == nil {
		return nil, errors.New(found.Path + " carries no tokenizer; give the folder it is in")
	}
	return token.FromGGUF(model.GGUF())
}
