#!/usr/bin/env python3
"""How far the golden values themselves can be trusted, step by step.

The golden values are float32. Where a run is chaotic (random weights, many latent steps), rounding alone moves them:
this evaluates the same runs in float64, once as they are and a few times with every thought disturbed by a float32's
rounding, and writes, for each vector of a golden file, the largest deviation so far of its first 16 entries relative
to its norm, and how many of the greedy tokens are the same in all runs. parity_test.go allows for it.

  uncertainty.py models/tiny-llama3 models/tiny-qwen2 models/tiny-qwen3 > golden/uncertainty.json
"""
import json, os, sys
import torch
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache


def alignment(model, lam, realign):
    win, wout = (e.weight.detach().double() for e in (model.get_input_embeddings(), model.get_output_embeddings()))
    wa = torch.linalg.solve(wout.T @ wout + lam * torch.eye(win.shape[1], dtype=torch.float64), wout.T @ win)
    return (wa if realign else torch.eye(win.shape[1], dtype=torch.float64)), win.norm(dim=1).mean()


def deviation(vector, golden):
    return max(abs(a - b) for a, b in zip(vector.flatten()[:16].tolist(), golden["head"])) / golden["norm"]


ROUNDING, RUNS = 3e-7, 8  # of a hidden state that went through a few layers; runs besides the undisturbed one


@torch.no_grad()
def case(model, c, seed):
    torch.manual_seed(seed)
    noise = ROUNDING if seed else 0.0
    wa, mean = alignment(model, c["lambda"], c["realign"])
    past, agents = DynamicCache(config=model.config), []
    for i, a in enumerate(c["agents"]):
        run = lambda **k: model(past_key_values=past, use_cache=True, output_hidden_states=True, **k)
        out = run(input_ids=torch.tensor([a["ids"]]))
        if i + 1 == len(c["agents"]):
            tokens, logits = [], out.logits[0, -1]
            top8 = max(abs(float(logits[int(t)]) - v) / max(abs(v), 1) for t, v in a["top8"])
            for _ in a["tokens"]:
                tokens.append(int(logits.argmax()))
                logits = run(input_ids=torch.tensor([[tokens[-1]]])).logits[0, -1]
            same = next((k for k, (x, y) in enumerate(zip(tokens, a["tokens"])) if x != y), len(tokens))
            agents.append({"role": a["role"], "top8": float(f"{top8:.2g}"), "same_tokens": same})
            continue
        hidden, thoughts = [out.hidden_states[-1][0, -1]], []
        for _ in range(c["latent_steps"]):
            e = hidden[-1] @ wa
            e = e + noise * e.norm() / e.numel() ** 0.5 * torch.randn_like(e)
            thoughts.append(e * mean / e.norm().clamp_min(1e-6))
            hidden.append(run(inputs_embeds=thoughts[-1][None, None]).hidden_states[-1][0, -1])
        row = {"role": a["role"], "hidden": [deviation(h, g) for h, g in zip(hidden, a["hidden"])],
               "thoughts": [deviation(t, g) for t, g in zip(thoughts, a["thoughts"])],
               "key_layer0": [deviation(past.layers[0].keys[0, 0, -1], a["key_layer0"])],
               "value_last_layer": [deviation(past.layers[-1].values[0, 0, -1], a["value_last_layer"])]}
        agents.append(row)
    return agents


def worst(runs):
    """The largest deviation over runs, growing from step to step and from agent to agent."""
    so_far, agents = 0.0, []
    for agent in zip(*runs):
        row = {"role": agent[0]["role"]}
        for key in agent[0]:
            if key == "same_tokens":
                row[key] = min(a[key] for a in agent)
            elif key == "top8":
                row[key] = float(f"{max(a[key] for a in agent):.2g}")
            elif key != "role":
                row[key] = []
                for values in zip(*(a[key] for a in agent)):
                    row[key].append(float(f"{max(so_far, row[key][-1] if row[key] else 0.0, *values):.2g}"))
        so_far = max(row.get("hidden", [so_far]))
        agents.append(row)
    return agents


result = {}
for path in sys.argv[1:]:
    name = os.path.basename(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval().double()
    golden = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", name + ".json")))
    result[name] = [{"name": c["name"], "agents": worst([case(model, c, seed) for seed in range(RUNS + 1)])} for c in golden["cases"]]
json.dump(result, sys.stdout, indent=1)
