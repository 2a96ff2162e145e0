"""Names that can be part of a path."""

from typing import Final

#: File systems take 255 bytes, endings included.
_MAX_CHARACTERS: Final = 128


def is_plain(name: str) -> bool:
    """Whether `name` is a few letters, digits and underscores: it cannot leave its folder."""
    return len(name) <= _MAX_CHARACTERS and name.isascii() and name.replace("_", "").isalnum()
