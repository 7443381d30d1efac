"""Steel and magnetic tiles: grey pictures (H, W) in 0..1, a mask and a box for each defect.

``scene`` decides where things are, ``look`` how the surface looks. The numbers were set against the
real NEU-DET at 128 px: mean and spread of the grey values, and the spectrum in octaves.
"""

from __future__ import annotations

import numpy as np

from gancourse_standins.drawing import Canvas, paint, wobble

NEU_CLASSES = ("crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches")
TILE_CLASSES = ("MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Free", "MT_Uneven")

SURFACES = {  # darkest and brightest level; strength of streaks, of grain, of uneven light
    "crazing": (0.4, 0.72, 0.05, 0.12, 0.13),
    "inclusion": (0.28, 0.57, 0.025, 0.018, 0.12),
    "patches": (0.33, 1.0, 0.05, 0.1, 0.16),
    "pitted_surface": (0.5, 0.95, 0.015, 0.03, 0.15),
    "rolled-in_scale": (0.33, 0.58, 0.04, 0.04, 0.1),
    "scratches": (0.2, 0.58, 0.035, 0.022, 0.15),
    "tile": (0.25, 0.6, 0.05, 0.03, 0.2),
    "strip": (0.22, 0.5, 0.04, 0.03, 0.12),
}
BLOTS = {  # most; range of half width, half height; spread across; rough, soft edge; grey factor
    "inclusion": (6, (0.02, 0.07), (0.12, 0.7), 0.15, 0.03, 0.05, 0.78),
    "patches": (5, (0.14, 0.34), (0.2, 0.9), 0.5, 0.09, 0.1, 0.22),
    "MT_Blowhole": (1, (0.04, 0.07), (0.03, 0.06), 0, 0.01, 0.03, 0.3),
    "MT_Break": (1, (0.2, 0.4), (0.12, 0.22), 0, 0.03, 0.03, 0.4),
    "MT_Fray": (1, (0.3, 0.55), (0.3, 0.55), 0, 0.08, 0.03, 0.65),
    "pits": (8, (0.02, 0.05), (0.02, 0.05), 1, 0.008, 0.03, 0.35),
    "lines": (2, (0.012, 0.02), (0.5, 0.9), 2, 0.004, 0.03, 0.5),
    "smears": (6, (0.02, 0.07), (0.15, 0.6), 0.6, 0.012, 0.03, 1.7),
    "tears": (2, (0.2, 0.6), (0.25, 0.6), 2, 0.1, 0.03, 0.55),
}


def surface(canvas: Canvas, rng, kind: str, across=False) -> np.ndarray:
    """Rolled steel: uneven light, streaks along the rolling direction (down), grain."""
    low, high, streaks, grain, fall = SURFACES[kind]
    slope, turn = rng.normal(0, fall, 2), slice(None, None, -1 if across else 1)
    light = slope[0] * canvas.x / canvas.x.max() + 0.6 * slope[1] * canvas.y
    light = light + fall * (0.5 * canvas.noise(rng, 2, 2) + 0.6 * canvas.noise(rng, *(1, 5)[turn]))
    texture = canvas.noise(rng, *(1, 30)[turn]) * (1 + 0.5 * canvas.noise(rng, 2, 3))
    texture = texture + 0.8 * canvas.noise(rng, *(8, 45)[turn])
    fine = 0.8 * canvas.noise(rng, 100, 100) + 0.6 * canvas.noise(rng, 45, 45)
    level = np.exp(rng.uniform(np.log(low), np.log(high)))
    return (level * (1 + light + streaks * texture + grain * fine)).astype(np.float32)


def blots(canvas: Canvas, scene, look, kind: str, picture, at_rim=False) -> list[np.ndarray]:
    """Darken (or brighten) ``picture`` in ellipses with rough edges; their masks."""
    most, wide, high, spread, rough, soft, factor = BLOTS[kind]
    half, covers = float(canvas.x.max()), []
    middle = scene.uniform(-0.7, 0.7) * half
    for _ in range(scene.integers(1, most + 1)):
        x = np.clip(middle + spread * scene.normal(), -0.85 * half, 0.85 * half)
        y = scene.choice((-1, 1)) if at_rim else scene.uniform(-0.8, 0.8)
        rx, ry = scene.uniform(*wide), scene.uniform(*high)
        edge = canvas.noise(scene, 5, 9) + 0.5 * canvas.noise(scene, 13, 25)
        shape = canvas.ellipse(x, y, rx, ry) + rough * edge
        lost = max(0, shape.min() + 0.5 * min(rx, ry))  # roughness must not eat the blot whole
        covers.append(canvas.cover(shape - lost, soft))
    mottle = 1 + 0.15 * canvas.noise(look, 10, 25)
    paint(
        picture, np.max(covers, 0), picture * (1 - look.uniform(0.75, 1.1) * (1 - factor)) * mottle
    )
    return [cover > 0.45 for cover in covers]


