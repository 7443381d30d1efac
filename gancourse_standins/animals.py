"""Cats and horses: two domains each that share poses and backgrounds, so that what a translation
keeps can be measured. ``scene`` decides pose and background, ``look`` the coat.
"""

from __future__ import annotations

import numpy as np

from gancourse_standins.drawing import Canvas, paint, uniform

CAT_POSE = ("x", "y", "scale", "tilt", "turn", "gaze_x", "gaze_y", "ear")
HORSE_POSE = ("x", "y", "scale", "facing", "neck", "gait")


def cat(canvas: Canvas, part: str, scene, look):
    """A cat's face. Domain A: grey-blue coat, green or amber eyes; B: cream and brown, grumpy."""
    low, high = (-0.18, 0.08, 0.6, -0.3, -1, -1, -1, 0), (0.18, 0.28, 0.76, 0.3, 1, 1, 1, 1)
    pose = uniform(scene, low, high)
    x, y, scale, tilt, turn, *gaze, ear = pose
    wall = np.clip(0.5 + 0.4 * canvas.y + 0.3 * canvas.noise(scene, 2, 2), 0, 1)[..., None]
    tones = uniform(scene, [[0.1], [0.1]], 0.9) * uniform(scene, [[0.55] * 3] * 2, 1.15)
    picture = wall * tones[0] + (1 - wall) * tones[1]
    head, body = canvas.frame(x, y, scale, tilt), canvas.frame(x, y, scale, 0.3 * tilt)
    both, face = head.mirrored(), head.frame(0.18 * turn, 0)
    torso = body.ellipse(-0.1 * turn, 1.75, 1.1, 1.3)
    skull = np.minimum(head.ellipse(0, 0, 0.95, 0.78), head.ellipse(0, 0.25, 0.84, 0.62))
    tip = np.array((0.62 + 0.24 * ear, -1.36 + 0.1 * ear))
    ears = both.limb((0.5, -0.3), tip, 0.42, 0.02)[0]
    inner = both.limb((0.56, -0.45), tip + (0.0, 0.15), 0.24, 0.01)[0]
    hairs = 1 + 0.07 * canvas.noise(look, 70, 70) + 0.06 * canvas.noise(look, 16, 34)
    light = 1.08 - 0.2 * np.clip(head.x**2 + 0.8 * head.y**2, 0, 1.6) - 0.08 * head.y
    fur = _fur(part, head, face, look) * (hairs * light)[..., None]
    paint(picture, head.cover(torso, 0.06), fur * 0.85)
    paint(picture, head.cover(ears, 0.05), fur * 0.9)
    paint(picture, 0.7 * head.cover(inner, 0.12), (0.55, 0.42, 0.42))
    paint(picture, 0.45 * head.cover(skull - 0.1, 0.3) * head.cover(torso), 0.08)  # chin's shadow
    paint(picture, head.cover(skull, 0.06), fur)
    _features(picture, part, face, gaze, look)
    c, s = np.cos(tilt), np.sin(tilt)
    eyes = np.array([(u + 0.18 * turn, -0.08) for u in (-0.4, 0.4)]) @ ((c, s), (-s, c))
    mask = np.minimum(np.minimum(skull, ears), torso) < 0
    return picture, {"pose": pose, "mask": mask[None], "eyes": scale * eyes + (x, y)}


def _fur(part: str, head: Canvas, face: Canvas, look) -> np.ndarray:
    """The coat's colour over the whole canvas, (H, W, 3)."""
    both, fur = face.mirrored(), np.empty((*head.x.shape, 3), np.float32)
    muzzle, sockets = both.ellipse(0.15, 0.43, 0.26, 0.23), both.ellipse(0.43, -0.06, 0.35, 0.36)
    if part == "A":
        fur[:] = (0.42, 0.45, 0.51) * look.uniform(0.75, 1.2, 1)
        paint(fur, 0.5 * face.cover(muzzle, 0.25), fur * 1.25)
        paint(fur, 0.4 * face.cover(sockets, 0.2), fur * 0.75)
        return fur
    brown = (0.36, 0.26, 0.19) * look.uniform(0.7, 1.15, 1)
    fur[:] = (0.86, 0.77, 0.66) * look.uniform(0.85, 1.1, 1)
    paint(fur, 0.75 * head.cover(head.ellipse(0, -0.95, 0.95, 0.62), 0.5), brown * 1.25)
    paint(fur, 0.95 * face.cover(sockets - 0.05, 0.28), brown)
    paint(fur, face.cover(face.limb((0, -0.42), (0, 0.3), 0.0, 0.17)[0], 0.16), (0.93, 0.9, 0.86))
    paint(fur, face.cover(muzzle, 0.14), (0.95, 0.92, 0.88))
    return fur


