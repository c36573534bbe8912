"""Makes components.json.gz, hard.json, sentencepiece.json and the ids in tokens-*.json: what Hugging Face's `tokenizers`
(0.23) and `sentencepiece` (0.2) give for texts that are easy to get wrong.
Run as: python golden.py <folder of SmolLM2-135M-Instruct>

components.json.gz holds small tokenizers, each made to use one part of tokenizer.json; hard.json texts for the models
the other tests open; sentencepiece.json texts for bpe.model, trained here. The texts of tokens-*.json are in these files.
"""
import gzip, io, json, pathlib, random, sys
from tokenizers import Tokenizer, AddedToken, Regex, models, normalizers as N, pre_tokenizers as P, decoders as D, trainers
import sentencepiece

here = pathlib.Path(__file__).parent
corpus = [
    "The quick brown fox jumps over the lazy dog. The dog doesn't mind; it's asleep, and we've all seen foxes.",
    "  two  spaces,\ttabs\n\nand 1234567 numbers, 3.14 and ½ or ٣٤٥.", "Où est l'école ? É é ñ über Straße",
    "日本語のテキスト 世界 你好", "def f(x):\n    return x**2 # square\n\n\n", "e.g. U.S.A. (1,000) [x] {y} <z>",
    "the theory of the thing that they thought then", "aaaa aaa aa a bbbb abab ABAB",
]
hard = [
    "", " ", "  ", "\n", "\r\n", "\t", "\x00", "a\x00b", " a", "a ", "  a  b  ", "a\r\n\r\nb", "\n \n", " \n a", "\u00a0", "a\u00a0b", "\u2003x\u3000y\u1680",
    "\u0085", "\u200b\u200d\ufeff", "it'S IT'S it’s 'ſ I'ſay 'LL 'Ve x'd'd", "e\u0301 a\u0308\u0323 \u0323\u0308 ñ n\u0303 Å Å \u1100\u1161\u11a8 각",
    "ﬁ ａ ① ² Ⅷ ㍻", "İI ı ẞ ß ǅ", "12345 123 12 1 ٣٤٥ ½ ²³ Ⅷ 四 \U0001d7d8", "1a2b3", "x1.5e-10", "ᲊ \ua7cd \U000105c0\U00010d4a\U0001e5f0 x\U0002ebf0y",
    "\U00010d40\U00010d41 \U0001ccf0", "🏳️‍🌈 👩‍💻 🇩🇪 🙂🙂", "مرحبا שלום हिन्दी ไทย", "....!!!???---===", "$+<=>^`|~ \u2010\u2014 «x» ¿¡", "(a)[b]{c}", "CamelCase snake_case kebab-case",
    "<tok>", "a<tok>b", " <tok> ", "<tok><tok>", "<tok", "<tok>s", "word", "swordfish word wordy a word", "  strip  <l>  <r>  x", "<l> <r>", "Hello HELLO hello", "▁x ▁ ▁▁", " ▁",
    "the the the thethe", "aaaaaaaaaaaaaaaaaaaaaaa", "ab" * 40, "\ue000\U0010ffff\ufffd", "\u0e33 \u0344 \u0958 \ufb1d", "x\u0335y o\u0338", "line1\rline2\u2028line3\u2029",
]
rng = random.Random(7)
bits = ["the", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "é", "e\u0301", "ß", "1", "42", "1,000", "'s", "'LL", "<tok>", "<l>", "<r>", "word", "世界", "🙂", "_", "-", "==", "(", "A", "Foo", "▁", "\u0000", "\u200d"]
hard += ["".join(rng.choice(bits) for _ in range(rng.randint(1, 14))) for _ in range(60)]

G = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

def make(normalizer=None, pre=None, decoder=None, model=None, alphabet=(), size=420, added=()):
    tok = Tokenizer(models.BPE(**(model or {})))
    if normalizer: tok.normalizer = normalizer
    if pre: tok.pre_tokenizer = pre
    if decoder: tok.decoder = decoder
    special = [s for s in [(model or {}).get("unk_token")] if s]
    if (model or {}).get("byte_fallback"): special += [f"<0x{b:02X}>" for b in range(256)]
    tok.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(alphabet), special_tokens=special, show_progress=False))
    if (model or {}).get("byte_fallback"):  # byte pieces are words of the model, not added tokens
        c = json.loads(tok.to_str()); c["added_tokens"] = [a for a in c["added_tokens"] if not a["content"].startswith("<0x")]; tok = Tokenizer.from_str(json.dumps(c))
    tok.add_tokens([a for a in added if not a.special]); tok.add_special_tokens([a for a in added if a.special])
    return tok