def scratch(strip: Canvas, rng, picture, u: float, v: float) -> np.ndarray:
    """One scratch at ``u`` across, around ``v`` along the strip, added to ``picture``; its mask."""
    kind = rng.choice(["line", "bundle", "band", "gouge"], p=[0.48, 0.3, 0.14, 0.08])
    half = rng.uniform(*{"line": (0.25, 2.2), "bundle": (0.3, 1.6)}.get(kind, (0.9, 2.8)))
    path = strip.x - u - rng.normal(0, 0.015) * strip.y - rng.normal(0, 0.02) * strip.y**2
    path = path - 0.005 * wobble(rng, strip.y, 12)
    lines = {"line": 1, "bundle": rng.integers(3, 8), "band": rng.integers(3, 6), "gouge": 2}[kind]
    peak = {"line": 0.48, "bundle": 0.4, "band": 0.32, "gouge": 0.58}[kind] * rng.uniform(0.5, 1.3)
    ridges = 1 + 0.2 * strip.noise(rng, 45, 45) + 0.1 * strip.noise(rng, 90, 90)
    mask = np.zeros(picture.shape, bool)
    if kind == "gouge":  # metal pushed aside: a dark furrow beside the bright ridge
        picture *= 1 - rng.uniform(0.1, 0.5) * strip.cover(np.abs(path + 0.09) - 0.03, 0.05)
    for k in range(lines):
        offset = {"band": 0.04 * (k - lines / 2), "gouge": -0.16 * k}.get(kind, 0)
        offset += 0.09 * rng.normal() * (k > 0 and kind == "bundle")
        width = rng.uniform(0.04, 0.09) if kind == "gouge" and k == 0 else rng.uniform(0.009, 0.021)
        rough = 0.15 * width * strip.noise(rng, 30, 30) + 0.25 * width * wobble(rng, strip.y, 16)
        reach = half * (1 if k == 0 or kind == "band" else rng.uniform(0.2, 1))
        ends = np.clip((reach - np.abs(strip.y - v)) / rng.uniform(0.05, 0.6), 0, 1)
        strength = ends * np.clip(0.8 + 0.35 * wobble(rng, strip.y, 25), 0.15, 1.2)
        if kind == "band":  # chatter marks: a ladder along the band
            strength *= 0.75 + 0.25 * np.sin(strip.y * rng.uniform(60, 90))
        cover = strip.cover(np.abs(path - offset) - width + rough, 0.025) * strength
        picture += peak * cover * ridges
        mask |= cover > 0.25
    return mask


def scratches(canvas: Canvas, scene, look):
    across = scene.random() < 0.27  # of the real boxes 72 % are taller than wide
    tilt = scene.normal(0, 0.3 if scene.random() < 0.1 else 0.01) + across * np.pi / 2
    strip, picture = canvas.frame(0, 0, 1, tilt), surface(canvas, look, "scratches", across)
    for _ in range(look.poisson(2)):  # dark pickling marks lie on every strip
        u, v, size = look.uniform((-0.9, -0.9, 0.03), (0.9, 0.9, 0.12))
        picture *= 1 - 0.3 * strip.cover(strip.limb((u, v), (u, v + size), 0.012, 0.004)[0], 0.03)
    masks, wanted = [], scene.choice([1, 2, 3, 4], p=[0.44, 0.35, 0.15, 0.06])
    while len(masks) < wanted:
        mask = scratch(strip, scene, picture, *scene.uniform((-0.85, -0.5), (0.85, 0.5)))
        masks += [mask] if mask.any() else []
    return picture, masks


