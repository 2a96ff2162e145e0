"""Which known name somebody means who spells one that is not."""

import difflib
from collections.abc import Iterable
from typing import Final

#: A shorter name lies in others by chance.
_MIN_CHARACTERS: Final = 3
#: Of 1. Above the first, a name is a slip of the pen; below the second, another name.
_SLIP: Final = 0.8
_LIKENESS: Final = 0.6
_MANY: Final = 3
#: What is longer is nobody's slip of the pen, and takes long to compare.
_MAX_CHARACTERS: Final = 200


def closest(spelt: str, known: Iterable[str]) -> tuple[str, ...]:
    """Those of `known` that `spelt` comes closest to, whatever the case; none where it comes close to none.

    One that is a letter off; else the longest that lies in `spelt`, as `t2v-A14B` does in
    `Wan-AI/Wan2.2-T2V-A14B-Diffusers`; else the shortest that `spelt` is a part of; else one that looks like it.
    """
    if len(spelt) > _MAX_CHARACTERS:
        return ()
    names = {name.lower(): name for name in known}
    spelt = spelt.lower()

    def alike(least: float) -> list[str]:
        return difflib.get_close_matches(spelt, names, n=1, cutoff=least)

    within = [name for name in names if name in spelt and len(name) >= _MIN_CHARACTERS]
    around = [name for name in names if spelt in name and len(spelt) >= _MIN_CHARACTERS]
    found = (
        alike(_SLIP)
        or sorted(within, key=len)[-1:]
        or sorted(around, key=len)[:_MANY]
        or alike(_LIKENESS)
    )
    return tuple(names[name] for name in found)
