#!/usr/bin/env python3
"""The golden files of this folder but for uncertainty.json: runs in PyTorch and transformers, float32, batch 1, greedy.

  golden.py FOLDER CASES.json > golden/NAME.json
  golden.py --window models/tiny-llama3 > golden/tiny-mistral-window.json

FOLDER is a model as Hugging Face keeps it. A case is {"name", "lambda", "realign", "latent_steps", "decode_tokens",
"agents": [{"role", "messages"}]}: every agent but the last takes in its prompt over the memory of those before it and
thinks, the last one decodes, end tokens included. Of vectors there are the norm, the sum and the first 16 entries.
"""
import argparse, json, sys
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, MistralConfig
from transformers.cache_utils import DynamicCache


def short(v):
    v = v.float().flatten()
    return {"norm": round(v.norm().item(), 6), "sum": round(v.sum().item(), 6), "head": [round(x, 6) for x in v[:16].tolist()]}


def alignment(model, case):
    """Wa [dim, dim] = (WoutᵀWout + λI)⁻¹ WoutᵀWin, solved in float64 (arXiv 2511.20639, eq. 3), and the mean norm of Win's rows."""
    win, wout = (e.weight.detach() for e in (model.get_input_embeddings(), model.get_output_embeddings()))
    unit = torch.eye(win.shape[1], dtype=torch.float64)
    wa = torch.linalg.solve(wout.T.double() @ wout.double() + case["lambda"] * unit, wout.T.double() @ win.double()) if case["realign"] else unit
    return wa.float(), win.norm(dim=1).mean()


class Run:
    """One case: agents in turn over one growing cache."""

    def __init__(self, model, tokenizer, case):
        self.model, self.tokenizer, self.case = model, tokenizer, case
        self.wa, self.mean = alignment(model, case)
        self.cache = DynamicCache(config=model.config)

    def step(self, **inputs):
        return self.model(past_key_values=self.cache, use_cache=True, output_hidden_states=True, **inputs)

    def golden(self):
        *thinkers, last = self.case["agents"]
        agents = [self.agent(a, self.think) for a in thinkers] + [self.agent(last, self.answer)]
        row = self.wa[0, :16].tolist()
        return {**self.case, "agents": agents, "alignment": {
            "mean_norm": round(self.mean.item(), 7), "wa_fro": round(self.wa.norm().item(), 6),
            "wa_trace": round(self.wa.trace().item(), 5), "wa_head": [round(x, 7) for x in row]}}

    def agent(self, agent, work):
        prompt = self.tokenizer.apply_chat_template(agent["messages"], tokenize=False, add_generation_prompt=True)
        ids = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        before = self.cache.get_seq_length()
        done = work(self.step(input_ids=torch.tensor([ids])))
        return {"role": agent["role"], "prompt": prompt, "ids": ids, "memory_before": before, **done, "memory_after": self.cache.get_seq_length()}

    def think(self, out):
        hidden, thoughts = [out.hidden_states[-1][0, -1]], []
        for _ in range(self.case["latent_steps"]):
            e = hidden[-1] @ self.wa
            thoughts.append(e * (self.mean / e.norm().clamp_min(1e-6)))
            hidden.append(self.step(inputs_embeds=thoughts[-1][None, None]).hidden_states[-1][0, -1])
        first, last = self.cache.layers[0], self.cache.layers[-1]
        return {"hidden": [short(h) for h in hidden], "thoughts": [short(t) for t in thoughts],
                "key_layer0": short(first.keys[0, 0, -1]), "value_last_layer": short(last.values[0, 0, -1])}

    def answer(self, out):
        logits, tokens = out.logits[0, -1], []
        top = logits.topk(8)
        while True:
            tokens.append(int(logits.argmax()))
            if len(tokens) == self.case["decode_tokens"]:
                break
            logits = self.step(input_ids=torch.tensor([tokens[-1:]])).logits[0, -1]
        return {"top8": [[i, round(v, 5)] for i, v in zip(top.indices.tolist(), top.values.tolist())], "tokens": tokens, "text": self.tokenizer.decode(tokens)}


def window(folder):
    """The model's weights as a Mistral that sees 8 positions back, over 90 random ids."""
    old = AutoConfig.from_pretrained(folder).to_dict()
    keep = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "hidden_act",
            "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings", "pad_token_id", "bos_token_id", "eos_token_id")
    theta = (old.get("rope_parameters") or old)["rope_theta"]
    config = MistralConfig(**{k: old[k] for k in keep}, sliding_window=8, rope_parameters={"rope_type": "default", "rope_theta": theta})
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    model.load_state_dict(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict())
    torch.manual_seed(1)
    ids = torch.randint(5, 500, (1, 90))
    hidden = model(ids, output_hidden_states=True, use_cache=False).hidden_states[-1][0]
    return {"comment": "tiny-llama3's weights as a Mistral with sliding_window 8 and no rope scaling: hidden state after the first 40 and after all 90 ids (transformers, eager attention, float32)",
            "ids": ids[0].tolist(), "hidden40": short(hidden[39]), "hidden90": short(hidden[89])}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("cases", nargs="?")
    p.add_argument("--window", action="store_true")
    args = p.parse_args()
    if args.window == bool(args.cases):
        p.error("want CASES.json or --window")
    with torch.no_grad():
        if args.window:
            report = window(args.folder)
        else:
            model, tokenizer = AutoModelForCausalLM.from_pretrained(args.folder, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(args.folder)
            with open(args.cases, encoding="utf-8") as file:
                report = {"torch": torch.__version__, "cases": [Run(model, tokenizer, case).golden() for case in json.load(file)]}
    json.dump(report, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
