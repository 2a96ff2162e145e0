"""Captions: many ways to say what a scene shows.

A quarter are the plain sentence of the README; the others vary words, order and completeness.
"""

import numpy as np

from training.scenes import Scene
from training.vocabulary import Combination

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "disc", "ball", "dot"),
    "square": ("square", "box", "block"),
    "triangle": ("triangle", "pyramid"),
    "star": ("star",),
    "ring": ("ring", "hoop", "donut"),
    "cross": ("cross", "plus"),
    "diamond": ("diamond", "rhombus"),
    "hexagon": ("hexagon",),
    "gray": ("gray", "grey"),
    "cyan": ("cyan", "turquoise"),
    "purple": ("purple", "violet"),
    "small": ("small", "tiny", "little"),
    "medium": ("", "medium", "medium sized"),
    "large": ("large", "big", "huge"),
    "slow": ("slowly", "gently"),
    "normal": ("",),
    "fast": ("quickly", "fast", "rapidly"),
}
_VERBS = ("moving", "moves", "drifting", "drifts", "sliding", "slides", "gliding", "glides")
_FACES = {
    "right": ("right", "to the right", "rightwards", "from left to right"),
    "left": ("left", "to the left", "leftwards", "from right to left"),
    "up": ("up", "upwards", "to the top"),
    "down": ("down", "downwards", "to the bottom"),
    "up right": ("up right", "up and to the right", "up and right", "diagonally up right"),
    "up left": ("up left", "up and to the left", "up and left", "diagonally up left"),
    "down right": ("down right", "down and to the right", "diagonally down right"),
    "down left": ("down left", "down and to the left", "diagonally down left"),
}
_STILL = ("standing still", "still", "staying still", "not moving", "resting")
_GROWING = ("growing", "grows", "getting bigger", "growing larger")
_SHRINKING = ("shrinking", "shrinks", "getting smaller")
_GROUNDS = (
    "on a {} background",
    "over a {} background",
    "against a {} background",
    "on {}",
    "over {}",
    "in front of {}",
    "with a {} background",
)
_OPENINGS = ("a ", "the ", "one ", "", "a video of a ", "an animation of a ", "there is a ")
UNKNOWN = "[unk]"
"""Stands for any word the tokenizer has never met."""


def plain_caption(combination: Combination) -> str:
    """The sentence the README shows, e.g. "a red circle moving right on a blue background"."""
    shape, colour, background, motion = combination
    article = "an" if colour[0] in "aeiou" else "a"
    return f"{article} {colour} {shape} {_plain_motion(motion)} on a {background} background"


def sample_caption(scene: Scene, rng: np.random.Generator, *, moves: bool = True) -> str:
    """One way to describe a scene; it may leave attributes out or hold an unknown word.

    Args:
        moves: false for a single frame, whose caption says nothing of motion.
    """
    if rng.random() < 0.25:
        return _plain(scene, rng, moves=moves)
    words = _varied(scene, rng, moves=moves, told=0.95).split()
    if rng.random() < 0.08:
        words.insert(int(rng.integers(len(words) + 1)), UNKNOWN)
    return " ".join(words)


def sample_full_caption(scene: Scene, rng: np.random.Generator) -> str:
    """A free wording that states shape, colour, background and motion."""
    return " ".join(_varied(scene, rng, moves=True, told=1.0).split())


def sample_unconditional(rng: np.random.Generator) -> str:
    """A caption that says nothing: empty, or only words nobody knows.

    So any negative prompt outside the vocabulary acts as "no prompt".
    """
    if rng.random() < 0.6:
        return ""
    return " ".join([UNKNOWN] * int(rng.integers(1, 25)))


def _plain(scene: Scene, rng: np.random.Generator, *, moves: bool) -> str:
    shape, colour, background, motion = scene.combination
    size = f"{scene.size} " if scene.size != "medium" and rng.random() < 0.5 else ""
    first = (size + colour)[0]
    article = "an" if first in "aeiou" else "a"
    action = ""
    if moves:
        action = f" {_plain_motion(motion)}"
        if scene.speed != "normal" and motion != "still" and rng.random() < 0.5:
            action += f" {_SYNONYMS[scene.speed][0]}"
    return f"{article} {size}{colour} {shape}{action} on a {background} background"


def _plain_motion(motion: str) -> str:
    if motion == "still":
        return "standing still"
    return motion if motion in ("growing", "shrinking") else f"moving {motion}"


def _varied(scene: Scene, rng: np.random.Generator, *, moves: bool, told: float) -> str:
    shape, colour, background, motion = scene.combination
    thing = _said(shape, rng) if rng.random() < told else "shape"
    tint = _said(colour, rng) if rng.random() < told else ""
    size = _said(scene.size, rng) if rng.random() < 0.5 else ""
    subject = f"{rng.choice(_OPENINGS)}{size} {tint} {thing}"
    if tint and rng.random() < 0.08:
        subject = f"{rng.choice(_OPENINGS)}{size} {thing} that is {tint}"
    action = _action(scene, motion, rng) if moves and rng.random() < told else ""
    ground = ""
    if rng.random() < told:
        ground = str(rng.choice(_GROUNDS)).format(_said(background, rng))
    if ground and rng.random() < 0.2:
        return f"{ground} {subject} {action}"
    if ground and action and rng.random() < 0.2:
        return f"{subject} {ground} {action}"
    return f"{subject} {action} {ground}"


def _action(scene: Scene, motion: str, rng: np.random.Generator) -> str:
    if motion == "still":
        return str(rng.choice(_STILL))
    speed = _said(scene.speed, rng) if rng.random() < 0.6 else ""
    if motion == "growing":
        return f"{rng.choice(_GROWING)} {speed}"
    if motion == "shrinking":
        return f"{rng.choice(_SHRINKING)} {speed}"
    verb, face = rng.choice(_VERBS), rng.choice(_FACES[motion])
    return f"{verb} {speed} {face}" if rng.random() < 0.3 else f"{verb} {face} {speed}"


def _said(word: str, rng: np.random.Generator) -> str:
    if word not in _SYNONYMS:
        return word
    said = _SYNONYMS[word]
    return said[0] if rng.random() < 0.5 else str(rng.choice(said))


def known_words() -> list[str]:
    """Every word a caption may hold, sorted: the tokenizer's vocabulary."""
    phrases = [
        *(p for said in (*_SYNONYMS.values(), *_FACES.values()) for p in said),
        *_VERBS,
        *_STILL,
        *_GROWING,
        *_SHRINKING,
        *(ground.format("") for ground in _GROUNDS),
        *_OPENINGS,
        "an that is shape",
        "red orange yellow green blue pink white black brown",
    ]
    return sorted({word for phrase in phrases for word in phrase.split()})
