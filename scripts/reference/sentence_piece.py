#!/usr/bin/env python3
"""Writes Tests/Fixtures/sentence_piece.json.gz: small SentencePiece models and ids of 3,000 lines.

Reference: sentencepiece 0.2.3 and SiglipTokenizer of transformers 5.23.0, Python 3.11.2. The models
are trained here on generated text: `siglip` with the normaliser and special ids of SigLIP's, `bytes`
with byte fallback, user-defined pieces and no normaliser, `suffix` with spaces behind
words; `json` is the first as tokenizer.json. The character map (nmt_nfkc) of all is stored once and taken
out of the others. Every line carries hashes (FNV-1a 64 over little-endian
16-bit ids) of SigLIP's ids and of each model's own; the first 300 their SigLIP ids and what the model
decodes. All text is made here from word lists and code point ranges, with a fixed seed.
"""
import base64
import gzip
import io
import json
import pathlib
import random
import tempfile
import unicodedata

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2

root = pathlib.Path(__file__).resolve().parents[2]
draw = random.Random(20261123)

NOUNS = (
    "dog cat airplane automobile bird deer frog horse ship truck t-shirt trouser pullover dress coat sandal shirt sneaker bag boot "
    "goldfish zebra koala banana bicycle mountain street window kitchen child woman man umbrella guitar elephant airliner "
    "convertible school bus photograph photography photographer sunflower moonlight").split()
WORDS = "a the of this is my blurry small red runs sits jumps on in grass sea at night two with and no not don't naïve café über ½ 中 文字 ночь μέρα".split()
RANGES = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x5D0, 0x5EA),
    (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209F),
    (0x20A0, 0x20BF), (0x2100, 0x218F), (0x2190, 0x23FF), (0x2460, 0x24FF), (0x2500, 0x27BF), (0x3000, 0x30FF), (0x3130, 0x318F),
    (0x3300, 0x33FF), (0x4E00, 0x4EFF), (0xAC00, 0xACFF), (0xFB00, 0xFB4F), (0xFDF0, 0xFDFF), (0xFE00, 0xFE6F), (0xFF00, 0xFFEF),
    (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F), (0x1F900, 0x1F9FF), (0x20000, 0x20010), (0x2F800, 0x2F810), (0xE0020, 0xE007F)]
CONTROLS = [chr(c) for c in [*range(1, 32), 127, *range(0x80, 0xA0), 0x200B, 0x200D, 0x2028, 0x2029, 0x2060, 0xFEFF, 0xFFFC, 0xFFFD, 0x180E, 0xAD, 0x2581]]
FIXED = [
    "", " ", "  ", "\n\t\r\n", "a", "A", "0", "!", "?!", "'", "_", "it's", "dog_cat don't", " dog", "dog ", "dog  cat", "▁dog", "dog▁ cat", "▁", "▁▁", "ΑΣ ΑΣΑ Σ",
    "ΑΣ.", "ΑΣ'Α", "İstanbul I ı", "ẞ ß", "x\x1cy\x1dz", "a\x85b", "①dog", "½ ①", "\u200bdog\u200b", "no\u00a0break\u2003em\u3000x", "日本 日本", "日本x日本",
    "ﷺ ㍿ ㌀", "ＦＵＬＬ　ｗｉｄｔｈ！", "e\u0301 E\u0301", "\u1100\u1161\u11a8", "👨‍👩‍👧‍👦 👍🏽 🇫🇮", "word " * 90, "a" * 300, "dogcat dogcatdog 中文字 <x> <x", "<0x41> <0xE4>",
    "\ufeffbom", "zero\u200dwidth", "q\u0323\u0307 q\u0307\u0323", "line\u2028line", "C++ C# x=y+z", "1,000,000 50%", "…—–‐", "don’t “quote”", "a.b.c", "- - -", ". a", "a .", "\u0301", "\u0301a", " \u0301"]


def character():
    low, high = draw.choice(RANGES)
    while True:
        c = chr(draw.randint(low, high))
        if unicodedata.category(c) not in ("Cn", "Cs"):
            return c


def piece():
    kind = draw.randrange(12)
    if kind < 4:
        word = draw.choice(NOUNS)
        return word if draw.random() < 0.6 else word.upper() if draw.random() < 0.5 else word.title()
    if kind < 6:
        return draw.choice(WORDS)
    if kind < 10:
        return "".join(character() for _ in range(draw.randint(1, 5)))
    if kind < 11:
        return draw.choice(CONTROLS)
    return draw.choice([".", ",", "...", "\u0301", "Σ", "İ", "ﬁ", "12", "…", "🙂", "中文", "-", "'s", "dogcat", "<x>"])