def texture(canvas: Canvas, scene, part: str) -> tuple[np.ndarray, np.ndarray]:
    """The three classes without separate defects: (dark 0..1, bright rim 0..1)."""
    if part == "crazing":
        vein = np.abs(canvas.noise(scene, 12, 7) + 0.35 * canvas.noise(scene, 40, 40))
        where = canvas.noise(scene, 6, 5) + 0.5 * canvas.noise(scene, 14, 10) + 0.1
        return 0.65 * np.clip(1.5 - vein / 0.11, 0, 1) * np.clip(1.5 * where, 0, 1), 0
    if part == "pitted_surface":
        cells, where = scene.uniform(36, 64), canvas.noise(scene, 2, 2)
        depth = canvas.noise(scene, 1.3 * cells, cells) + 0.6 * where - scene.uniform(0.9, 1.7)
        return scene.uniform(0.25, 0.6) * np.clip(depth / 0.7, 0, 1), 0
    flecks = canvas.noise(scene, 36, 22) + 0.6 * canvas.noise(scene, 70, 50)
    flecks += 0.9 * canvas.noise(scene, 4, 4) - 1.7
    lower = np.roll(flecks, len(flecks) // 50 + 1, 0)  # a rim catches the light
    scale = np.clip(flecks / 1.6, 0, 1)
    return 0.6 * scale, 0.2 * np.clip(np.clip((lower + 0.3) / 0.8, 0, 1) - scale, 0, 1)


def neu(canvas: Canvas, part: str, scene, look):
    """One NEU-DET picture and its truth."""
    if part == "scratches":
        return _with_truth(*scratches(canvas, scene, look))
    picture = surface(canvas, look, part, across=part == "rolled-in_scale")
    if part in BLOTS:
        return _with_truth(picture, blots(canvas, scene, look, part, picture))
    dark, bright = texture(canvas, scene, part)
    return _with_truth(picture * (1 + bright - dark), [dark > 0.4 * dark.max()])


def tile(canvas: Canvas, part: str, scene, look):
    """One magnetic tile and its truth; MT_Free has no defect."""
    picture = surface(canvas, look, "tile")
    paint(picture, canvas.cover(canvas.x.max() - 0.06 - abs(canvas.x), 0.05), 0.5 * picture)
    if part in BLOTS:  # a break is at the rim
        return _with_truth(picture, blots(canvas, scene, look, part, picture, part == "MT_Break"))
    u, v = scene.uniform((-0.6, -0.5), (0.6, 0.5))
    if part == "MT_Crack":
        path = canvas.x - u - scene.normal(0, 0.2) * canvas.y - 0.03 * wobble(scene, canvas.y, 18)
        shape, factor = np.maximum(np.abs(path) - 0.018, np.abs(canvas.y - v) - 0.4), 0.35
    else:
        shape = scene.choice((-1, 1)) * (canvas.y - 0.7 * v) + 0.04 * canvas.noise(look, 2, 3)
        factor = look.choice((0.6, 1.5))
    cover = canvas.cover(shape, 0.03) * (part != "MT_Free")
    return _with_truth(picture * (1 + (factor - 1) * cover), [cover > 0.45])


def strip(canvas: Canvas, part, scene, look):
    """One Severstal strip; 45 % are clean. Its truth has a mask for each class of defect."""
    picture, masks = surface(canvas, look, "strip"), ([], [], [], [])
    kind = scene.choice(5, p=[0.12, 0.05, 0.28, 0.1, 0.45])
    if kind < 4:
        name = ("pits", "lines", "smears", "tears")[kind]
        masks[kind].extend(blots(canvas, scene, look, name, picture))
    if canvas.x.max() > 2 and scene.random() < 0.3:  # the strip ends before the picture does
        beyond = scene.choice((-1, 1)) * canvas.x > canvas.x.max() * scene.uniform(0.87, 1)
        picture[beyond] = 0.01
        masks = [[mask & ~beyond for mask in found] for found in masks]
    return _with_truth(picture, *masks)


def _with_truth(picture: np.ndarray, *kinds: list[np.ndarray]):
    """(picture, truth): ``mask`` with a channel per kind; ``boxes`` (n, 4), x1 and y1 outside."""
    none, boxes = np.zeros(picture.shape, bool), []
    for mask in (m for masks in kinds for m in masks if m.any()):
        x, y = mask.any(0).nonzero()[0], mask.any(1).nonzero()[0]
        boxes.append((x[0], y[0], x[-1] + 1, y[-1] + 1))
    mask = np.stack([np.any([none, *masks], 0) for masks in kinds])
    return picture, {"mask": mask, "boxes": np.array(boxes, np.float32).reshape(-1, 4)}
