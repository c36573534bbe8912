package plugin_test

// Conversation memories, which keep what was said as text and so keep handles, embedders, and the wrapper that keeps
// answers.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pkoukk/tiktoken-go"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/cache"
	"github.com/tmc/langchaingo/memory"
	"github.com/tmc/langchaingo/prompts"
	"github.com/tmc/langchaingo/schema"

	"github.com/latentchain/latentchain/plugin"
)

var memoryNodes = []node{
	{name: "ConversationBuffer, the handle in what the user's app said", outcome: carries,
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			return converse(ctx, thinker, speaker, memory.NewConversationBuffer(), "Hello.", nameIt)
		}},
	{name: "ConversationBuffer, the handle as the model's own earlier answer", outcome: carries,
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			history := memory.NewConversationBuffer()
			thinks := chains.NewConversation(thinker, history)
			thinks.Prompt = prompts.NewPromptTemplate("{{.input}}", []string{"input"})
			if _, err := chains.Run(ctx, thinks, thought); err != nil {
				return "", err
			}
			return chains.Run(ctx, chains.NewConversation(speaker, history), nameIt)
		}},
	{name: "ConversationBuffer that returns messages", outcome: carries,
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			history := memory.NewConversationBuffer(memory.WithReturnMessages(true))
			plan, err := thinker.Call(ctx, thought)
			if err != nil {
				return "", err
			}
			if err := history.ChatHistory.AddAIMessage(ctx, plan); err != nil {
				return "", err
			}
			c := chains.NewLLMChain(speaker, prompts.NewChatPromptTemplate([]prompts.MessageFormatter{
				prompts.MessagesPlaceholder{VariableName: "history"}, prompts.NewHumanMessagePromptTemplate("{{.input}}", []string{"input"}),
			}))
			c.Memory = history
			return chains.Run(ctx, c, nameIt)
		}},
	{name: "ConversationWindowBuffer, within the window", outcome: carries,
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			return converse(ctx, thinker, speaker, memory.NewConversationWindowBuffer(2), "Hello.", nameIt)
		}},
	{name: "ConversationWindowBuffer, after the window has moved on", outcome: loses, want: "no idea",
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			return converse(ctx, thinker, speaker, memory.NewConversationWindowBuffer(1), "Hello.", "Are you well?", nameIt)
		}},
	{name: "ConversationTokenBuffer with room for it", outcome: carries,
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			offline()
			return converse(ctx, thinker, speaker, memory.NewConversationTokenBuffer(speaker, 400), "Hello.", nameIt)
		}},
	{name: "ConversationTokenBuffer without (whole messages go)", outcome: loses, want: "no idea",
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			offline()
			return converse(ctx, thinker, speaker, memory.NewConversationTokenBuffer(speaker, 15), "Hello.", nameIt)
		}},
	{name: "ConversationalRetrievalQA, which rephrases the question for the shelf", outcome: carries,
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			history := memory.NewConversationBuffer(memory.WithInputKey("question"), memory.WithMemoryKey("chat_history"))
			plan, err := thinker.Call(ctx, thought)
			if err != nil {
				return "", err
			}
			if err := history.ChatHistory.AddUserMessage(ctx, plan); err != nil {
				return "", err
			}
			asked := ""
			c := chains.NewConversationalRetrievalQAFromLLM(speaker, hearing{&asked}, history)
			if _, err := chains.Run(ctx, c, nameIt); err != nil {
				return "", err
			}
			return asked, nil // what the question has become
		}},
	{name: "an Embedder that is given a handle for a text", outcome: refuses, want: "embed texts, not what stands for a memory",
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			plan, err := thinker.Call(ctx, thought)
			if err != nil {
				return "", err
			}
			e, err := embeddings.NewEmbedder(speaker)
			if err != nil {
				return "", err
			}
			v, err := e.EmbedQuery(ctx, plan)
			return fmt.Sprint(v), err
		}},
	{name: "cache.Cacher around a speaker", outcome: carries, want: "heron after 1 call",
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			asked := &counter{Model: speaker}
			cached := cache.New(asked, &shelfOfAnswers{})
			plan, err := thinker.Call(ctx, thought)
			if err != nil {
				return "", err
			}
			var answer string
			for range 3 {
				if answer, err = llms.GenerateFromSinglePrompt(ctx, cached, plan+nameIt); err != nil {
					return "", err
				}
			}
			return fmt.Sprintf("%s after %d call", answer, asked.calls), nil
		}},
	{name: "cache.Cacher around a latent model: one memory, read by many", outcome: carries, want: "heron heron",
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			cached := cache.New(thinker, &shelfOfAnswers{})
			var answers []string
			for range 2 {
				answer, err := speakOver(ctx, cached, speaks(speaker, "{{.plan}}\n"+nameIt))
				if err != nil {
					return "", err
				}
				answers = append(answers, answer)
			}
			return strings.Join(answers, " "), nil
		}},
	{name: "cache.Cacher around a latent model whose memory was released", outcome: refuses, want: gone,
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			cached := cache.New(thinker, &shelfOfAnswers{})
			plan, err := llms.GenerateFromSinglePrompt(ctx, cached, thought)
			if err != nil {
				return "", err
			}
			if err := thinker.Release(plan); err != nil {
				return "", err
			}
			return speakOver(ctx, cached, speaks(speaker, "{{.plan}}\n"+nameIt))
		}},
}

// converse begins with a plan that is handed to the conversation and returns the last turn's answer.
func converse(ctx context.Context, thinker, speaker *plugin.LLM, m schema.Memory, turns ...string) (answer string, err error) {
	plan, err := thinker.Call(ctx, thought)
	if err != nil {
		return "", err
	}
	c := chains.NewConversation(speaker, m)
	for i, turn := range turns {
		if i == 0 {
			turn = plan + turn
		}
		if answer, err = chains.Run(ctx, c, turn); err != nil {
			return "", err
		}
	}
	return answer, nil
}

// hearing is a retriever that finds nothing and tells what it was asked.
type hearing struct{ asked *string }

func (h hearing) GetRelevantDocuments(_ context.Context, query string) ([]schema.Document, error) {
	*h.asked = query
	return nil, nil
}

type counter struct {
	llms.Model
	calls int
}

func (c *counter) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	c.calls++
	return c.Model.GenerateContent(ctx, messages, options...)
}

// shelfOfAnswers is a cache's backend.
type shelfOfAnswers struct{ answers sync.Map }

func (s *shelfOfAnswers) Get(_ context.Context, key string) *llms.ContentResponse {
	if r, ok := s.answers.Load(key); ok {
		return r.(*llms.ContentResponse)
	}
	return nil
}

func (s *shelfOfAnswers) Put(_ context.Context, key string, r *llms.ContentResponse) {
	s.answers.Store(key, r)
}

// offline has langchaingo's token count, which fetches a vocabulary, fall back to a quarter of the characters.
var offline = sync.OnceFunc(func() { tiktoken.SetBpeLoader(noVocabulary{}) })

type noVocabulary struct{}

func (noVocabulary) LoadTiktokenBpe(string) (map[string]int, error) {
	return nil, errors.New("tests fetch nothing")
}
