#!/usr/bin/env python3
"""The work of `latentchain bench` in PyTorch and transformers, to be run beside it: pytorch.py FOLDER [options]

Without --team: a prompt of 256 random tokens, 64 latent steps and 64 greedy tokens over one growing cache, in --batch
rows; each is reported as a speed, summed over the rows. With --team FILE (see team.py): the agents in turn, each over
the cache of those before it; the last one decodes. What is reported is the time from the first prompt to the last token.

float32, as many threads as cores, inference mode. Loading and the alignment are not timed. Of PyTorch's two kinds of
attention the faster one is taken, by a short trial. A latent step computes no logits, unless --logits is given: the loop
published with LatentMAS computes them and throws them away.
"""
import argparse
import json
import os
import statistics
import time

import torch
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", help="a Hugging Face folder")
    p.add_argument("--team", help="a file made by team.py")
    p.add_argument("--attention", choices=("faster", "sdpa", "eager"), default="faster")
    p.add_argument("--logits", action="store_true", help="compute logits in latent steps too")
    for name, default in (("prompt", 256), ("latent", 64), ("decode", 64), ("batch", 1), ("runs", 3), ("threads", os.cpu_count())):
        p.add_argument("--" + name, type=int, default=default)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    runner = Runner(args.folder, args.logits)
    with torch.inference_mode():
        attention = runner.take_attention(args.attention)
        report = {"engine": "torch " + torch.__version__, "threads": torch.get_num_threads(), "attention": attention, "latent_logits": args.logits, "runs": args.runs}
        if args.team:
            with open(args.team, encoding="utf-8") as file:
                report |= team(runner, json.load(file), args.runs)
        else:
            report |= speeds(runner, args)
    print(json.dumps(report))


def speeds(runner, args):
    def once(seed):
        torch.manual_seed(seed)
        ids = torch.randint(5, runner.model.config.vocab_size - 5, (args.batch, args.prompt))
        cache, seconds = runner.cache(), []
        for work in (lambda: runner.hidden(cache, input_ids=ids), lambda: runner.think(cache, ids[:, :1], args.latent), lambda: runner.decode(cache, ids[:, :1], args.decode)):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        return [args.batch * n / s for n, s in zip((args.prompt, args.latent, args.decode), seconds)]

    rows = [once(i) for i in range(args.runs + 1)][1:]
    prefill, latent, decode = (round(statistics.median(column), 1) for column in zip(*rows))
    return {"batch": args.batch, "prompt": args.prompt, "latent": args.latent, "decode": args.decode,
            "prefill_tok_s": prefill, "latent_steps_s": latent, "decode_tok_s": decode}


def team(runner, team, runs):
    *thinkers, last = team["agents"]
    end = None if team.get("pastend") else runner.end

    def once():
        start, cache = time.perf_counter(), runner.cache()
        for agent in thinkers:
            runner.think(cache, torch.tensor([agent["ids"]]), agent["steps"])
        ids = runner.decode(cache, torch.tensor([last["ids"]]), last["tokens"], end)
        return time.perf_counter() - start, ids

    seconds, answers = zip(*[once() for _ in range(runs + 1)][1:])
    return {"team_seconds": round(statistics.median(seconds), 3), "team_seconds_each": [round(s, 3) for s in seconds],
            "prompt_tokens": sum(len(a["ids"]) for a in team["agents"]), "latent_steps": sum(a["steps"] for a in thinkers),
            "completion_tokens": len(answers[0]), "answer_ids": answers[0]}


class Runner:
    """A model, its alignment (arXiv 2511.20639, eq. 3) and the three things that are done with it."""

    def __init__(self, folder, logits):
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.logits = logits
        end = self.model.generation_config.eos_token_id
        self.end = set(end if isinstance(end, list) else [end])
        win, wout = (e.weight.detach() for e in (self.model.get_input_embeddings(), self.model.get_output_embeddings()))
        gram = wout.T.double() @ wout.double() + 1e-5 * torch.eye(wout.shape[1], dtype=torch.float64)
        self.wa, self.mean = torch.linalg.solve(gram, wout.T.double() @ win.double()).float(), win.norm(dim=1).mean()

    def cache(self):
        return DynamicCache(config=self.model.config)

    def take_attention(self, name):
        """Sets the kind of attention and returns its name; "faster" tries both, each once to warm up and once timed."""
        def seconds(kind):
            self.model.set_attn_implementation(kind)
            for _ in range(2):
                start, cache, ids = time.perf_counter(), self.cache(), torch.full((1, 256), 5)
                self.think(cache, ids, 8)
                self.decode(cache, ids[:, :1], 8)
            return time.perf_counter() - start

        if name == "faster":
            name = min(("sdpa", "eager"), key=seconds)
        self.model.set_attn_implementation(name)
        return name

    def hidden(self, cache, **inputs):
        """Hidden states [batch, 1, dim] after the final norm, of the last position."""
        if self.logits:
            return self.model(past_key_values=cache, use_cache=True, output_hidden_states=True, logits_to_keep=1, **inputs).hidden_states[-1][:, -1:]
        return self.model.base_model(past_key_values=cache, use_cache=True, **inputs).last_hidden_state[:, -1:]

    def think(self, cache, ids, steps):
        """Takes in ids [batch, n] and appends that many latent thoughts to the cache."""
        h = self.hidden(cache, input_ids=ids)
        for _ in range(steps):
            e = h @ self.wa
            h = self.hidden(cache, inputs_embeds=e * (self.mean / e.norm(dim=-1, keepdim=True).clamp_min(1e-6)))

    def decode(self, cache, ids, count, end=None):
        """Takes in ids [batch, n] and returns the first row's greedy tokens, at most count or to one in end."""
        written = []
        for _ in range(count):
            ids = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].argmax(-1, keepdim=True)
            written.append(int(ids[0, 0]))
            if end and written[-1] in end:
                break
        return written


if __name__ == "__main__":
    main()
