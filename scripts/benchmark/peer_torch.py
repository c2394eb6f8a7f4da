"""One speed figure of PyTorch on the CPU, as a line of JSON: the peer of cases.lua.

    python peer_torch.py CASE BATCH RUNS FOLDER THREADS MODEL

Needs torch and transformers (for pictures also Pillow and numpy, for `evaluation` torchattacks and
safetensors). The model is the architecture of ViT-B/32 with random weights, in float32, or in
bfloat16 throughout where the case ends in _bf16; every call does the same work as its Kilpi
counterpart, except that texts are not cut at their end token, since the library offers no way to do
so, and that mmcoa_attacked makes no text attack. MODEL is the folder of the model that `evaluation`
attacks.
"""
import json
import resource
import statistics
import sys
import time

import torch
import transformers

CASE, BATCH, RUNS, FOLDER, THREADS, MODEL = (
    sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]), sys.argv[6])
TYPE = torch.bfloat16 if CASE.endswith("_bf16") else torch.float32
CLASSES, END = 10, 49407
torch.manual_seed(0)
torch.set_num_threads(THREADS)


def unit(output):
    """Features of whichever form this version of the library returns, normalised."""
    features = getattr(output, "pooler_output", output)
    return torch.nn.functional.normalize(features.float(), dim=-1)


class Encoders:
    def __init__(self, patch=32):
        config = transformers.CLIPConfig(vision_config={"patch_size": patch})
        self.model = transformers.CLIPModel(config).eval().to(TYPE)

    def image(self, pixels):
        return unit(self.model.get_image_features(pixel_values=pixels.to(TYPE)))

    def text(self, ids):
        return unit(self.model.get_text_features(input_ids=ids))

    def record_weights(self, on):
        for weight in self.model.parameters():
            weight.requires_grad_(on)


def random_ids(rows, place):
    ids = torch.randint(1, 49000, (rows, 77))
    ids[:, place] = END
    return ids


def image_forward(patch=32, batch=BATCH):
    encoders, pixels = Encoders(patch), torch.rand(batch, 3, 224, 224)
    return torch.no_grad()(lambda: encoders.image(pixels))


def text_forward():
    encoders, ids = Encoders(), random_ids(CLASSES, 20)
    return torch.no_grad()(lambda: encoders.text(ids))


def gradient_step(naive):
    encoders, ids = Encoders(), random_ids(CLASSES, 20)
    encoders.record_weights(naive)
    pixels, labels = torch.rand(BATCH, 3, 224, 224), torch.arange(BATCH) % CLASSES
    with torch.no_grad():
        cached = encoders.text(ids)

    def step():
        x = pixels.clone().requires_grad_(True)
        targets = encoders.text(ids) if naive else cached
        loss = torch.nn.functional.cross_entropy(100 * encoders.image(x) @ targets.T, labels)
        if naive:
            loss.backward()
            encoders.model.zero_grad(set_to_none=True)
        else:
            torch.autograd.grad(loss, x)

    return step


def update(with_attacks=False):
    encoders = Encoders()
    encoders.record_weights(True)
    optimizer = torch.optim.AdamW(encoders.model.parameters(), lr=1e-6)
    pixels, ids, truth = (
        torch.rand(BATCH, 3, 224, 224), random_ids(BATCH, 12), torch.arange(BATCH))
    changed_pixels, changed_ids = (pixels + 1 / 255).clamp(max=1), random_ids(BATCH, 12)

    def term(x, t):
        scores = 100 * encoders.image(x) @ encoders.text(t).T
        entropy = torch.nn.functional.cross_entropy
        return 0.5 * (entropy(scores, truth) + entropy(scores.T, truth))

    def attacked(steps=2, epsilon=1 / 255):
        """Pixels after PGD against cached texts, weights frozen meanwhile."""
        encoders.record_weights(False)
        with torch.no_grad():
            cached = encoders.text(ids)
        x = (pixels + epsilon * (2 * torch.rand_like(pixels) - 1)).clamp(0, 1)
        for _ in range(steps):
            x.requires_grad_(True)
            scores = 100 * encoders.image(x) @ cached.T
            slope = torch.autograd.grad(torch.nn.functional.cross_entropy(scores, truth), x)[0]
            x = (x.detach() + epsilon * slope.sign()).clamp(pixels - epsilon, pixels + epsilon)
            x = x.clamp(0, 1)
        encoders.record_weights(True)
        return x

    def step():
        nonlocal changed_pixels
        if with_attacks:
            changed_pixels = attacked()
        optimizer.zero_grad()
        (term(changed_pixels, ids) + term(pixels, changed_ids)).backward()
        optimizer.step()

    return step