byte = dict(pre=P.ByteLevel(add_prefix_space=False), decoder=D.ByteLevel(), alphabet=P.ByteLevel.alphabet())
flags = [AddedToken("<tok>", special=True, normalized=False), AddedToken("<l>", lstrip=True, special=False, normalized=False), AddedToken("<r>", rstrip=True, special=False, normalized=False), AddedToken("word", single_word=True, special=False, normalized=False)]
B = lambda *p: dict(byte, pre=P.Sequence([*p, P.ByteLevel(add_prefix_space=False, use_regex=False)]))
unk = dict(model=dict(unk_token="<unk>"))
kinds = {
    "ByteLevel": make(**byte, added=flags),
    "ByteLevel add_prefix_space": make(**dict(byte, pre=P.ByteLevel(add_prefix_space=True)), added=flags),
    "ByteLevel without regex": make(**dict(byte, pre=P.ByteLevel(add_prefix_space=False, use_regex=False))),
    "ignore_merges": make(**byte, model=dict(ignore_merges=True)),
    "NFC": make(**byte, normalizer=N.NFC(), added=[AddedToken("é", normalized=True), AddedToken("<tok>", normalized=True)]),
    "NFD Lowercase StripAccents": make(**byte, normalizer=N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]), added=[AddedToken("Hello", normalized=True)]),
    "NFKC": make(**byte, normalizer=N.NFKC()),
    "NFKD Strip": make(**byte, normalizer=N.Sequence([N.NFKD(), N.Strip(left=True, right=True)])),
    "Strip left": make(**byte, normalizer=N.Strip(left=True, right=False)),
    "Replace": make(**byte, normalizer=N.Sequence([N.Replace(Regex("[ \\t]+"), "_"), N.Replace("the", "THE"), N.Prepend(">")])),
    "Digits": make(**B(P.Digits(individual_digits=False))),
    "Digits individual, ByteLevel": make(**dict(byte, pre=P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)]))),
    "Split possessive": make(**B(P.Split(Regex("(?i:'s|'ll)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"), "isolated"))),
    "Split by case": make(**B(P.Split(Regex("[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t)?|\\p{N}{1,3}|\\s+"), "isolated"))),
    "Split case-folded set": make(**B(P.Split(Regex("(?i)[r-t']+|(?-i)[s]"), "isolated"))),
    "Split at line": make(**B(P.Split(Regex("^ +|,$"), "isolated"))),
    "Split look-ahead": make(**B(P.Split(Regex("(?=[A-Z])"), "isolated"))),
    "WhitespaceSplit": make(pre=P.WhitespaceSplit(), **unk),
    "Whitespace": make(pre=P.Whitespace(), decoder=D.Fuse(), **unk),
    "Punctuation": make(pre=P.Sequence([P.WhitespaceSplit(), P.Punctuation("merged_with_previous")]), **unk),
    "no pre-tokenizer, unk": make(**unk),
    "fuse_unk": make(model=dict(unk_token="<unk>", fuse_unk=True)),
    "unknown dropped": make(pre=P.WhitespaceSplit()),
}
for b in ["isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"]:
    for inv in [False, True]:
        kinds[f"Split {b}{' inverted' if inv else ''}"] = make(**B(P.Split(" ", b, invert=inv)))
for scheme in ["always", "first", "never"]:
    kinds[f"Metaspace {scheme}"] = make(pre=P.Metaspace(prepend_scheme=scheme), decoder=D.Metaspace(prepend_scheme=scheme), added=flags, **unk)
kinds["Metaspace whole"] = make(pre=P.Metaspace(split=False), decoder=D.Metaspace(), **unk)
llama = dict(model=dict(unk_token="<unk>", fuse_unk=True, byte_fallback=True), size=640)
kinds["llama"] = make(normalizer=N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), decoder=D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]), added=flags, **llama)
kinds["gemma"] = make(normalizer=N.Replace(" ", "▁"), pre=P.Split(" ", "merged_with_previous"), decoder=D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()]), **llama)

def cases(tok, texts):
    out = []
    for t in texts:
        ids = tok.encode(t, add_special_tokens=False).ids
        d = tok.decode(ids, skip_special_tokens=False)
        out.append({"text": t, "ids": ids, "decoded": d} if d != t else {"text": t, "ids": ids, "decoded": t})
    for _ in range(12):  # ids in an order no text gives
        ids = [rng.randrange(tok.get_vocab_size()) for _ in range(rng.randint(1, 12))]
        out.append({"text": None, "ids": ids, "decoded": tok.decode(ids, skip_special_tokens=False)})
    return out

def lines(rows):
    return "[\n" + ",\n".join(json.dumps(r, ensure_ascii=True) for r in rows) + "\n]\n"

rows = [{"name": k, "tokenizer": json.loads(t.to_str()), "cases": cases(t, hard)} for k, t in kinds.items()]
(here / "components.json.gz").write_bytes(gzip.compress(lines(rows).encode(), 9, mtime=0))

model = here.parent.parent.parent / "testdata/models"
real = {n: Tokenizer.from_file(str(p / "tokenizer.json")) for n, p in [("tiny-llama3", model / "tiny-llama3"), ("tiny-qwen3", model / "tiny-qwen3"), ("smollm2", pathlib.Path(sys.argv[1]))]}
real["smollm2"].pre_tokenizer = P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)])  # a folder made of a GGUF file lacks the first
rows = [{"name": n, "cases": cases(t, hard)} for n, t in real.items()]
(here / "hard.json").write_text(lines(rows))

for name, tok in real.items():
    path = here / f"tokens-{'smollm2-135m' if name == 'smollm2' else name}.json"
    texts = [row["text"] for row in json.loads(path.read_text())]
    path.write_text(json.dumps([{"text": t, "ids": tok.encode(t, add_special_tokens=False).ids} for t in texts], indent=0))

out = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_writer=out, vocab_size=400, model_type="bpe", byte_fallback=True, character_coverage=0.98, normalization_rule_name="identity", remove_extra_whitespaces=False, user_defined_symbols=["<tok>", "\n"], hard_vocab_limit=False, minloglevel=2)
(here / "bpe.model").write_bytes(out.getvalue())
sp = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
(here / "sentencepiece.json").write_text(lines([{"text": t, "ids": sp.encode(t), "decoded": sp.decode(sp.encode(t))} for t in hard if "\x00" not in t and "<unk>" not in t]))
