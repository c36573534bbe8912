#!/usr/bin/env python3
"""Measures latentchain and its rivals in turns and prints the medians as Markdown tables: run.py FOLDER FILE.gguf [options]

FOLDER holds the weights of FILE.gguf as folder.py wrote them. Every round runs every program once, in an order that
turns by one each round, so that a slow quarter of an hour hits all of them; each program warms up and takes the median of
its own --runs. Ratios are taken within a round, then their median. --only picks workloads: bandwidth, batch-1, ...,
four-agents, three-thinkers. Every result goes to --log as one line of JSON.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from weights import weight_bytes

HERE = Path(__file__).resolve().parent
OURS, TORCH, LLAMA, AVP, AVP_LLAMA, AVP_LLAMA_CORES, MEMORY = "latentchain", "PyTorch", "llama.cpp", "avp hf", "avp llamacpp", "avp llamacpp, as many threads as cores", "memory"
SPEEDS = {"prefill_tok_s": "prefill, tokens", "latent_steps_s": "latent steps", "decode_tok_s": "decode, tokens"}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("gguf")
    p.add_argument("--latentchain", default="latentchain", help="the program (default: the one on the PATH)")
    p.add_argument("--bandwidth", default="bandwidth", help="the program built from ./docs/compare/bandwidth")
    p.add_argument("--batches", type=int, nargs="+", default=[1, 8, 16])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--only", default="", help="a regular expression")
    p.add_argument("--log", type=Path, default=Path("compare.jsonl"))
    args = p.parse_args()
    work = {name: programs for name, programs in workloads(args).items() if re.search(args.only, name)}
    if not work:
        p.error(f"--only {args.only!r} leaves nothing")
    weights = weight_bytes(args.folder)  # a folder that is none is told now, not after an hour
    rounds = []
    try:
        with args.log.open("a", encoding="utf-8") as log:
            for number in range(args.rounds):
                rounds.append({})
                for workload, programs in work.items():
                    names = list(programs)
                    for name in names[number % len(names):] + names[:number % len(names)]:
                        print(f"round {number + 1} of {args.rounds}: {workload}: {name}", file=sys.stderr)
                        if result := call(programs[name]):
                            rounds[-1][workload, name] = result
                            print(json.dumps({"round": number + 1, "workload": workload, "program": name, "load": os.getloadavg()[0], **result}), file=log, flush=True)
    finally:  # what was measured before Ctrl-C counts too
        print(tables(work, rounds, weights))


def workloads(args):
    """The command of each program, by workload."""
    script = lambda name, *rest: [sys.executable, str(HERE / name), *map(str, rest), "--runs", str(args.runs)]
    ours = lambda *rest: [args.latentchain, "bench", "--json", "--model", args.folder, "--runs", str(args.runs), *map(str, rest)]
    four, three = HERE / "four-agents.json", HERE / "three-thinkers.json"
    work = {"bandwidth": {MEMORY: [args.bandwidth]}}
    for batch in args.batches:
        work[f"batch-{batch}"] = {
            OURS: ours("--batch", batch),
            TORCH: script("pytorch.py", args.folder, "--batch", batch),
            LLAMA: script("llamacpp.py", args.gguf, "--batch", batch),
        }
    work["four-agents"] = {OURS: ours("--team", four), TORCH: script("pytorch.py", args.folder, "--team", four)}
    work["three-thinkers"] = {
        OURS: ours("--team", three),
        TORCH: script("pytorch.py", args.folder, "--team", three),
        AVP: script("avp_team.py", args.folder, "--connector", "hf", "--team", three),
        AVP_LLAMA: script("avp_team.py", args.gguf, "--connector", "llamacpp", "--team", three),
        AVP_LLAMA_CORES: script("avp_team.py", args.gguf, "--connector", "llamacpp", "--team", three, "--threads", os.cpu_count()),
    }
    return work


def call(command):
    """The JSON object a program writes to standard output; None, and the reason on standard error, if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout)
        reason = f"exit code {done.returncode}: " + "\n".join(done.stderr.splitlines()[-5:])
    except (OSError, json.JSONDecodeError) as e:
        reason = str(e)
    print(" ".join(command) + ": " + reason, file=sys.stderr)
    return None


def tables(work, rounds, weights):
    def values(workload, name, key):
        """One value for each round, None where the program failed or does not report it."""
        return [r.get((workload, name), {}).get(key) for r in rounds]

    def median(found):
        found = [v for v in found if v is not None]
        return statistics.median(found) if found else None

    def ratio(above, below):
        return median([a / b if a and b else None for a, b in zip(above, below)])

    def number(value, digits):
        return "–" if value is None else f"{value:.{digits}f}"

    memory = values("bandwidth", MEMORY, "gb_s")
    lines = [f"Memory: {number(median(memory), 1)} GB/s; {number(median(values('bandwidth', MEMORY, 'best_gb_s')), 1)} at best. Rounds: {len(rounds)}."]
    batches = [w for w in work if w.startswith("batch-")]
    if batches:
        lines += ["", *table_head("a second", OURS, TORCH, LLAMA, f"{OURS} / {TORCH}", f"{OURS} / {LLAMA}", "share of what memory allows")]
    for workload in batches:
        for key, label in SPEEDS.items():
            ours, torch, llama = (values(workload, name, key) for name in (OURS, TORCH, LLAMA))
            read = {"latent_steps_s": weights["layers"], "decode_tok_s": weights["all"]}.get(key) if workload == "batch-1" else None
            share = ratio([o and read and o * read / 1e9 for o in ours], memory)
            lines.append(row(f"{workload.replace('-', ' ')}: {label}", *(number(median(v), 1) for v in (ours, torch, llama)),
                             *(number(ratio(ours, v), 2) for v in (torch, llama)), number(share, 2)))
    for workload, programs in work.items():
        if TORCH not in programs or workload in batches:
            continue
        lines += ["", *table_head(workload, "seconds", f"{OURS} / it")]
        ours = values(workload, OURS, "team_seconds")
        for name in programs:
            seconds = values(workload, name, "team_seconds")
            lines.append(row(name, number(median(seconds), 2), number(ratio(ours, seconds), 2)))
        pairs = [(a, b) for a, b in zip(values(workload, OURS, "answer_ids"), values(workload, TORCH, "answer_ids")) if a and b]
        if pairs:
            lines += ["", f"{OURS} and {TORCH} wrote " + ("the same tokens." if all(a == b for a, b in pairs) else "different tokens.")]
    return "\n".join(lines)


def table_head(*cells):
    return [row(*cells), "|" + "---|" * len(cells)]


def row(*cells):
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
