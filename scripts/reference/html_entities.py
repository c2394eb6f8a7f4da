#!/usr/bin/env python3
"""Writes Sources/Models/ClipModels/Tokenizer/HTMLEntities+Table.swift from Python's html.entities.

Made with Python 3.11.2 (html.entities.html5, the W3C's named character references).
"""
import html.entities
import pathlib
import textwrap

root = pathlib.Path(__file__).resolve().parents[2]
table = html.entities.html5
words = []
for name in sorted(k[:-1] for k in table if k.endswith(";")):
    value = table[name + ";"]
    legacy = "*" if name in table else ""
    assert not legacy or table[name] == value
    words.append(name + legacy + ":" + "+".join(f"{ord(c):x}" for c in value))
assert len(words) + sum("*" in w for w in words) == len(table)
lines = textwrap.wrap(" ".join(words), 94, break_long_words=False, break_on_hyphens=False)
target = root / "Sources/Models/ClipModels/Tokenizer/HTMLEntities+Table.swift"
target.write_text(
    "// Made by scripts/reference/html_entities.py; do not edit.\n\n"
    "extension HTMLEntities {\n"
    "  /// `name:hex` or `name:hex+hex`, space-separated; `*` marks names valid without a semicolon.\n"
    '  static let table = """\n'
    + "".join("    " + line + "\n" for line in lines)
    + '    """\n}\n'
)
print(len(words), "names,", len(lines), "lines")
