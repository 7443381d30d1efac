"""A recorded CycleGAN's generator in plain PyTorch: FILE RUN'S_FOLDER horse.jpg zebra.png"""

import json
import sys

import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn.functional import conv2d, instance_norm, interpolate


def load(run, way="gen_ab"):
    with open(f"{run}/record.json", encoding="utf-8") as file:
        s = json.load(file)["settings"]
    assert [s["start"], s["upsample"], s["padding"]] == ["identity", "nearest", "zero"]
    weights, n = load_file(f"{run}/{way}.safetensors"), s["blocks"]

    def conv(x, at, stride=1):
        w, b = (weights[f"layers.{at}.{kind}"].float() for kind in ("weight", "bias"))
        return conv2d(x, w, b, stride, padding=w.shape[-1] // 2)

    def generator(image):  # (n, C, H, W) in [-1, 1], sides multiples of 4 -> the same shape
        x = instance_norm(conv(instance_norm(conv(image, 0)).relu(), 3, stride=2)).relu()
        x = instance_norm(conv(x, 6, stride=2)).relu()
        for at in range(9, 9 + n):
            change = instance_norm(conv(x, f"{at}.layers.0")).relu()
            x = x + instance_norm(conv(change, f"{at}.layers.3"))
        for at in (10 + n, 14 + n):
            x = instance_norm(conv(interpolate(x, scale_factor=2), at)).relu()
        return torch.tanh(torch.atanh(0.98 * image) + conv(x, 17 + n))

    return generator


if __name__ == "__main__":
    pixels = Image.open(sys.argv[2]).convert("RGB").resize((64, 64))
    image = torch.frombuffer(bytearray(pixels.tobytes()), dtype=torch.uint8).view(64, 64, 3)
    made = load(sys.argv[1])(image.permute(2, 0, 1)[None] / 127.5 - 1)[0]
    Image.fromarray(((made.permute(1, 2, 0) + 1) * 127.5).byte().numpy()).save(sys.argv[3])
