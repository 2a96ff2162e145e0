"""Whether a transformer's blocks are compiled before they run."""

from enum import StrEnum


class Compilation(StrEnum):
    """`REGIONAL`: the block that is repeated, once for all of them and for every size."""

    OFF = "off"
    REGIONAL = "regional"
