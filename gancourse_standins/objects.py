"""Facades with their label maps, and specimens printed in plastic or made of metal."""

from __future__ import annotations

import numpy as np

from gancourse_standins.drawing import Canvas, paint, uniform, wobble

FACADE_CLASSES = ("background", "wall", "cornice", "window", "balcony", "door")
FACADE_COLOURS = np.array(  # those of the CMP label maps
    ((0, 0, 220), (0, 45, 250), (250, 80, 0), (0, 125, 250), (190, 250, 60), (0, 205, 250))
)
SPECIMEN_POSE = ("x", "y", "scale", "tilt", "waist")


def facade(canvas: Canvas, part: str, scene, look):
    """A house front ("photo") or its map of classes in colours ("label")."""
    shapes, classes = _house(canvas, scene), np.zeros(canvas.x.shape, np.int64)
    for kind, distance in shapes:
        classes[distance < 0] = kind
    picture = FACADE_COLOURS[classes] / 255 if part == "label" else _photo(canvas, shapes, look)
    return picture, {"classes": classes}


def _house(canvas: Canvas, scene) -> list[tuple[int, np.ndarray]]:
    """(class, distance) from the back to the front."""
    half, top, wide, high = map(
        float, uniform(scene, (0.7, -0.9, 0.2, 0.24), (0.96, -0.6, 0.36, 0.36))
    )
    (floors, columns), roof = scene.integers(3, 6, 2), top + 0.12
    storey, bay = float((0.9 - roof) / floors), float(2 * half / columns)
    across, down = (canvas.x + half) / bay, (canvas.y - roof) / storey  # in bays and storeys
    u, v = np.abs(across % 1 - 0.5) * bay, (down % 1 - 0.5) * storey
    floor, entrance = np.clip(down, 0, floors - 1).astype(int), scene.integers(columns) + 0.5
    wall = canvas.box(0, (top + 0.9) / 2, half, (0.9 - top) / 2)
    door = canvas.box(entrance * bay - half, 0.9 - 0.4 * storey, 1.15 * wide * bay, 0.4 * storey)
    panes = np.maximum(u - wide * bay, np.abs(v) - high * storey)
    rail = np.maximum(u - 1.3 * wide * bay, np.abs(v - high * storey) - 0.35 * high * storey)
    has_rail = (scene.random(floors) < 0.3) & (np.arange(floors) < floors - 1)
    indoors = np.maximum(wall, roof - canvas.y)
    here = (floor == floors - 1) & (np.floor(across) == entrance - 0.5)  # no window over the door
    return [
        (1, wall),
        (2, canvas.box(0, top + 0.04, half + 0.04, 0.05)),
        (2, canvas.box(0, 0.9 - storey, half, 0.025 if scene.random() < 0.6 else -1)),
        (3, np.where(here, 1, np.maximum(panes, indoors))),
        (4, np.where(has_rail[floor], np.maximum(rail, indoors), 1)),
        (5, door),
    ]


def _photo(canvas: Canvas, shapes, look) -> np.ndarray:
    """The house in daylight: glass that mirrors the sky, shadows that fall down."""
    sky = np.linspace((0.5, 0.65, 0.85), (0.85, 0.88, 0.92), len(canvas.x))[:, None]
    picture = np.repeat(sky, canvas.x.shape[1], 1).astype(np.float32)
    paint(picture, canvas.cover(0.9 - canvas.y), 0.38)
    stone = uniform(look, (0.5, 0.42, 0.32), (0.88, 0.76, 0.66))
    grain = 1 + 0.04 * canvas.noise(look, 50, 50) + 0.05 * canvas.noise(look, 4, 4)
    courses = 0.06 * (np.sin(95 * canvas.y) > 0.6) * (look.random() < 0.4)  # of brick
    wall = stone * (grain - courses)[..., None]
    glass = (0.25 + 0.12 * canvas.noise(look, 9, 9))[..., None] * np.array((0.75, 0.9, 1.1))
    rails = 0.12 + 0.5 * (np.sin(110 * canvas.x) > 0)[..., None] * wall
    wood, frame = uniform(look, (0.2, 0.1, 0.05), (0.4, 0.25, 0.2)), look.choice((0.25, 0.95))
    for kind, distance in shapes:
        if kind > 1:
            above = np.roll(distance, max(1, round(0.05 / canvas.px)), 0)
            paint(picture, 0.45 * canvas.cover(above, 0.05), 0.15 * stone)
        if kind == 3:
            paint(picture, canvas.cover(distance - 0.012), frame)
            distance = distance + 0.012
        paint(picture, canvas.cover(distance), (wall, wall * 1.18, glass, rails, wood)[kind - 1])
    return picture


