package plugin_test

// What templates of all three kinds and their functions do to a handle.

import (
	"context"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/prompts"

	"github.com/latentchain/latentchain/plugin"
)

var templateNodes = []node{
	template(carries, goTemplate, "{{.plan}}"),
	template(carries, goTemplate, "{{.plan | upper}}"),
	template(carries, goTemplate, "{{.plan | lower | title}}"),
	template(carries, goTemplate, "{{.plan | swapcase | trim | nospace}}"),
	template(carries, goTemplate, "{{.plan | quote | indent 4}}"),
	template(carries, goTemplate, "{{.plan | toJson}}"),
	template(carries, goTemplate, `{{printf "%q" .plan}}`),
	template(carries, goTemplate, "{{wrap 20 .plan}}"),
	template(carries, goTemplate, "{{.plan | html}}"),
	template(refuses, goTemplate, "{{trunc 30 .plan}}"),
	template(refuses, goTemplate, "{{trunc -30 .plan}}"),
	template(refuses, goTemplate, "{{abbrev 30 .plan}}"),
	template(refuses, goTemplate, "{{substr 0 40 .plan}}"),
	template(refuses, goTemplate, `{{wrapWith 20 "\n" .plan}}`),
	template(refuses, goTemplate, `{{replace ":" "" .plan}}`),
	template(refuses, goTemplate, `{{trimAll "⟦⟧" .plan}}`),
	template(refuses, goTemplate, "{{.plan | urlquery}}"),
	template(refuses, goTemplate, `{{printf "%+q" .plan}}`),
	template(loses, goTemplate, "{{.plan | b64enc}}"),
	template(loses, goTemplate, "{{.plan | sha256sum}}"),

	template(carries, fString, "{plan}"),
	template(carries, fString, "{{{plan}}}"),

	template(carries, jinja2, "{{ plan }}"),
	template(carries, jinja2, "{{ plan|upper }}"),
	template(carries, jinja2, "{{ plan|lower|capitalize }}"),
	template(carries, jinja2, "{{ plan|title|trim }}"),
	template(carries, jinja2, "{{ plan|e }}"),
	template(carries, jinja2, "{% for p in [plan] %}{{ p }}{% endfor %}"),
	template(refuses, jinja2, "{{ plan|truncate(30, True) }}"),
	template(loses, jinja2, "{{ plan|truncate(30) }}"), // by whole words: only the dots are left
	template(refuses, jinja2, "{{ plan|urlencode }}"),
	template(refuses, jinja2, "{{ plan|replace(':', '') }}"),

	{name: "RenderTemplate with sanitization", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		prompt, err := prompts.RenderTemplate("{{.plan}}\n"+nameIt, goTemplate, map[string]any{"plan": plan}, prompts.WithSanitization())
		if err != nil {
			return "", err
		}
		return speaker.Call(ctx, prompt)
	}},
	{name: "ChatPromptTemplate, which LLMChain flattens to one human message", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		p := prompts.NewChatPromptTemplate([]prompts.MessageFormatter{
			prompts.NewSystemMessagePromptTemplate("You know birds. {{.plan}}", []string{"plan"}),
			prompts.NewHumanMessagePromptTemplate(nameIt, nil),
		})
		return speakOver(ctx, thinker, chains.NewLLMChain(speaker, p))
	}},
	{name: "ChatPromptTemplate, message by message", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		value, err := prompts.NewChatPromptTemplate([]prompts.MessageFormatter{
			prompts.NewAIMessagePromptTemplate("{{.plan}}", []string{"plan"}),
			prompts.NewGenericMessagePromptTemplate("keeper", nameIt, nil),
		}).FormatPrompt(map[string]any{"plan": plan})
		if err != nil {
			return "", err
		}
		var messages []llms.MessageContent
		for _, m := range value.Messages() {
			messages = append(messages, llms.TextParts(m.GetType(), m.GetContent()))
		}
		response, err := speaker.GenerateContent(ctx, messages)
		if err != nil {
			return "", err
		}
		return response.Choices[0].Content, nil
	}},
	{name: "FewShotPrompt, the handle in an example", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		p, err := prompts.NewFewShotPrompt(prompts.NewPromptTemplate("Q: {{.q}} A: {{.a}}", []string{"q", "a"}), []map[string]string{{"q": "a plan?", "a": plan}},
			nil, "", "{{.input}}", []string{"input"}, nil, "\n", goTemplate, false)
		if err != nil {
			return "", err
		}
		return chains.Run(ctx, chains.NewLLMChain(speaker, p), nameIt)
	}},
	{name: "PartialVariables, the handle from a function", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		p := prompts.NewPromptTemplate("{{.plan}}{{.input}}", []string{"input"})
		p.PartialVariables = map[string]any{"plan": func() string { return plan }}
		return chains.Run(ctx, chains.NewLLMChain(speaker, p), nameIt)
	}},
}

const (
	goTemplate = prompts.TemplateFormatGoTemplate
	fString    = prompts.TemplateFormatFString
	jinja2     = prompts.TemplateFormatJinja2
)

// template is the node of a speaker whose prompt is the template and a question.
func template(outcome string, format prompts.TemplateFormat, source string) node {
	want := map[string]string{refuses: damaged, loses: "no idea"}[outcome]
	return node{name: string(format) + " `" + source + "`", outcome: outcome, want: want,
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			p := prompts.PromptTemplate{Template: source + "\n" + nameIt, InputVariables: []string{"plan"}, TemplateFormat: format}
			return speakOver(ctx, thinker, chains.NewLLMChain(speaker, p))
		}}
}
