#!/usr/bin/env python3
"""Gives each agent of a team the token ids of its messages: team.py FOLDER TEAM.json ...

FOLDER is a Hugging Face folder, whose tokenizer and chat template are used; the files are written in place. A team:

    {"pastend": true,                                              the last agent's tokens are decoded to their number,
                                                                   also past the end-of-text token
     "agents": [
       {"role": "planner", "messages": [...], "ids": [...], "steps": 20},    thinks so many latent steps
       ...
       {"role": "solver", "messages": [...], "ids": [...], "tokens": 256}]}  decodes so many tokens

Programs that take ids read nothing else of an agent, so that all of them compute the same prompts; avp takes messages.
"""
import argparse
import json
from pathlib import Path

from transformers import AutoTokenizer


def text(team):
    """The team as JSON, with one line for each field of an agent."""
    line = lambda value: json.dumps(value, ensure_ascii=False)
    agents = [",\n".join(f"    {line(key)}: {line(value)}" for key, value in agent.items()) for agent in team["agents"]]
    return f'{{\n "pastend": {line(team.get("pastend", False))},\n "agents": [\n  {{\n' + "\n  },\n  {\n".join(agents) + "\n  }\n ]\n}\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("teams", nargs="+", type=Path)
    args = p.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.folder)
    for path in args.teams:
        team = json.loads(path.read_text(encoding="utf-8"))
        for agent in team["agents"]:
            prompt = tokenizer.apply_chat_template(agent["messages"], tokenize=False, add_generation_prompt=True)
            agent["ids"] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        path.write_text(text(team), encoding="utf-8")
        print(path, "prompt tokens:", *(len(a["ids"]) for a in team["agents"]))


if __name__ == "__main__":
    main()
