// The files beside tokenizer.json that name special tokens: tokenizer_config.json, special_tokens_map.json,
// config.json and generation_config.json.

package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// names is what those files say about begin and end tokens. Each of them may be missing.
type names struct {
	config     tokenFile // tokenizer_config.json
	special    tokenFile // special_tokens_map.json
	model      tokenFile // config.json
	generation tokenFile // generation_config.json
}

type tokenFile struct {
	BOS   tokenName        `json:"bos_token"`
	EOS   tokenName        `json:"eos_token"`
	BOSID idList           `json:"bos_token_id"`
	EOSID idList           `json:"eos_token_id"`
	Added map[string]added `json:"added_tokens_decoder"`
}

func readNames(dir string) (names, error) {
	var n names
	for name, into := range map[string]*tokenFile{
		"tokenizer_config.json":   &n.config,
		"special_tokens_map.json": &n.special,
		"config.json":             &n.model,
		"generation_config.json":  &n.generation,
	} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return names{}, err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return names{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return n, nil
}

// added returns the tokens of added_tokens_decoder, by id as far as that reads as a number.
func (n *names) added() []added {
	var list []added
	for id, a := range n.config.Added {
		number, err := strconv.Atoi(id)
		if err != nil {
			continue
		}
		a.ID = number
		list = append(list, a)
	}
	return list
}

// apply sets the begin and end tokens of t, a tokenizer's own file before a model's.
func (n *names) apply(t *Tokenizer) {
	bos, eos := t.ends.bos, t.ends.eos
	for _, f := range []tokenFile{n.generation, n.model, n.special, n.config} {
		if len(f.BOSID) > 0 && bos < 0 {
			bos = f.BOSID[0]
		}
		if id, ok := t.words.ids[f.BOS.text]; ok {
			bos = id
		}
		eos = append(eos, f.EOSID...)
		if id, ok := t.words.ids[f.EOS.text]; ok {
			eos = append(eos, id)
		}
	}
	if n.config.BOS.null {
		bos = -1
	}
	t.ends = newEnds(t.words, bos, eos)
}

// tokenName is "</s>", {"content": "</s>", …} or null.
type tokenName struct {
	text string
	null bool // written out as null, which is not the same as missing
}

func (n *tokenName) UnmarshalJSON(raw []byte) error {
	if isNull(raw) {
		n.null = true
		return nil
	}
	if json.Unmarshal(raw, &n.text) == nil {
		return nil
	}
	var c struct {
		Content string `json:"content"`
	}
	err := json.Unmarshal(raw, &c)
	n.text = c.Content
	return err
}

// idList is 2, [1, 2] or null.
type idList []int

func (l *idList) UnmarshalJSON(raw []byte) error {
	var one int
	if isNull(raw) {
		return nil
	}
	if json.Unmarshal(raw, &one) == nil {
		*l = idList{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]int)(l))
}
