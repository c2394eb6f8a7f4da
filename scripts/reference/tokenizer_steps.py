#!/usr/bin/env python3
"""Writes Tests/Fixtures/tokenizer_steps.json.gz: tokenizer.json files with steps of their own, and the ids of texts.

Reference: transformers 5.24.0 (tokenizers 0.23.3), Python 3.11.2. A unigram model of some 200 pieces with
drawn scores and a byte-pair model of a few merges are made here; each case puts a normaliser, a
pre-tokenizer, added tokens or settings around one of them. `CHARSMAP` stands for the table of sentence_piece.json.gz.
The classes are PreTrainedTokenizerFast, T5TokenizerFast and CLIPTokenizerFast as the case says; ids are with special tokens.
Command: python scripts/reference/tokenizer_steps.py
"""
import gzip
import json
import pathlib
import random
import tempfile

import tokenizers
import transformers

root = pathlib.Path(__file__).resolve().parents[2]
draw = random.Random(20261130)
print("transformers", transformers.__version__, "tokenizers", tokenizers.__version__)
CHARSMAP = json.loads(gzip.decompress((root / "Tests/Fixtures/sentence_piece.json.gz").read_bytes()))["charsmap"]

WORDS = "a photo of the cat dog cats Cat PHOTO small café naïve don't t-shirt über 日本 x1 word".split()
TEXTS = [
    "", " ", "a photo of a cat", "A Photo of the CAT", "  two   spaces\tand\ttabs\n", "cat's t-shirt, 100% café!", "naïve NAÏVE über", "日本 日本x",
    "e\u0301 \u00e9 caf\u00e9 cafe\u0301", "½ ① ﬁ ﷺ", "½\u0301 ﬁ\u0301 e\u0301\u0302\u0303\u0304", "\r\n a\r\nb", "a\u00a0b\u2003c\u3000d", "zero\u200bwidth\u200djoiner \ufeff",
    "▁a ▁▁cat a▁b", "_a __cat a_b", "ΑΣ Σας", "İstanbul", "[MASK] cat", "a [MASK]cat", "a  [MASK]  cat", "[MASK][MASK]x", "dogcat dogdog DOG", "\x00\x01a\x08b\x0bc\x7f", "a.b,c;d!e?f", "- - -",
    "word " * 12, "x" * 40, "👍🏽 👨‍👩‍👧 cat", "\u2028line\u2029para", "spec SPEC mySpec", "aaaaaa aa a", "[mask] [Mask]",
]


def unigram():
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    seen = {p for p, _ in pieces}
    letters = sorted(set("".join(WORDS + ["photograph", "_", "▁", ".", ",", "'", "x", "1", "b", "c", "d", "e", "f", "é", "日", "σ", "ς"])) | set("abcdefghijklmnopqrstuvwxyzABC"))
    for piece in letters + ["▁" + w for w in WORDS] + ["_" + w for w in WORDS] + WORDS + ["▁a▁", "aa", "aaa", "▁x", "ca", "at", "at▁", " cat", "[MASK]", "spec"]:
        if piece not in seen:
            seen.add(piece)
            pieces.append((piece, -draw.uniform(2, 9) - (4 if len(piece) == 1 else 0)))
    return {"type": "Unigram", "unk_id": 2, "vocab": [list(p) for p in pieces], "byte_fallback": False}


UNIGRAM = unigram()


def stand_ins():
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + i) for i in range(len(rest))]


def byte_pairs():
    symbols = stand_ins()
    merges = [("a", "t</w>"), ("c", "at</w>"), ("d", "o"), ("do", "g</w>"), ("p", "h")]
    vocabulary = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return {"type": "BPE", "dropout": None, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": False,
            "vocab": {s: i for i, s in enumerate(vocabulary)}, "merges": [" ".join(m) for m in merges]}


PAIRS = byte_pairs()
START, END = PAIRS["vocab"]["<|startoftext|>"], PAIRS["vocab"]["<|endoftext|>"]
lower, nfc, nmt = {"type": "Lowercase"}, {"type": "NFC"}, {"type": "Nmt"}
table = {"type": "Precompiled", "precompiled_charsmap": "CHARSMAP"}
white = {"type": "WhitespaceSplit"}


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def steps(*parts):
    return sequence("normalizers", *parts)


