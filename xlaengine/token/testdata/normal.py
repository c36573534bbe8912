"""Makes normal.json: what Python's unicodedata gives for texts that are hard to normalize. Run as: python normal.py

Its characters are of Unicode 14 or older, so that every Python since 3.11 gives the same.
"""
import json, pathlib, random, unicodedata

hard = [
    "", "a", "plain text", "a" + "\u0301" * 31, "\u0301" * 64, "a" + "\u0301\u0323" * 40, "\uff9e" * 40, "e\u0301" * 40,
    "\U00010041\u0301", "\U0001003c\u0338", "\u1099\U000110ba", "\U00011099\U000110ba", "\U00011131\U00011127", "\U000114b9\U000114ba",  # equal to others in 16 bits
    "\u1100\u1161\u11a8", "\u1100\u1161\u11a7", "\uac00\u11a8", "\uac01\u11a8", "\u1100\uac00", "\u1100\u1161\u0301\u11a8", "\u1112\u1175\u11c2", "\u1113\u1161", "\u1100\u1176", "각", "힣", "㉮",
    "\u212b", "\u2126", "\u212a", "\u0340\u0341\u0343\u0374\u037e\u0387", "\u2000\u2001", "\uf900\ufa10\U0002f800",  # singletons
    "\u0958", "\u0915\u093c", "\u2adc", "\u2add\u0338", "\ufb1d", "\u05d9\u05b4", "\U0001d15e", "\U0001d157\U0001d165", "\u0344", "\u0308\u0301", "\u0f73", "\u0f71\u0f72",  # never composed
    "a\u0323\u0307", "a\u0307\u0323", "\u1e0b\u0323", "\u1e0d\u0307", "d\u0307\u0323\u031b", "o\u031b\u0323\u0302", "\u01a1\u0302\u0323", "a\u0345\u0301\u0323", "\u03b1\u0345\u0301\u0313",
    "a\u0327\u0301\u0301", "a\u0328\u0327\u0301", "c\u0301\u0327", "a\u034f\u0301", "a\u200d\u0301", "a\u0301\u0061\u0301", "e\u0300\u0301", "\u0301e", " \u0301", "\u0391\u0313\u0300\u0345",
    "ﬁ ａ ① ² Ⅷ ㍻ ﷺ ½", "\uff76\uff9e", "\u30ab\u3099", "\u304b\u309a", "\u0e33", "\u0eb3", "\u1e9b\u0323", "\u017f\u0323\u0307", "\u09c7\u09be", "\u0cc6\u0cc2\u0cd5", "\u0dd9\u0dcf\u0dca", "\u1025\u102e", "\u1b05\u1b35",
]
rng = random.Random(11)
bits = [*"aAdeiouyszZ <=1é世", *map(chr, [*range(0x300, 0x315), 0x31b, *range(0x323, 0x332), 0x338, 0x342, 0x345, 0x34f, 0x3b1, 0x3b7, 0x3c9, 0x1f00, 0x1f80, 0x5b0, 0x5b4, 0x64b, 0x627, 0x653, 0x654, 0x93c,
        0x915, 0x928, 0x9c7, 0x9be, 0xf71, 0xf72, 0x1100, 0x1112, 0x1161, 0x1175, 0x11a7, 0x11a8, 0x11c2, 0xac00, 0xac01, 0x1e0b, 0x1e69, 0x212b, 0x3099, 0x304b, 0xfb1d, 0xff76, 0xff9e, 0x10041, 0x110ba, 0x11099, 0x1d15e, 0x1d165])]
hard += ["".join(rng.choice(bits) for _ in range(rng.randint(2, 12))) for _ in range(240)]

rows = [{"text": t, **{form: unicodedata.normalize(form, t) for form in ("NFC", "NFD", "NFKC", "NFKD")}} for t in hard]
text = "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n"
pathlib.Path(__file__).with_name("normal.json").write_text(text)
