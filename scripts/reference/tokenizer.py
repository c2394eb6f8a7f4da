#!/usr/bin/env python3
"""Writes Tests/Fixtures/tokenizer.json.gz: 10,000 generated lines and their CLIP token ids; and
Tests/Fixtures/tokenizer_special.json: lines with literal names of special tokens.

Reference: open_clip_torch 3.3.0's SimpleTokenizer with ftfy 6.3.1, regex 2026.11.15, Python 3.11.2;
for `clean = "hf"` the CLIP tokenizer of transformers 5.23.0 (tokenizers 0.23.3), 2,000 lines.
The first 1,000 lines carry their ids, the others a hash of them (FNV-1a 64 over little-endian
16-bit ids). Lines that ftfy's repair of wrong encodings would change are left out: Kilpi does not
reproduce it. All text is made here from word lists and code point ranges, with a fixed seed.
"""
import gzip
import html.entities
import json
import pathlib
import random
import tempfile
import unicodedata

import ftfy
import open_clip.tokenizer as reference
import transformers

root = pathlib.Path(__file__).resolve().parents[2]
draw = random.Random(20240419)
tokenizer = reference.SimpleTokenizer()



def hugging_face():
    """transformers' tokenizer over the same vocabulary, written as vocab.json and merges.txt."""
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    ids = {names.get(symbol, symbol): id for symbol, id in tokenizer.encoder.items()}
    merges = [" ".join(pair) for pair in sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vocab.json").write_text(json.dumps(ids))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
        return transformers.CLIPTokenizerFast(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"))


other = hugging_face()

ADJECTIVES = "small red wooden shiny old blurry bright furry quiet rusty tall empty striped broken".split()
NOUNS = (
    "dog cat airplane automobile bird deer frog horse ship truck t-shirt trouser pullover dress coat sandal "
    "shirt sneaker bag boot tabby goldfish zebra koala banana bicycle mountain street window kitchen child "
    "woman man players umbrella guitar elephant airliner convertible school bus").split()
VERBS = "runs sits jumps sleeps stands plays waits eats drives looks swims flies climbs".split()
PLACES = "on the grass,in the street,under a table,near the sea,at night,by a window,over the hills".split(",")
TEMPLATES = [
    "This is a photo of a {}", "a photo of a {}.", "a blurry photo of the {}.", "itap of my {}.",
    "a photo of a {}, a type of pet.", "a centered satellite photo of {}.", "{} texture.",
    "a low resolution photo of a {}", "art of the {}.", "A bad photo of THE {}!"]
ENTITIES = list(html.entities.html5)
RANGES = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF),
    (0x400, 0x52F), (0x530, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF),
    (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20A0, 0x20CF), (0x2100, 0x218F),
    (0x2190, 0x23FF), (0x2460, 0x24FF), (0x2500, 0x27BF), (0x3000, 0x30FF), (0x3130, 0x318F),
    (0x4E00, 0x4EFF), (0xAC00, 0xACFF), (0xFB00, 0xFB4F), (0xFE00, 0xFE6F), (0xFF00, 0xFFEF),
    (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F), (0x1F900, 0x1F9FF), (0x10400, 0x1044F), (0xE0000, 0xE007F)]
CONTROLS = [chr(c) for c in [*range(1, 32), 127, *range(0x80, 0xA0), 0x200B, 0x200D, 0x2028, 0x2029,
                             0x206A, 0x206F, 0xFEFF, 0xFFF9, 0xFFFC, 0xFFFD, 0x180E, 0xAD]]
FIXED = [
    "", " ", "\n\t\r\n", "a", "A", "0", "!", "'", "''s", "'s", "it's", "IT'S", "they're we've I'm you'll he'd can't",
    "'ſ", "o'ſ 'ſt", "rock'n'roll", "'S 'T 'RE 'VE 'M 'LL 'D", "don’t “quote” ‘single’ ‛odd‟", "ŉ ﬁ ﬂ ﬃ ﬅ ﬆ Ǆ ǅ ǆ Ĳ",
    "ＦＵＬＬ　ｗｉｄｔｈ１２３！", "ｱｲｳｶﾞﾊﾟ ￡￥￦ ￣", "&amp;", "&amp;amp;", "&amp;amp;amp;amp;", "&lt;b&gt;", "<b>&amp;amp;amp;</b>",
    "a &lt; b &amp;lt; c", "<x>\n&eacute;&amp;amp;amp;", "&eacute;\n<x>\n&amp;amp;amp;", "&EACUTE;&SZLIG;&NTILDE;", "&copy 2020", "&notit; &notin;", "&#39;&#x27;&#8217;",
    "&#128;&#129;&#150;&#0;&#13;&#1;&#xD800;&#x110000;&#99999999999999999999;", "&#59;&#38;#38;", "&#12a; &#xzz; &; &&amp;&", "P&EACUTE;REZ", "e\u0301 E\u0301 x\u0301", "<e&#769;>",
    "\x1b[36;44mblue\x1b[0m \x1b[1", "\x85\x91\x92\x93\x94\x96", "ΑΣ ΑΣΑ Σ ὈΔΥΣΣΕΎΣ Σ. ΑΣ. ΑΣ'", "İstanbul DİYARBAKIR ı I", "ẞ ß ǅ", "①②③ x² H₂O ½ Ⅷ ⅷ",
    "zero\u200bwidth\u200djoiner", "no\u00a0break\u2003em\u3000ideographic", "1234567890", "3.14159 1,000,000 50%", "C++ C# .NET x=y+z", "http://example.com/a?b=c&d=e",
    "<start_of_text>", "<end_of_text> a", "<|startoftext|>", "👨‍👩‍👧‍👦 👍🏽 🇫🇮", "𝕳𝖊𝖑𝖑𝖔", "한국어 日本語 中文 ไทย العربية עברית", "a" * 200, "ab " * 60, "word " * 90,
    "\ufeffbom", "soft\u00adhyphen", "tab\tand\x0bvt\x0cff", "line\r\nline\rline\u2028line\u2029", "</w> a</w>", "__init__ snake_case", "naïve café", "café".upper(), "…—–‐"]


