"""How many bytes of weights, as float32, a pass over one position reads: from the headers of a folder's safetensors files."""
import json
import math
import struct
from pathlib import Path


def weight_bytes(folder):
    """{"layers": what a latent step reads, "all": what decoding a token reads, which is the unembedding besides}."""
    sizes = {}
    for path in Path(folder).glob("*.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        sizes |= {name: 4 * math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__"}
    if not sizes:
        raise FileNotFoundError(f"{folder}: no safetensors files; folder.py makes such a folder")
    embeddings = {name: size for name, size in sizes.items() if "embed_tokens" in name or "lm_head" in name}
    layers = sum(sizes.values()) - sum(embeddings.values())
    return {"layers": layers, "all": layers + max(embeddings.values(), default=0)}
