#!/usr/bin/env python3
"""The work of `latentchain bench` in PyTorch and transformers, to be run beside it: torch_bench.py FOLDER [FILE.gguf]

Prefill of 256 random tokens, 64 latent steps and 64 greedy tokens over that memory, batch 1 unless --batch says
otherwise, float32; one round to warm up, then the median of three. Needs: pip install torch transformers gguf
"""
import argparse, json, statistics, time
import torch
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("folder")
p.add_argument("file", nargs="?", help="a GGUF file in the folder")
for name, default in (("prompt", 256), ("latent", 64), ("decode", 64), ("batch", 1), ("runs", 3)):
    p.add_argument("--" + name, type=int, default=default)
args = p.parse_args()
model = AutoModelForCausalLM.from_pretrained(args.folder, dtype=torch.float32, **({"gguf_file": args.file} if args.file else {})).eval()
win, wout = (e.weight.detach() for e in (model.get_input_embeddings(), model.get_output_embeddings()))
gram = wout.T.double() @ wout.double() + 1e-5 * torch.eye(wout.shape[1], dtype=torch.float64)
wa, mean = torch.linalg.solve(gram, wout.T.double() @ win.double()).float(), win.norm(dim=1).mean()


@torch.no_grad()
def round():
    past = DynamicCache(config=model.config)
    ids = torch.randint(5, model.config.vocab_size - 5, (args.batch, args.prompt))
    seconds, step = [], lambda **k: model(past_key_values=past, use_cache=True, output_hidden_states=True, logits_to_keep=1, **k)
    start = time.perf_counter()
    step(input_ids=ids)
    seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    h = step(input_ids=ids[:, :1]).hidden_states[-1][:, -1]
    for _ in range(args.latent):
        e = h @ wa
        h = step(inputs_embeds=(e * mean / e.norm(dim=-1, keepdim=True))[:, None]).hidden_states[-1][:, -1]
    seconds.append(time.perf_counter() - start)
    start, token = time.perf_counter(), ids[:, :1]
    for _ in range(args.decode):
        token = step(input_ids=token).logits[:, -1].argmax(-1, keepdim=True)
    seconds.append(time.perf_counter() - start)
    return [args.batch * n / s for n, s in zip((args.prompt, args.latent, args.decode), seconds)]


rows = [round() for _ in range(args.runs + 1)][1:]
prefill, latent, decode = [float(f"{statistics.median(c):.1f}") for c in zip(*rows)]
print(json.dumps({"engine": "torch " + torch.__version__, "threads": torch.get_num_threads(), "batch": args.batch,
                  "prefill_tok_s": prefill, "latent_steps_s": latent, "decode_tok_s": decode}))
