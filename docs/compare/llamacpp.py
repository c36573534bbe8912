#!/usr/bin/env python3
"""The work of `latentchain bench` in llama.cpp, but for the latent steps: llamacpp.py FILE.gguf [options]

A prompt of 256 random tokens, then 64 greedy tokens, in --batch sequences that are decoded together; speeds are summed
over them. One run to warm up, then the median. llama.cpp computes with the file's own types (Q4_1 weights stay Q4_1)
and keeps keys and values in float16.
"""
import argparse
import json
import os
import random
import statistics
import time
from importlib.metadata import version

import numpy as np
from llama_cpp import llama_cpp as c


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("file")
    for name, default in (("prompt", 256), ("decode", 64), ("batch", 1), ("runs", 3), ("threads", os.cpu_count())):
        p.add_argument("--" + name, type=int, default=default)
    args = p.parse_args()
    runner = Runner(args.file, args.batch, args.prompt, args.decode, args.threads)
    rows = [runner.once(random.Random(i)) for i in range(args.runs + 1)][1:]
    prefill, decode = (statistics.median(column) for column in zip(*rows))
    print(json.dumps({
        "engine": "llama-cpp-python " + version("llama-cpp-python"), "threads": args.threads, "runs": args.runs,
        "batch": args.batch, "prompt": args.prompt, "decode": args.decode,
        "prefill_tok_s": round(args.batch * args.prompt / prefill, 1), "decode_tok_s": round(args.batch * args.decode / decode, 1),
    }))


class Runner:
    """A model, a context for so many sequences, and one llama_batch that every pass fills anew."""

    def __init__(self, file, batch, prompt, decode, threads):
        c.llama_log_set(QUIET, None)
        c.llama_backend_init()
        self.batch, self.prompt, self.decode = batch, prompt, decode
        model = c.llama_model_load_from_file(file.encode(), c.llama_model_default_params())
        if not model:
            raise SystemExit(f"llamacpp.py: {file}: llama.cpp can't load it")
        self.vocab = c.llama_vocab_n_tokens(c.llama_model_get_vocab(model))
        params = c.llama_context_default_params()
        room = -(-(prompt + decode + 1) // 256) * 256  # of one sequence; llama.cpp wants whole blocks
        params.n_ctx, params.n_batch, params.n_seq_max = batch * room, batch * prompt, batch
        params.n_threads = params.n_threads_batch = threads
        self.context = c.llama_init_from_model(model, params)
        if not self.context:
            raise SystemExit(f"llamacpp.py: {file}: no context for {batch} sequences of {room} positions; choose smaller numbers")
        self.tokens = c.llama_batch_init(batch * prompt, 0, 1)

    def once(self, rng):
        """Returns the seconds of prefill and of decoding."""
        c.llama_memory_clear(c.llama_get_memory(self.context), True)
        rows = [[5 + rng.randrange(self.vocab - 10) for _ in range(self.prompt)] for _ in range(self.batch)]
        start = time.perf_counter()
        self.step(rows, 0)
        prefill = time.perf_counter() - start
        rows = [row[:1] for row in rows]
        start = time.perf_counter()
        for i in range(self.decode):
            rows = [[token] for token in self.step(rows, self.prompt + i)]
        return prefill, time.perf_counter() - start

    def step(self, rows, position):
        """Computes the next tokens of every sequence, from that position on; returns the greedy token after each."""
        b, n = self.tokens, 0
        last = []
        for sequence, row in enumerate(rows):
            for i, token in enumerate(row):
                b.token[n], b.pos[n], b.n_seq_id[n], b.seq_id[n][0], b.logits[n] = token, position + i, 1, sequence, i == len(row) - 1
                n += 1
            last.append(n - 1)
        b.n_tokens = n
        if (code := c.llama_decode(self.context, b)) != 0:
            raise SystemExit(f"llamacpp.py: llama_decode of {n} tokens at position {position} gave {code}")
        return [int(np.ctypeslib.as_array(c.llama_get_logits_ith(self.context, i), (self.vocab,)).argmax()) for i in last]


@c.llama_log_callback
def QUIET(level, text, data):
    """llama.cpp's log, left out."""


if __name__ == "__main__":
    main()
