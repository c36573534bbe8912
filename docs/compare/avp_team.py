#!/usr/bin/env python3
"""A team run by avp, the Agent Vector Protocol: avp_team.py --connector hf FOLDER | --connector llamacpp FILE.gguf [options]

The team's file (see team.py) gives messages; avp renders and tokenizes them itself, and the report says in same_ids
whether it got the ids of the file. Every agent but the last thinks over the context of those before it, the last one
generates greedily, exactly as many tokens as the file says. One run to warm up, then the median. avp is used as it
comes: its own latent operator, its own contexts, its own number of threads (the llama.cpp connector leaves them at
llama.cpp's default; --threads sets them from outside, which its interface has no option for).
"""
import argparse
import json
import os
import statistics
import time
from importlib.metadata import version
from pathlib import Path


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", help="a Hugging Face folder, or a GGUF file for llamacpp")
    p.add_argument("--connector", choices=sorted(CONNECTORS), required=True)
    p.add_argument("--team", type=Path, default=Path(__file__).with_name("three-thinkers.json"))
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--threads", type=int, help="threads of the connector (default: hf all cores, llamacpp as it comes)")
    args = p.parse_args()
    team = json.loads(args.team.read_text(encoding="utf-8"))
    connector = CONNECTORS[args.connector](args.model, args.threads)

    def once():
        start, context = time.perf_counter(), None
        for agent in team["agents"][:-1]:
            context = connector.think(agent["messages"], steps=agent["steps"], context=context)
        text = connector.generate(team["agents"][-1], context)
        return time.perf_counter() - start, text

    seconds, texts = zip(*[once() for _ in range(args.runs + 1)][1:])
    print(json.dumps({
        "engine": f"avp {version('avp')} {args.connector}", "threads": connector.threads, "runs": args.runs,
        "team_seconds": round(statistics.median(seconds), 3), "team_seconds_each": [round(s, 3) for s in seconds],
        "latent_steps": sum(a["steps"] for a in team["agents"][:-1]), "completion_tokens": connector.written(texts[0]),
        "same_ids": all(connector.ids(a) == a["ids"] for a in team["agents"]), "answer": texts[0],
    }))


class HuggingFace:
    def __init__(self, folder, threads):
        import torch
        from avp import HuggingFaceConnector
        from avp.connectors.base import _render_prompt

        torch.set_num_threads(threads or os.cpu_count())
        self.threads = torch.get_num_threads()
        self.connector = HuggingFaceConnector.from_pretrained(folder, device="cpu", dtype=torch.float32)
        self.think, self.render = self.connector.think, _render_prompt
        self.passes = 0
        self.connector.model.register_forward_hook(self.count)

    def count(self, *_):
        self.passes += 1

    def generate(self, agent, context):
        self.passes = 0
        return self.connector.generate(agent["messages"], context=context, do_sample=False, max_new_tokens=agent["tokens"], min_new_tokens=agent["tokens"])

    def written(self, _):
        return self.passes  # the pass over the prompt gives the first token, every other pass one more

    def ids(self, agent):
        return self.connector.tokenize(self.render(self.connector.tokenizer, agent["messages"]))


class LlamaCpp:
    def __init__(self, file, threads):
        from avp import LlamaCppConnector
        from llama_cpp import llama_cpp as c

        self.defaults = c.llama_context_default_params
        if threads:
            c.llama_context_default_params = self.with_threads(threads)
        self.threads = c.llama_context_default_params().n_threads
        self.connector = LlamaCppConnector.from_pretrained(file, n_ctx=2048)
        self.connector._cached_stop_tokens, self.connector._cached_stop_strings = set(), []  # as pastend says
        self.think = self.connector.think

    def with_threads(self, n):
        def params():
            p = self.defaults()
            p.n_threads = p.n_threads_batch = n
            return p
        return params

    def generate(self, agent, context):
        return self.connector.generate(user(agent), context=context, max_new_tokens=agent["tokens"], temperature=0.0)

    def written(self, text):
        return len(self.connector.tokenize(text))  # an estimate: text may be cut into tokens in another way

    def ids(self, agent):
        if "tokens" in agent:
            return self.connector._apply_chat_template(user(agent))
        return self.connector._tokenize_with_special(self.connector.apply_chat_template(agent["messages"]))


def user(agent):
    """The text of the last agent: the llama.cpp connector generates from that alone, with an empty system message."""
    return next(m["content"] for m in agent["messages"] if m["role"] == "user")


CONNECTORS = {"hf": HuggingFace, "llamacpp": LlamaCpp}

if __name__ == "__main__":
    main()
