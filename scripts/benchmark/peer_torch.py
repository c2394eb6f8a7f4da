"""One speed figure of PyTorch on the CPU, as a line of JSON: the peer of cases.lua.

    python peer_torch.py CASE BATCH RUNS PNG THREADS

Needs torch and transformers (for the case png also Pillow and numpy). The model is the architecture
of ViT-B/32 with random weights, in float32; every call does the same work as its Kilpi counterpart,
except that texts are not cut at their end token, since the library offers no way to do so.
"""
import json
import resource
import statistics
import sys
import time

import torch
import transformers

CASE, BATCH, RUNS, PNG, THREADS = (
    sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
CLASSES, END = 10, 49407
torch.manual_seed(0)
torch.set_num_threads(THREADS)


def unit(output):
    """Features of whichever form this version of the library returns, normalised."""
    features = getattr(output, "pooler_output", output)
    return torch.nn.functional.normalize(features, dim=-1)


class Encoders:
    def __init__(self):
        self.model = transformers.CLIPModel(transformers.CLIPConfig()).eval()

    def image(self, pixels):
        return unit(self.model.get_image_features(pixel_values=pixels))

    def text(self, ids):
        return unit(self.model.get_text_features(input_ids=ids))

    def record_weights(self, on):
        for weight in self.model.parameters():
            weight.requires_grad_(on)


def random_ids(rows, place):
    ids = torch.randint(1, 49000, (rows, 77))
    ids[:, place] = END
    return ids


def image_forward():
    encoders, pixels = Encoders(), torch.rand(BATCH, 3, 224, 224)
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


def update():
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

    def step():
        optimizer.zero_grad()
        (term(changed_pixels, ids) + term(pixels, changed_ids)).backward()
        optimizer.step()

    return step


def product():
    a, b = torch.randn(1600, 768), torch.randn(768, 3072)
    return lambda: a @ b


def png():
    import numpy
    from PIL import Image

    def load():
        pixels = numpy.asarray(Image.open(PNG).convert("RGB"))
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255

    return load


CASES = {
    "image_fwd": image_forward, "text_fwd": text_forward, "pgd_step": lambda: gradient_step(False),
    "pgd_step_naive": lambda: gradient_step(True), "mmcoa_step": update, "product": product,
    "png": png,
}


def timed(function, count):
    start = time.perf_counter()
    for _ in range(count):
        function()
    return time.perf_counter() - start


work = CASES[CASE]()
work()
once = timed(work, 1)
times = []
repeats = max(1, int(1 / max(once, 1e-6) + 0.999))
for _ in range(RUNS):
    times.append(timed(work, repeats) / repeats)
print(json.dumps({
    "case": CASE, "seconds": min(times), "median": statistics.median(times), "runs": RUNS,
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "torch": torch.__version__, "transformers": transformers.__version__,
    "threads": torch.get_num_threads(),
}))
