#!/usr/bin/env python3
"""Writes Tests/Fixtures/words.json: the words that the peers' tokenizers cut texts into.

References: the pattern and the cleaning of open_clip_torch's SimpleTokenizer, the pre-tokenizer of
transformers' BertTokenizer (uncased), and the text that SiglipTokenizer's `canonicalize_text` leaves,
made small; the versions that ran are in the file. All texts are made here: names glued to what may
stand beside them, in several cases.
"""
import importlib.util
import json
import pathlib
import re
import string
from importlib import metadata

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

root = pathlib.Path(__file__).resolve().parents[2]


def open_clip_tokenizer():
    """The module alone: its package asks for torchvision."""
    path = importlib.util.find_spec("open_clip").submodule_search_locations[0] + "/tokenizer.py"
    spec = importlib.util.spec_from_file_location("tokenizer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, module.SimpleTokenizer()


module, clip = open_clip_tokenizer()


def byte_pairs(text):
    return clip.pat.findall(clip.clean_fn(text))


def word_pieces(text):
    text = BertNormalizer(lowercase=True).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(text)]


def sentence_pieces(text):
    """SiglipTokenizer.canonicalize_text, as its do_lower_case and split at spaces."""
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\s+", " ", text).strip().split()


names = ["cat", "Coat", "T-shirt", "ice cream", "747", "mp3", "women", "caf\u00e9", "na\u00efve", "\u732b"]
glue = [
    "the {}'s picture", "the {}\u2019s picture", "{}' tails", "'{}'", "\"{}\"", "({})", "a {}-like thing",
    "half-{}", "{}/other", "a:{}", "a: {}", "{};", "{}.", "{}, {}", "photo_of_{}_", "2{}", "{}2", "#{}!",
    "{}'LL sleep", "they'VE {}", "I'm {}", "don't {}", "o'clock {}", "rock'n'roll {}", "{}&amp;co",
    "{} &#39;x&#39;", "\u00ab{}\u00bb", "{}\u2026", "{}\u2014{}", "{}+{}=1", "$5 {}", "{} \U0001F600", "\u00bf{}?",
    "a\u00a0{}\u3000b", "{}\u00b2",
]
rows = []
for pattern in glue:
    for name in names:
        text = pattern.replace("{}", name)
        rows.append(
            {"text": text, "byte_pairs": byte_pairs(text), "word_pieces": word_pieces(text),
             "sentence_pieces": sentence_pieces(text)})
versions = {name: metadata.version(name) for name in ["open_clip_torch", "tokenizers", "ftfy", "regex"]}
path = root / "Tests/Fixtures/words.json"
path.write_text(json.dumps({"versions": versions, "rows": rows}, ensure_ascii=True, indent=0) + "\n")
print(len(rows), "rows,", path.stat().st_size, "bytes")
