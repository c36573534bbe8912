#!/usr/bin/env python3
"""Writes the weights of a GGUF file, as float32, and its tokenizer into a Hugging Face folder: folder.py FILE.gguf OUT

transformers and avp can then compute with the numbers that llama.cpp and latentchain read from the file itself.
"""
import argparse
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("file", type=Path)
p.add_argument("out", type=Path)
args = p.parse_args()
where = {"pretrained_model_name_or_path": str(args.file.parent), "gguf_file": args.file.name}
weights = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
config = AutoConfig.from_pretrained(**where)
config.dtype = torch.float32
plain = AutoModelForCausalLM.from_config(config)  # the model read from GGUF counts as quantized, and can't be saved
plain.load_state_dict(weights.state_dict())
plain.save_pretrained(args.out)
AutoTokenizer.from_pretrained(**where).save_pretrained(args.out)