def replace(pattern, content, kind="Regex"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def strip(left=True, right=True):
    return {"type": "Strip", "strip_left": left, "strip_right": right}


def meta(mark="▁", scheme="always", split=True):
    return {"type": "Metaspace", "replacement": mark, "prepend_scheme": scheme, "split": split}


def added(name, id, **flags):
    return {"id": id, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


punctuation = replace(r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]""", "")
TEMPLATE = {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}}
SPECIALS = [added("<pad>", 0), added("</s>", 1), added("<unk>", 2)]
ENDS = [added("<|startoftext|>", START, normalized=True), added("<|endoftext|>", END)]
SPLIT = sequence("pretokenizers",
                 {"type": "Split", "pattern": {"Regex": r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"}, "behavior": "Removed", "invert": True},
                 {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True})
CLIP_STEPS = steps(nfc, replace(r"\s+", " "), lower)
mask = next(i for i, p in enumerate(UNIGRAM["vocab"]) if p[0] == "[MASK]")
FAST, T5 = "PreTrainedTokenizerFast", "T5TokenizerFast"

# name, class, normaliser, pre-tokenizer, added tokens, settings
UNIGRAM_CASES = [
    ("lower", FAST, lower, meta(), [], {}),
    ("table", FAST, table, meta(), [], {}),
    ("table, lower, no split", FAST, steps(table, lower), meta(split=False), [], {}),
    ("never", FAST, lower, meta(scheme="never"), [], {}),
    ("first", FAST, lower, meta(scheme="first"), [], {}),
    ("another mark", FAST, lower, meta("_"), [], {}),
    ("text for text", FAST, steps(lower, replace("cat", "dog", "String")), meta(), [], {}),
    ("expression of plain text", FAST, replace("cat", "dog"), meta(), [], {}),
    ("SigLIP's rules as steps", FAST, steps(lower, punctuation, replace(r"\s+", " "), strip()), meta(), [], {}),
    ("counted runs", FAST, steps(replace("a{2,3}", "x"), replace(" {2,}", " "), replace("[^a-z ▁]", "?")), meta(), [], {}),
    ("prepended", FAST, steps({"type": "Prepend", "prepend": "x"}, lower), meta(), [], {}),
    ("controls", FAST, steps(nmt, nfc), meta(), [], {}),
    ("left end", FAST, strip(True, False), meta(), [], {}),
    ("right end", FAST, strip(False, True), meta(), [], {}),
    ("white space alone", FAST, lower, white, [], {}),
    ("white space, then marks", FAST, lower, sequence("pretokenizers", white, meta()), [], {}),
    ("no pre-tokenizer", FAST, lower, None, [], {}),
    ("no step", FAST, None, None, [], {}),
    ("an added token", FAST, lower, meta(), [added("[MASK]", mask)], {}),
    ("an added token with spaces", FAST, lower, meta(scheme="first"), [added("[MASK]", mask, lstrip=True, rstrip=True)], {}),
    ("an added token, normalised", FAST, lower, meta(), [added("[MASK]", mask, normalized=True)], {}),
    ("an added word", FAST, lower, meta(), [added("spec", next(i for i, p in enumerate(UNIGRAM["vocab"]) if p[0] == "spec"), special=False, normalized=True)], {}),
    ("T5", T5, table, sequence("pretokenizers", white, meta()), [], {"extra_ids": 0}),
    ("T5 without white space", T5, table, meta(), [], {"extra_ids": 0}),
    ("T5 without a table", T5, None, meta(), [], {"extra_ids": 0, "pad_token": "</s>"}),
]
PAIR_CASES = [
    ("CLIP's", FAST, CLIP_STEPS, [], {}),
    ("text for text", FAST, steps(nfc, replace("cat", "dog", "String"), lower), [], {}),
    ("prepended", FAST, steps({"type": "Prepend", "prepend": "x"}, lower), [], {}),
    ("case first", FAST, steps(lower, replace("[a-c]+", "dog")), [], {}),
    ("no step", FAST, None, [], {}),
    ("an added token", FAST, CLIP_STEPS, [added("[MASK]", END + 1)], {}),
    ("an added token with spaces", FAST, CLIP_STEPS, [added("[MASK]", END + 1, lstrip=True)], {}),
    ("an added token, normalised", FAST, CLIP_STEPS, [added("[MASK]", END + 1, normalized=True)], {}),
    ("two added tokens", FAST, CLIP_STEPS, [added("[MASK]", END + 1), added("[MASK][MASK]", END + 2)], {}),
    ("padding of text", FAST, CLIP_STEPS, [], {"pad_token": "!"}),
]


def document(model, normalizer, pre, tokens, post):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": normalizer, "pre_tokenizer": pre,
            "post_processor": post, "decoder": None, "model": model}


def run(kind, json_text, settings):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "tokenizer.json").write_text(json_text.replace("CHARSMAP", CHARSMAP))
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        tokenizer = getattr(transformers, kind).from_pretrained(folder)
        row = tokenizer("a", padding="max_length", max_length=6)["input_ids"]
        return [tokenizer(text)["input_ids"] for text in TEXTS], row


cases = []
for name, kind, normalizer, pre, tokens, settings in UNIGRAM_CASES:
    settings = {"tokenizer_class": kind, "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", **settings}
    whole = document("MODEL", normalizer, pre, SPECIALS + tokens, TEMPLATE)
    ids, row = run(kind, json.dumps(whole, ensure_ascii=False).replace('"MODEL"', json.dumps(UNIGRAM, ensure_ascii=False)), settings)
    cases.append({"name": name, "model": "unigram", "document": whole, "settings": settings, "ids": ids, "row": row})
ROBERTA = {"type": "RobertaProcessing", "sep": ["<|endoftext|>", END], "cls": ["<|startoftext|>", START], "trim_offsets": False, "add_prefix_space": False}
for name, kind, normalizer, tokens, settings in PAIR_CASES:
    settings = {"tokenizer_class": kind, "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>", **settings}
    whole = document("MODEL", normalizer, SPLIT, ENDS + tokens, ROBERTA)
    ids, row = run(kind, json.dumps(whole, ensure_ascii=False).replace('"MODEL"', json.dumps(PAIRS, ensure_ascii=False)), settings)
    cases.append({"name": name, "model": "pairs", "document": whole, "settings": settings, "ids": ids, "row": row})

target = root / "Tests/Fixtures/tokenizer_steps.json.gz"
data = json.dumps({
    "made_by": "scripts/reference/tokenizer_steps.py", "versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__},
    "unigram": UNIGRAM, "pairs": PAIRS, "texts": TEXTS, "cases": cases}, ensure_ascii=False, separators=(",", ":")).encode()
target.write_bytes(gzip.compress(data, 9, mtime=0))
print(len(cases), "cases,", len(TEXTS), "texts,", len(data), "->", target.stat().st_size, "bytes")