def product():
    a, b = torch.randn(1600, 768), torch.randn(768, 3072)
    return lambda: a @ b


def load_checkpoint():
    pixels = torch.rand(1, 3, 224, 224)

    def load():
        model = transformers.CLIPModel.from_pretrained(f"{FOLDER}/checkpoint").eval()
        model.get_image_features(pixel_values=pixels)

    return torch.no_grad()(load)


def picture(name):
    import numpy
    from PIL import Image

    def load():
        pixels = numpy.asarray(Image.open(f"{FOLDER}/{name}").convert("RGB"))
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255

    return load


ACCURACY = {}


def evaluation(epsilon):
    """Clean, PGD-50 and APGD-CE by torchattacks, on the pixels at their own size."""
    import json as reader

    import safetensors.torch
    import torchattacks

    stored = safetensors.torch.load_file(f"{FOLDER}/evaluation.safetensors")
    images, labels = stored["images"], stored["labels"] - 1
    with open(f"{FOLDER}/evaluation_ids.json") as file:
        ids = torch.tensor(reader.load(file))
    model = transformers.CLIPModel.from_pretrained(MODEL).float().eval()
    for weight in model.parameters():
        weight.requires_grad_(False)
    mean = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(1, 3, 1, 1)
    deviation = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(1, 3, 1, 1)
    side = model.config.vision_config.image_size
    with torch.no_grad():
        classes = unit(model.get_text_features(input_ids=ids))
        scale = model.logit_scale.exp()

    class Classifier(torch.nn.Module):
        def forward(self, x):
            if x.shape[-1] != side or x.shape[-2] != side:
                x = torch.nn.functional.interpolate(x, (side, side), mode="bicubic")
            features = unit(model.get_image_features(pixel_values=(x - mean) / deviation))
            return scale * features @ classes.T

    classifier = Classifier().eval()
    attacks = {
        "image/pgd": torchattacks.PGD(classifier, eps=epsilon, alpha=epsilon / 4, steps=50),
        "image/apgd": torchattacks.APGD(classifier, norm="Linf", eps=epsilon, steps=100, loss="ce"),
    }

    def run():
        right = {"clean": []} | {name: [] for name in attacks}
        for start in range(0, len(images), 128):
            x, y = images[start:start + 128], labels[start:start + 128]
            with torch.no_grad():
                right["clean"].append(classifier(x).argmax(1) == y)
            for name, attack in attacks.items():
                moved = attack(x, y)
                with torch.no_grad():
                    right[name].append(classifier(moved).argmax(1) == y)
        for name, parts in right.items():
            ACCURACY[name] = torch.cat(parts).float().mean().item()

    return run


CASES = {
    "image_fwd": image_forward, "image_fwd_b16": lambda: image_forward(16, max(1, BATCH // 4)),
    "text_fwd": text_forward, "pgd_step": lambda: gradient_step(False),
    "pgd_step_naive": lambda: gradient_step(True), "mmcoa_step": update,
    "mmcoa_attacked": lambda: update(True), "product": product,
    "evaluation": lambda: evaluation(1 / 255), "evaluation_8": lambda: evaluation(8 / 255),
    "load": load_checkpoint,
    "png": lambda: picture("picture.png"), "jpeg": lambda: picture("picture.jpg"),
}


def timed(function, count):
    start = time.perf_counter()
    for _ in range(count):
        function()
    return time.perf_counter() - start


work = CASES[CASE.removesuffix("_bf16")]()
is_long = CASE.startswith("evaluation")  # one run is enough, and nothing needs a warm-up
if not is_long:
    work()
once = timed(work, 1)
times = [once] if is_long else []
repeats = max(1, int(1 / max(once, 1e-6) + 0.999))
for _ in range(0 if is_long else RUNS):
    times.append(timed(work, repeats) / repeats)
print(json.dumps({
    "case": CASE, "seconds": min(times), "median": statistics.median(times), "runs": len(times),
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "torch": torch.__version__, "transformers": transformers.__version__,
    "threads": torch.get_num_threads(), "accuracy": ACCURACY or None,
}))