def _features(picture, part: str, face: Canvas, gaze, look) -> None:
    """Eyes, nose, mouth and whiskers; ``gaze`` (-1..1, -1..1) moves the pupils."""
    both, grumpy = face.mirrored(), part == "B"
    slope, height, mouth = (-0.35, -0.13, (0.27, 0.66)) if grumpy else (-0.15, -0.2, (0.2, 0.45))
    ball = both.ellipse(0.4, -0.08, 0.2, 0.16)
    eye = np.maximum(ball, height + slope * (both.x - 0.4) - face.y)  # the upper lid cuts it off
    green = (0.55 + 0.33 * look.random() ** 2, 0.72, 0.28)  # to amber
    iris = np.clip(0.75 - 3 * ball, 0.75, 1.15)[..., None] * (
        (0.5, 0.72, 0.95) if grumpy else green
    )
    paint(picture, face.cover(eye - 0.035, 0.04), (0.1, 0.08, 0.08))
    inside, wide = face.cover(eye, 0.02), look.uniform(0.045, 0.1)
    paint(picture, inside, iris)
    for side in (-0.4, 0.4):
        u, v = side + 0.09 * gaze[0], -0.07 + 0.045 * gaze[1]
        pupil = face.ellipse(u, v, wide, 0.075 if grumpy else 0.115)
        paint(picture, inside * face.cover(pupil, 0.02), (0.03, 0.03, 0.04))
        paint(picture, inside * face.cover(face.ellipse(u - 0.05, v - 0.05, 0.03, 0.03)), 1.0)
    nose = face.limb((0, 0.25), (0, 0.34), 0.1, 0.03)[0]
    paint(picture, face.cover(nose, 0.04), (0.82, 0.55, 0.52) if grumpy else (0.26, 0.25, 0.29))
    lips = face.limb((0, 0.34), (0, 0.49), 0.014)[0], both.limb((0, 0.49), mouth, 0.018)[0]
    paint(picture, 0.85 * face.cover(np.minimum(*lips), 0.03), (0.25, 0.16, 0.16))
    for drop in (-0.08, 0.03, 0.14):
        hair, _ = both.limb((0.3, 0.4 + drop / 3), (1.05, 0.36 + 2 * drop), 0.008)
        paint(picture, 0.5 * face.cover(hair), 0.95)


def horse(canvas: Canvas, part: str, scene, look):
    """A standing animal seen from the side, on grass. Domain A: brown coat; B: striped."""
    pose = uniform(scene, (-0.16, -0.05, 0.66, -1, 0, -1), (0.16, 0.2, 0.9, 1, 1, 1))
    pose[3] = np.sign(pose[3])
    picture = _meadow(canvas, scene)
    body = canvas.frame(pose[0] - 0.12 * pose[3] * pose[2], pose[1], pose[2])
    body.x = body.x * pose[3]  # facing left is facing right in a mirror
    paint(picture, 0.45 * body.cover(body.ellipse(0, 0.8, 0.8, 0.07), 0.12), 0.05)
    brown = np.array((0.45, 0.25, 0.12)) * look.uniform(0.5, 1.3) + look.normal(0, 0.015, 3)
    warp, hairs = 0.045 * canvas.noise(look, 6, 6), 1 + 0.06 * canvas.noise(look, 50, 50)
    mask = np.zeros(canvas.x.shape, bool)
    for limbs, light, hair in _anatomy(body, pose[4], pose[5]):
        distance, along = limbs[0]
        for other, length in limbs[1:]:
            along = np.where(other < distance, length, along)
            distance = np.minimum(other, distance)
        shade = light * hairs * (0.72 + 0.3 * np.clip(-distance / 0.14, 0, 1) - 0.15 * body.y)
        colour = np.full_like(picture, brown * (0.4 if hair else 1))
        if part == "B":
            colour[:] = 0.95, 0.92, 0.87
            dark = np.clip(0.4 - 0.9 * np.sin(34 * (along + warp)), 0, 1)  # 5.4 stripes a unit
            paint(colour, dark, (0.08, 0.07, 0.07))
        paint(picture, body.cover(distance, 0.02), colour * shade[..., None])
        mask |= distance < 0
    return picture, {"pose": pose, "mask": mask[None]}