def caption():
    kind = draw.randrange(5)
    noun, other = draw.choice(NOUNS), draw.choice(NOUNS)
    if kind == 0:
        return draw.choice(TEMPLATES).format(noun)
    if kind == 1:
        return f"A {draw.choice(ADJECTIVES)} {noun} {draw.choice(VERBS)} {draw.choice(PLACES)} ."
    if kind == 2:
        return f"Two {noun}s and a {draw.choice(ADJECTIVES)} {other}; it's {draw.choice(PLACES)}"
    if kind == 3:
        return f"{noun.title()} no. {draw.randrange(10000)} ({draw.choice(ADJECTIVES)}/{draw.choice(ADJECTIVES)})"
    text = f"the {noun} {draw.choice(VERBS)} {draw.choice(PLACES)}"
    site = draw.randrange(len(text))
    return text[:site] + draw.choice("abcXYZ019 !?-_#") + text[site + draw.randrange(2):]


def character():
    low, high = draw.choice(RANGES)
    while True:
        c = chr(draw.randint(low, high))
        # Characters that Python 3.11 does not know are left to the reference's tables alone.
        if unicodedata.category(c) not in ("Cn", "Cs"):
            return c


def piece():
    kind = draw.randrange(10)
    if kind < 4:
        return draw.choice(NOUNS)
    if kind < 7:
        return "".join(character() for _ in range(draw.randint(1, 6)))
    if kind < 8:
        return "&" + draw.choice(ENTITIES) if draw.random() < 0.7 else f"&#{draw.choice(['', 'x'])}{draw.randrange(700)};"
    if kind < 9:
        return draw.choice(CONTROLS)
    return draw.choice(["'s", "’s", "'ll", "<", ">", "&amp;amp;", "\u0301", "Σ", "İ", "e\u0301", "ﬁ", "12", "…", "🙂"])


def noise():
    count = draw.randint(1, 9) if draw.random() < 0.97 else draw.randint(60, 90)
    return "".join(piece() + draw.choice(["", "", " ", " ", "  "]) for _ in range(count))


def repaired(text):
    ids = tokenizer.encode(text)
    original = ftfy.fix_text
    ftfy.fix_text = lambda t: original(t, fix_encoding=False)
    try:
        return tokenizer.encode(text) != ids
    finally:
        ftfy.fix_text = original


def fingerprint(ids):
    value = 0xCBF29CE484222325
    for id in ids:
        for byte in (id & 255, id >> 8):
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


lines, seen, left_out, moving = [], set(), 0, []
queue = list(FIXED)
while len(lines) < 10_000:
    text = queue.pop(0) if queue else caption() if draw.random() < 0.4 else noise()
    if text in seen:
        continue
    seen.add(text)
    if repaired(text):
        left_out += 1
        continue
    ids = tokenizer.encode(text)
    special = any(name in text.lower() for name in ("<start_of_text>", "<end_of_text>"))
    if special:
        # Kilpi's default does not map these names; the test of `special` has its own rows.
        left_out += 1
        continue
    if tokenizer.encode(tokenizer.decode(ids)) != ids:
        moving.append(len(lines))
    row = [text, ids if len(lines) < 1000 else fingerprint(ids)]
    # Hugging Face maps the names of its special tokens wherever they stand; Kilpi does not.
    if len(lines) < 2000 and "<|" not in text:
        row.append(fingerprint(other(text)["input_ids"][1:-1]))
    lines.append(row)

document = {
    "made_by": "scripts/reference/tokenizer.py",
    "versions": {"open_clip_torch": "3.3.0", "ftfy": ftfy.__version__},
    "left_out": left_out,
    # Lines whose ids change when decoded and encoded again (canonical reordering across words).
    "moving": moving,
    "lines": lines,
}
target = root / "Tests/Fixtures/tokenizer.json.gz"
target.parent.mkdir(exist_ok=True)
data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
target.write_bytes(gzip.compress(data, 9, mtime=0))

# Each row: text, open_clip's ids, the Hugging Face tokenizer's ids of the text with its own names.
SPECIAL = [
    "<start_of_text>", "<end_of_text>", "a<start_of_text>b", "a <start_of_text> b", "!!<start_of_text>!!",
    "'<end_of_text>", "<<end_of_text>>", "<START_OF_TEXT><End_of_Text>", "&lt;end_of_text&gt;", "<start_of_text",
    "<end_of_text>'s", "1<end_of_text>2", "<start of text>", "\uff1cend_of_text\uff1e", "<start_of_text><start_of_text>",
    "caf\u00e9<end_of_text>e\u0301", "\n<end_of_text>\t x", "it's <start_of_text>'s", "🙂<end_of_text>🙂",
    "<b><end_of_text>&amp;</b>"]
rows = []
for text in SPECIAL:
    own = text.replace("<start_of_text>", "<|startoftext|>").replace("<end_of_text>", "<|endoftext|>")
    rows.append([text, tokenizer.encode(text), own, other(own)["input_ids"][1:-1]])
special = {"made_by": "scripts/reference/tokenizer.py", "rows": rows}
(root / "Tests/Fixtures/tokenizer_special.json").write_text(
    json.dumps(special, ensure_ascii=False, indent=0, separators=(",", ":")) + "\n")
print(len(lines), "lines,", left_out, "left out,", len(moving), "moving,", len(data), "->", target.stat().st_size, "bytes")
