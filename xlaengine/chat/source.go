// Where templates come from: a Hugging Face folder, a GGUF file, or ChatML by request.

package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gomlx/go-huggingface/models/gguf"
)

// ChatML is the template to parse when a model has none and the user chose this one. Nothing falls back to it by
// itself: a model prompted in a form it was not trained on answers badly without saying so.
const ChatML = `{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}` +
	`{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// ErrNoTemplate is what errors of Open and FromGGUF are when the model has no template.
var ErrNoTemplate = errors.New("the model has no chat template; parse chat.ChatML, or a template of your own, to use it all the same")

// Set is the templates of one model: the usual one and, with some models, others by name.
type Set struct {
	Default *Template
	Named   map[string]*Template // such as "tool_use"; nil with most models
}

// For returns the template to use for a conversation with or without tools.
func (s *Set) For(tools bool) *Template {
	if t, ok := s.Named["tool_use"]; ok && tools {
		return t
	}
	return s.Default
}

// Open reads the templates of a model's folder: chat_template.jinja (and additional_chat_templates/), or else what
// tokenizer_config.json says.
func Open(dir string) (*Set, error) {
	s, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("open chat template in %s: %w", dir, err)
	}
	return s, nil
}

func openFolder(dir string) (*Set, error) {
	sources, err := readFiles(dir)
	if err == nil && len(sources) == 0 {
		sources, err = readConfig(dir)
	}
	if err != nil {
		return nil, err
	}
	return parseSet(sources)
}

// FromGGUF reads the templates of a GGUF file: tokenizer.chat_template and those with a name after it.
func FromGGUF(f *gguf.File) (*Set, error) {
	const key = "tokenizer.chat_template"
	sources := map[string]string{}
	for _, kv := range f.KeyValues {
		if kv.Key == key {
			sources["default"] = kv.String()
		} else if len(kv.Key) > len(key)+1 && kv.Key[:len(key)+1] == key+"." {
			sources[kv.Key[len(key)+1:]] = kv.String()
		}
	}
	s, err := parseSet(sources)
	if err != nil {
		return nil, fmt.Errorf("chat template of %s: %w", f.Path(), err)
	}
	return s, nil
}

func parseSet(sources map[string]string) (*Set, error) {
	if sources["default"] == "" {
		return nil, ErrNoTemplate
	}
	var s Set
	for name, source := range sources {
		t, err := Parse(source)
		if err != nil {
			return nil, fmt.Errorf("template %q: %w", name, err)
		}
		if name == "default" {
			s.Default = t
			continue
		}
		if s.Named == nil {
			s.Named = map[string]*Template{}
		}
		s.Named[name] = t
	}
	return &s, nil
}

func readFiles(dir string) (map[string]string, error) {
	sources := map[string]string{}
	raw, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja"))
	if errors.Is(err, fs.ErrNotExist) {
		return sources, nil
	}
	if err != nil {
		return nil, err
	}
	sources["default"] = string(raw)
	more, err := filepath.Glob(filepath.Join(dir, "additional_chat_templates", "*.jinja"))
	if err != nil {
		return nil, err
	}
	for _, path := range more {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(path)
		sources[name[:len(name)-len(".jinja")]] = string(raw)
	}
	return sources, nil
}

// readConfig reads "chat_template" of tokenizer_config.json: one template, or a list of named ones.
func readConfig(dir string) (map[string]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "tokenizer_config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoTemplate
	}
	if err != nil {
		return nil, err
	}
	var c struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("tokenizer_config.json: %w", err)
	}
	if len(c.Template) == 0 || string(c.Template) == "null" {
		return nil, ErrNoTemplate
	}
	var one string
	if json.Unmarshal(c.Template, &one) == nil {
		return map[string]string{"default": one}, nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(c.Template, &list); err != nil {
		return nil, fmt.Errorf("tokenizer_config.json: chat_template is neither a text nor a list of named ones: %w", err)
	}
	sources := map[string]string{}
	for _, t := range list {
		sources[t.Name] = t.Template
	}
	return sources, nil
}