def _meadow(canvas: Canvas, rng) -> np.ndarray:
    """Sky, a row of trees and grass: (H, W, 3)."""
    horizon = rng.uniform(-0.45, 0.05) + 0.03 * canvas.noise(rng, 1, 4)
    high = np.clip((canvas.y + 1) / 1.2, 0, 1)[..., None]
    sky = (1 - high) * uniform(rng, (0.3, 0.5, 0.7), (0.65, 0.75, 0.95)) + high * 0.88
    picture = (sky + 0.04 * canvas.noise(rng, 6, 2)[..., None]).astype(np.float32)
    trees = horizon - rng.uniform(0, 0.35) + 0.06 * canvas.noise(rng, 1, 14) - canvas.y
    leaves = 1 + 0.3 * canvas.noise(rng, 24, 24)[..., None]
    leaves = leaves * uniform(rng, (0.1, 0.2, 0.08), (0.3, 0.36, 0.2))
    paint(picture, canvas.cover(trees, 0.06), leaves)
    straw, blades = rng.random(), canvas.noise(rng, 40, 90) + canvas.noise(rng, 8, 8)
    green = uniform(rng, (0.25, 0.38, 0.12), (0.32, 0.46, 0.2)) * (1 - straw)
    grass = (green + straw * np.array((0.66, 0.58, 0.35)))[None, None]
    grass = grass * (1 + 0.13 * blades + 0.12 * canvas.y)[..., None]
    paint(picture, canvas.cover(horizon - canvas.y, 0.03), grass)
    return picture


def _anatomy(body: Canvas, neck: float, gait: float):
    """Layers from the back to the front: ([(distance, length along the limb)], light, is dark)."""

    def leg(hip, swing, thick):
        knee, hoof = (hip - 0.03 + 0.1 * swing, 0.44), (hip - 0.02 + 0.2 * swing, 0.8)
        lower, length = body.limb(knee, hoof, 0.05, 0.036)
        return [body.limb((hip, 0.08), knee, thick, 0.05), (lower, length + 0.36)]

    angle = 0.15 + 0.9 * neck
    up, nose = np.array((np.cos(angle), -np.sin(angle))), angle - 1.2
    nape = np.array((0.42, -0.12)) + 0.5 * up
    muzzle = nape + 0.36 * np.array((np.cos(nose), -np.sin(nose)))
    crest = 0.13 * np.array((up[1], -up[0]))
    bend = body.x - 0.5 * body.y * np.clip(-body.x, 0, 0.5)
    rump, chest = (-0.36, -0.03, 0.3, 0.29), (0.34, 0, 0.28, 0.28)
    torso = [(body.ellipse(*e), bend) for e in ((0, 0.02, 0.56, 0.27), rump, chest)]
    throat, head = body.limb((0.4, -0.06), nape, 0.2, 0.1), body.limb(nape, muzzle, 0.11, 0.058)
    ear = body.limb(nape + crest * 0.4, nape + crest * 1.5, 0.04, 0.012)
    eye = body.ellipse(*(0.7 * nape + 0.3 * muzzle + 0.3 * crest), 0.022, 0.022)
    nostrils = body.ellipse(*muzzle, 0.05, 0.05)
    tail = body.limb((-0.62, -0.14), (-0.76, 0.36), 0.03, 0.06)
    mane = body.limb((0.36, -0.16) + crest, nape + crest * 0.7, 0.06, 0.045)
    still = np.full_like(body.x, 0.75 / 5.4)  # a phase in the dark of a stripe
    return [
        (leg(0.34, -gait, 0.12) + leg(-0.36, gait, 0.15), 0.6, False),
        ([tail, mane], 1.0, True),
        (torso + [throat, head, ear] + leg(0.4, gait, 0.13) + leg(-0.44, -gait, 0.19), 1.0, False),
        ([(np.minimum(eye, nostrils), still)], 0.5, True),
    ]