def caption():
    text = " ".join(draw.choice(WORDS + NOUNS) for _ in range(draw.randint(2, 9)))
    return text + draw.choice(["", ".", "!", " ,"])


def noise():
    count = draw.randint(1, 7) if draw.random() < 0.98 else draw.randint(40, 60)
    return "".join(piece() + draw.choice(["", "", " ", " ", "  "]) for _ in range(count))


def train(**options):
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([caption().lower() for _ in range(3000)] + [noise().lower() for _ in range(600)]), model_writer=writer,
        model_type="unigram", minloglevel=2, num_threads=1, hard_vocab_limit=False, **options)
    return writer.getvalue()


MODELS = {
    "siglip": train(vocab_size=2400, normalization_rule_name="nmt_nfkc", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=0.98),
    "bytes": train(vocab_size=2200, normalization_rule_name="identity", byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False,
                   user_defined_symbols=["dogcat", "<x>", "中文"], character_coverage=0.98),
    "suffix": train(vocab_size=2000, normalization_rule_name="nmt_nfkc", treat_whitespace_as_suffix=True, character_coverage=0.98),
}
processors = {name: sentencepiece.SentencePieceProcessor(model_proto=bytes) for name, bytes in MODELS.items()}


def tokenizer_json(bytes):
    """The model as transformers' converters write one, as far as Kilpi reads it."""
    proto = sentencepiece_model_pb2.ModelProto.FromString(bytes)
    return {
        "version": "1.0",
        "added_tokens": [{"id": id, "content": piece.piece, "special": True} for id, piece in enumerate(proto.pieces) if piece.type == 3],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Lowercase"}, {"type": "Precompiled", "precompiled_charsmap": "CHARSMAP"}]},
        "model": {"type": "Unigram", "unk_id": proto.trainer_spec.unk_id, "vocab": [[piece.piece, piece.score] for piece in proto.pieces], "byte_fallback": False},
    }


def without_map(bytes):
    proto = sentencepiece_model_pb2.ModelProto.FromString(bytes)
    assert proto.normalizer_spec.precompiled_charsmap in (b"", CHARSMAP)
    proto.normalizer_spec.ClearField("precompiled_charsmap")
    return proto.SerializeToString()


CHARSMAP = sentencepiece_model_pb2.ModelProto.FromString(MODELS["siglip"]).normalizer_spec.precompiled_charsmap


def fingerprint(ids):
    value = 0xCBF29CE484222325
    for id in ids:
        for byte in (id & 255, id >> 8):
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "spiece.model"
    path.write_bytes(MODELS["siglip"])
    siglip = transformers.SiglipTokenizer(str(path))
    lines, seen, queue = [], set(), list(FIXED)
    while len(lines) < 3000:
        text = queue.pop(0) if queue else caption() if draw.random() < 0.3 else noise()
        # The reference maps the names of special tokens wherever they stand; Kilpi does not.
        if text in seen or "<unk>" in text or "</s>" in text or "\x00" in text:
            continue
        seen.add(text)
        ids = siglip(text)["input_ids"]
        row = [text, fingerprint(ids)] + [fingerprint(processors[name].encode(text)) for name in MODELS]
        if len(lines) < 300:
            row += [ids, processors["siglip"].decode(processors["siglip"].encode(text)), processors["bytes"].decode(processors["bytes"].encode(text))]
        lines.append(row)

json_model = tokenizer_json(MODELS["siglip"])
document = {
    "made_by": "scripts/reference/sentence_piece.py",
    "versions": {"sentencepiece": sentencepiece.__version__, "transformers": transformers.__version__},
    "charsmap": base64.b64encode(CHARSMAP).decode(),
    "models": {name: base64.b64encode(without_map(bytes)).decode() for name, bytes in MODELS.items()},
    "pieces": {name: processor.get_piece_size() for name, processor in processors.items()},
    "json": json_model,
    "lines": lines,
}
target = root / "Tests/Fixtures/sentence_piece.json.gz"
data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
target.write_bytes(gzip.compress(data, 9, mtime=0))
print(len(lines), "lines,", document["pieces"], len(data), "->", target.stat().st_size, "bytes")
