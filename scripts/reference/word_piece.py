#!/usr/bin/env python3
"""Writes Tests/Fixtures/word_piece.json.gz: 6,000 generated lines and their WordPiece ids.

Reference: BertTokenizer of transformers 5.23.0 (tokenizers 0.23.3), Python 3.11.2, once uncased and
once cased, over a vocabulary of 2,600 pieces that tokenizers' trainer makes here from the generated
text. Every line carries a hash of its ids (FNV-1a 64 over little-endian 16-bit ids) for both, the
first 300 lines their ids and the places (in UTF-8 bytes) of the pieces too. Beside them: a hash of
what the normaliser and the splitter make of every code point, in blocks of 256 of them, but for
those that Unicode 14 (Python's tables) does not know. All text is made here from word lists and
code point ranges, with a fixed seed.
"""
import gzip
import json
import pathlib
import random
import unicodedata

import tokenizers
import transformers
from tokenizers import normalizers, pre_tokenizers

root = pathlib.Path(__file__).resolve().parents[2]
draw = random.Random(20261122)

NOUNS = (
    "dog cat airplane automobile bird deer frog horse ship truck t-shirt trouser pullover dress coat sandal "
    "shirt sneaker bag boot tabby goldfish zebra koala banana bicycle mountain street window kitchen child "
    "woman man players umbrella guitar elephant airliner convertible school bus photograph photography").split()
WORDS = "a the of this is my blurry small red runs sits jumps on in grass sea at night two with and no not don't".split()
RANGES = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF),
    (0x400, 0x52F), (0x530, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF),
    (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF), (0x20D0, 0x20F0), (0x2100, 0x218F),
    (0x2190, 0x23FF), (0x2460, 0x24FF), (0x2500, 0x27BF), (0x3000, 0x30FF), (0x3130, 0x318F),
    (0x3400, 0x3410), (0x4E00, 0x4EFF), (0xAC00, 0xACFF), (0xF900, 0xF910), (0xFB00, 0xFB4F), (0xFE00, 0xFE6F),
    (0xFF00, 0xFFEF), (0x1D100, 0x1D1FF), (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F), (0x1F900, 0x1F9FF),
    (0x10400, 0x1044F), (0x20000, 0x20010), (0x2B820, 0x2B830), (0x2F800, 0x2F810), (0xE0000, 0xE007F)]
CONTROLS = [chr(c) for c in [*range(0, 32), 127, *range(0x80, 0xA0), 0x200B, 0x200D, 0x2028, 0x2029, 0x206A,
                             0xFEFF, 0xFFF9, 0xFFFC, 0xFFFD, 0x180E, 0xAD, 0xE000]]
FIXED = [
    "", " ", "\n\t\r\n", "a", "A", "0", "!", "'", "it's", "IT'S", "don’t “quote”", "Ǆ ǅ ǆ ﬁ ŉ", "ＦＵＬＬ　ｗｉｄｔｈ１２３！",
    "e\u0301 E\u0301 x\u0301", "naïve café", "CAFÉ", "İstanbul DİYARBAKIR ı I", "ẞ ß", "ΑΣ ΑΣΑ Σ", "①②③ x² H₂O ½ Ⅷ",
    "zero\u200bwidth\u200djoiner", "no\u00a0break\u2003em\u3000ideographic", "next\x85line", "1234567890", "3.14159 1,000,000 50%",
    "C++ C# .NET x=y+z", "http://example.com/a?b=c&d=e", "👨‍👩‍👧‍👦 👍🏽 🇫🇮", "𝕳𝖊𝖑𝖑𝖔", "한국어 日本語 中文テスト ไทย العربية עברית हिन्दी",
    "a" * 99, "a" * 100, "a" * 101, "é" * 100, "é" * 101, "e\u0301" * 100, "dog" * 33, "dog" * 34, "word " * 90, "\ufeffbom", "soft\u00adhyphen",
    "tab\tand\x0bvt\x0cff\x00nul", "line\r\nline\rline\u2028line\u2029", "__init__ snake_case", "## ##s s## #", "[ CLS ] [cls]", "q\u0323\u0307 q\u0307\u0323",
    "각 각 \u1100\u1161\u11a8", "\u0344 \u0f73 \u0f75", "\u166d\U000111c9a\u1734b\u302ec\U0001d165", "unaffable", "a\u0301\u0302\u0303b", "\u0301", "\u0301\u0301 a"]


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
        return "".join(character() for _ in range(draw.randint(1, 6)))
    if kind < 11:
        return draw.choice(CONTROLS)
    return draw.choice([".", ",", "...", "\u0301", "Σ", "İ", "e\u0301", "ﬁ", "12", "…", "🙂", "中", "-", "'s"])


