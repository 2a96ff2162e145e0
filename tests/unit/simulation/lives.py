"""Lives drawn at random: whatever may happen next, one thing after another.

A life is drawn from its number alone, so that it can be lived again. Each leaves some of the deeds out (swarm
testing, Groce et al., ISSTA 2012): what is rare where everything happens is met where little else does.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, ClassVar, TypeAlias, TypeVar

#: Draws what a deed is told.
Draw: TypeAlias = Callable[[Random], Any]

_Deed = TypeVar("_Deed", bound=Callable[..., None])


def one_of(*values: object) -> Draw:
    return lambda chance: chance.choice(values)


def deed(**draws: Draw) -> Callable[[_Deed], _Deed]:
    """Marks a method that may be called at any moment, with what each of `draws` draws."""

    def mark(method: _Deed) -> _Deed:
        method.draws = draws  # type: ignore[attr-defined]
        return method

    return mark


def only_if(condition: Callable[[Any], object]) -> Callable[[_Deed], _Deed]:
    """Marks a deed that can be done only where `condition`, asked of its life, holds."""

    def mark(method: _Deed) -> _Deed:
        method.condition = condition  # type: ignore[attr-defined]
        return method

    return mark


class Life:
    """What may happen is written as deeds; after each, `check` is called, and at the end, `close`."""

    deeds: ClassVar[tuple[Any, ...]] = ()

    def __init_subclass__(cls) -> None:
        members = (getattr(cls, name) for name in dir(cls))
        cls.deeds = tuple(member for member in members if hasattr(member, "draws"))

    def check(self) -> None:
        """Raise where something is not as it must be."""
        raise NotImplementedError

    def close(self) -> None:
        """Bring everything to its end."""

    def live(self, number: int, *, deeds: int) -> None:
        """Do that many deeds. Whatever is raised has a note of all that were done."""
        done: list[str] = []
        try:
            for name, told in self._drawn(Random(number), deeds):
                done.append(f"{name}({', '.join(f'{key}={what!r}' for key, what in told.items())})")
                getattr(self, name)(**told)
                self.check()
            self.close()
        except Exception as error:
            error.add_note("\n".join([f"In life {number}, after:", *done]))
            raise

    def _drawn(self, chance: Random, deeds: int) -> Iterator[tuple[str, dict[str, Any]]]:
        left_out = chance.random()
        allowed = [each for each in self.deeds if chance.random() >= left_out]
        for _ in range(deeds):
            it = chance.choice(self._possible(allowed) or self._possible(self.deeds))
            yield it.__name__, {key: draw(chance) for key, draw in it.draws.items()}

    def _possible(self, deeds: Any) -> list[Any]:
        return [it for it in deeds if not hasattr(it, "condition") or it.condition(self)]
