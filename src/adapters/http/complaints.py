"""What msgspec says of a value, in a client's words: what was wanted, and the nearest that would do."""

import enum
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

import msgspec

from domain.close_names import closest

#: What msgspec calls a JSON type.
_WORDS: Final[Mapping[str, str]] = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_EXPECTED: Final = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`")
_BEYOND: Final = re.compile(r"Expected `(?:int|float)` (?P<sign>[<>]=?) (?P<bound>\S+)")
_LENGTH: Final = re.compile(r"Expected `(?:str|array)` of length (?P<sign>[<>]=) (?P<bound>\d+)")
_NO_CHOICE: Final = re.compile(r"Invalid enum value (?P<value>.+)")
_LACKS: Final = re.compile(r"Object missing required field (?P<name>`[^`]+`)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a value may be, as far as it is known. `choices`: all that it may be, if they are few."""

    low: float | None = None
    high: float | None = None
    choices: Sequence[str] = ()


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Why a value will not do: what follows the name of its field, and values close to it that would."""

    reason: str
    nearest: tuple[float | str, ...] = ()


def complaint(message: str, value: object, limits: Limits = NO_LIMITS) -> Complaint:
    """What `message` of msgspec's means for whoever sent `value`."""
    if match := _EXPECTED.match(message):
        kinds = [name for name in match["wanted"].split(" | ") if name != "null"]
        wanted = " or ".join(_WORDS.get(name, name) for name in kinds)
        is_short = isinstance(value, str | int | float)
        got = json.dumps(value) if is_short else _WORDS.get(match["got"], match["got"])
        return Complaint(reason=f"must be {wanted}, not {got}")
    if match := _BEYOND.match(message):
        return _beyond(value, match["sign"], match["bound"], limits)
    if match := _LENGTH.match(message):
        return Complaint(reason=_length(match["sign"], match["bound"]))
    if match := _NO_CHOICE.match(message):
        if near := closest(match["value"].strip("'"), limits.choices):
            known = ", ".join(limits.choices)
            return Complaint(reason=f"{match['value']} is none of {known}", nearest=near)
        return Complaint(reason=f"{match['value']} is unknown", nearest=tuple(limits.choices))
    if match := _LACKS.match(message):
        return Complaint(reason=f"needs {match['name']}")
    return Complaint(reason=message)


def limits_of(kind: object) -> Limits:
    """What the type of a body's field says."""
    told = msgspec.inspect.type_info(kind)
    parts = told.types if isinstance(told, msgspec.inspect.UnionType) else (told,)
    limits = NO_LIMITS
    for part in parts:
        while isinstance(part, msgspec.inspect.Metadata):
            part = part.type
        if isinstance(part, msgspec.inspect.IntType | msgspec.inspect.FloatType):
            limits = replace(limits, low=part.ge, high=part.le)
    return replace(limits, choices=choices_of(kind))


def choices_of(kind: object) -> Sequence[str]:
    """The values of the enumeration in `kind`, however deep; none where there is no such thing."""
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(member.value) for member in kind]
    return [choice for part in get_args(kind) for choice in choices_of(part)]


def _beyond(value: object, sign: str, bound: str, limits: Limits) -> Complaint:
    number = float(bound) if "." in bound else int(bound)
    nearest = (number,) if "=" in sign else ()
    if limits.low is not None and limits.high is not None:
        reason = f"{value} is outside {limits.low} to {limits.high}"
        return Complaint(reason=reason, nearest=nearest)
    words = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
    return Complaint(reason=f"{value} is not {words[sign]} {bound}", nearest=nearest)


def _length(sign: str, bound: str) -> str:
    if (sign, bound) == (">=", "1"):
        return "must not be empty"
    return f"has {'fewer' if sign == '>=' else 'more'} than {bound} characters"