def noise():
    count = draw.randint(1, 7) if draw.random() < 0.98 else draw.randint(40, 60)
    return "".join(piece() + draw.choice(["", "", " ", " ", "  "]) for _ in range(count))


def caption():
    words = [draw.choice(WORDS + NOUNS) for _ in range(draw.randint(2, 9))]
    text = " ".join(words) + draw.choice(["", ".", "!", " ,"])
    return text.capitalize() if draw.random() < 0.3 else text


def fingerprint(ids):
    value = 0xCBF29CE484222325
    for id in ids:
        for byte in (id & 255, id >> 8):
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
lines, seen = [], set()
queue = list(FIXED)
while len(lines) < 6000:
    text = queue.pop(0) if queue else caption() if draw.random() < 0.3 else noise()
    # The reference maps the names of special tokens wherever they stand; Kilpi does not.
    if text in seen or any(name in text for name in SPECIAL):
        continue
    seen.add(text)
    lines.append(text)


def vocabulary(lowercase):
    tokenizer = tokenizers.BertWordPieceTokenizer(lowercase=lowercase)
    # Some characters are left out, so that words with them are unknown.
    tokenizer.train_from_iterator(lines[:4000], vocab_size=2600, min_frequency=2, limit_alphabet=700, special_tokens=["[PAD]", "[unused0]", *SPECIAL[1:]])
    return [piece for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]


pieces = vocabulary(True)
pieces += [piece for piece in ["Dog", "##D", "DOG", "Cat", "A", "é", "É", "##é", "e\u0301"] if piece not in pieces]
ids = {piece: id for id, piece in enumerate(pieces)}
uncased = transformers.BertTokenizer(vocab=ids, do_lower_case=True)
cased = transformers.BertTokenizer(vocab=ids, do_lower_case=False)


def places(text, encoding):
    """Places of the pieces in UTF-8 bytes; those of no width (in reordered marks) are left out."""
    result = []
    for low, high in encoding.offsets:
        result.append([len(text[:low].encode()), len(text[:high].encode())])
    return result


rows = []
for number, text in enumerate(lines):
    a = uncased(text, add_special_tokens=False)
    b = cased(text, add_special_tokens=False)
    row = [text, fingerprint(a["input_ids"]), fingerprint(b["input_ids"])]
    if number < 300:
        row += [a["input_ids"], places(text, a.encodings[0])]
    rows.append(row)

plain = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
full = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
split = pre_tokenizers.BertPreTokenizer()


def classes(block):
    """One number a code point: what the two normalisers leave of it, and whether it stands alone."""
    value = 0xCBF29CE484222325
    for code in range(block * 256, block * 256 + 256):
        if 0xD800 <= code < 0xE000 or unicodedata.category(chr(code)) == "Cn":
            continue
        text = "a" + chr(code) + "b"
        # Not comparable: lower case and form D follow newer tables on one side or the other.
        parts = [plain.normalize_str(text), str(len(split.pre_tokenize_str(plain.normalize_str(text)))), full.normalize_str(text)]
        for byte in "|".join(parts).encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value & 0xFFFFFFFF:08x}"


blocks = [block for block in range(0x1100) if not 0xD8 <= block < 0xE0 and not 0xE1 <= block < 0xF9 and block < 0x320 or block in (0xE00, 0xE01, 0xF00, 0x1000)]
document = {
    "made_by": "scripts/reference/word_piece.py",
    "versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "unicode": unicodedata.unidata_version},
    "vocabulary": pieces,
    "blocks": {f"{block:x}": classes(block) for block in blocks},
    # Code points that were not there in Unicode 14 and are passed over in the blocks, as ranges.
    "lines": rows,
}
missing, start = [], None
for code in range(0x110001):
    is_missing = code < 0x110000 and unicodedata.category(chr(code)) == "Cn"
    if is_missing and start is None:
        start = code
    elif not is_missing and start is not None:
        missing.append([start, code - 1])
        start = None
document["passed_over"] = missing
target = root / "Tests/Fixtures/word_piece.json.gz"
data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
target.write_bytes(gzip.compress(data, 9, mtime=0))
unknown = sum(ids["[UNK]"] in row[3] for row in rows[:300])
print(len(rows), "lines,", len(pieces), "pieces,", unknown, "of 300 with [UNK],", len(data), "->", target.stat().st_size, "bytes")
