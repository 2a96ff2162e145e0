"""Excerpts that say what they were made of."""

import threading
from collections.abc import Callable
from pathlib import Path

from domain.errors import OutputMissing, VideoUnusable
from domain.excerpts import Excerpts, SheetLayout
from domain.ports.excerpt_maker import ExcerptMaker

#: What a file holds that cannot be decoded.
DAMAGED = b"damaged"


class FakeExcerptMaker(ExcerptMaker):
    """Counts what it made; clear `may_make` and it waits. `recipe`: that of every file."""

    def __init__(self, recipe: str | None = None) -> None:
        self.made = 0
        self.recipe = recipe
        self.when_made: Callable[[], None] = lambda: None
        self.may_make = threading.Event()
        self.may_make.set()

    def make(self, video: Path, layout: SheetLayout) -> Excerpts:
        self.may_make.wait()
        if not video.exists():
            raise OutputMissing
        content = video.read_bytes()
        if content == DAMAGED:
            raise VideoUnusable
        self.made += 1
        self.when_made()
        return Excerpts(
            thumbnail=b"thumbnail of " + content,
            spritesheet=f"{len(layout.frames)} frames".encode(),
            recipe=self.recipe,
        )