def specimen(canvas: Canvas, part: str, scene, look, *, known=None):
    """A tensile bar on a table. Domain A: printed plastic, matt, in layers; B: brushed metal.

    ``contrast`` (0..1) is how far its tone is from the table's, ``light`` (0..1) how strong the
    lamp is: low contrast and strong light are where translations are known to fail. ``known`` may
    give either, the grey of the "table", and "filament", the colour (3) of all plastic, in 0..1;
    the rest is drawn as ever. What metal mirrors depends on its tilt alone.
    """
    known = known or {}
    pose = uniform(scene, (-0.1, -0.1, 0.7, -1.5, 0.11), (0.1, 0.1, 0.92, 1.5, 0.19))
    contrast, light = scene.beta(1.2, 1.0), scene.beta(0.8, 1.1)
    contrast, light = known.get("contrast", contrast), known.get("light", light)
    ground = known.get("table", scene.choice((0.16, 0.72)))
    table = ground * uniform(scene, [0.93] * 3, 1.07)
    weave = 1 + 0.03 * canvas.noise(scene, 60, 60) + 0.06 * canvas.noise(scene, 3, 3)
    picture = (table * weave[..., None]).astype(np.float32)
    bar = canvas.frame(*pose[:4])
    lamp = bar.frame(*scene.uniform((-0.7, -0.4), (0.7, 0.4)), 0.7)
    waist = pose[4] + 0.17 * np.clip((np.abs(bar.x) - 0.4) / 0.2, 0, 1) ** 2  # fillets
    holes = bar.mirrored().ellipse(0.8, 0, 0.055, 0.055)
    shape = np.maximum(np.maximum(np.abs(bar.x) - 1, np.abs(bar.y) - waist), -holes)
    paint(picture, 0.5 * bar.cover(shape - 0.03, 0.1), table * 0.3)
    dark = table.mean() < 0.5  # then the bar is the bright one
    if part == "A":
        tone = uniform(look, [0.35] * 3, 0.9) if dark else uniform(look, [0.08] * 3, 0.4)
        if "filament" in known:
            tone = np.array(known["filament"]) * (1 if dark else 0.5)
        shine, gleam = 0.12 * np.sin(75 * bar.y + 0.4 * canvas.noise(look, 4, 4)), 0.3
    else:  # brushed along the bar, with bands where it mirrors the room
        tone = np.array((0.62, 0.64, 0.67)) * (1 if dark else 0.5)
        bands = np.sin(6 * bar.y + 2.5 * bar.x + 2 * pose[3])
        shine, gleam = 0.5 * bands + 0.13 * wobble(look, 4 * bar.y, 80), 1.0
    body = (table + contrast * (tone - table)) * (1 + 0.7 * shine)[..., None]
    paint(picture, bar.cover(shape), body)
    glare = light * np.exp(-(lamp.x**2 + lamp.y**2))
    picture *= 1 + 0.7 * glare[..., None]
    picture += (0.8 * glare * np.clip(gleam * bar.cover(shape) + 0.2, 0, 1))[..., None]
    return picture, {"contrast": contrast, "light": light, "pose": pose, "mask": shape[None] < 0}
