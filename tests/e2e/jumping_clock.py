"""`wan`, on a wall clock that somebody sets: `python -m tests.e2e.jumping_clock FILE serve …`.

The file holds by how many seconds the clock is wrong, and may change at any moment.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from adapters.system.clock import SystemClock
from bootstrap.cli import main as wan


def main() -> None:
    offset = Path(sys.argv.pop(1))
    right = SystemClock.now

    def now(self: SystemClock) -> datetime:
        return right(self) + timedelta(seconds=float(offset.read_text() or 0))

    SystemClock.now = now  # type: ignore[method-assign]
    wan()


if __name__ == "__main__":
    main()
