"""How long it takes to list, search and count finished videos once there are many.

Run with: python benchmarks/library.py [videos]
Fills a database with 100,000 finished videos (some 300 MB in the temporary folder), through nothing but SQL,
and prints milliseconds of each kind of question that a gallery asks, median and worst of 15.
"""

import asyncio
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from adapters.sql.database import Database
from adapters.sql.library import SqlLibrary
from adapters.sql.rows import instant_to_text, job_to_row
from domain.job_event import JobStatus
from domain.library import Filters, Order
from tests.fakes.examples import NOON, a_job_that_is

VIDEOS = 100_000
ROUNDS = 15
#: Words of a prompt, out of so many; the first is in all of them.
WORDS = 2_000
CHECKPOINTS = ("mini", "t2v-A14B", "i2v-A14B", "ti2v-5B")
SIZES = ("128x128", "832x480", "480x832", "1280x720", "704x1280")
RARE = "rarely"


def fill(path: Path, videos: int, *, like: Mapping[str, object] | None = None) -> None:
    """As `SqlJobRepository` would, in bulk. One in 1,000 is of a rare checkpoint and a rare word.

    Args:
        like: what is otherwise in their jobs' rows.
    """
    draw = random.Random(7)
    row = job_to_row(a_job_that_is(JobStatus.COMPLETED)) | dict(like or {})
    columns = [*row, "turn", "place", "sequence"]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -200000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        (first,) = connection.execute("SELECT coalesce(max(sequence), 0) + 1 FROM jobs").fetchone()
        for number in range(first, first + videos):
            is_rare = number % 1000 == 0
            words = ["a", *(f"word{draw.randrange(WORDS)}" for _ in range(30))]
            prompt = " ".join([*words, RARE] if is_rare else words)
            at = instant_to_text(NOON + timedelta(minutes=number))
            request = msgspec.json.decode(str(row["request"])) | {"prompt": prompt}
            told = row | {
                "id": f"gen_{number:032x}",
                "created_at": at,
                "request": msgspec.json.encode(request).decode(),
                "turn": 0,
                "place": number,
                "sequence": number,
            }
            connection.execute(
                f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({', '.join(f':{c}' for c in columns)})",
                told,
            )
            card = (
                number,
                RARE if is_rare else draw.choice(CHECKPOINTS),
                draw.choice(SIZES),
                at,
                at,
                draw.choice((0, 0, 0, 3, 4, 5)),
                int(draw.random() < 0.02),
            )
            connection.execute(
                "INSERT INTO cards VALUES (?, 'local', ?, ?, ?, 'kept', ?, ?, ?, 0)", card
            )
            if number % 3 == 0:
                lora = (f"lora{draw.randrange(20)}", number)
                connection.execute("INSERT INTO card_loras VALUES (?, ?)", lora)
            connection.execute(
                "INSERT INTO prompts (rowid, prompt) VALUES (?, ?)", (number, prompt)
            )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def main(videos: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.db"
        database = Database(f"sqlite+aiosqlite:///{path}")
        await database.open()
        began = time.monotonic()
        fill(path, videos)
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {videos:,} videos, "
              f"{path.stat().st_size / 1e6:.0f} MB, made in {time.monotonic() - began:.0f} s\n")  # fmt: skip
        await measure(SqlLibrary(database), videos)
        await database.close()


async def measure(library: SqlLibrary, videos: int) -> None:
    print(f"{'milliseconds':<42} median   worst")
    early, late = (NOON + timedelta(minutes=videos * share // 10) for share in (1, 9))
    for name, filters in {
        "newest": Filters(),
        "a checkpoint": Filters(checkpoints=("mini",)),
        "a rare checkpoint": Filters(checkpoints=(RARE,)),
        "two checkpoints": Filters(checkpoints=("mini", RARE)),
        "a LoRA": Filters(loras=("lora7",)),
        "a size": Filters(sizes=("832x480",)),
        "of the first days": Filters(until=early),
        "four stars": Filters(min_rating=4),
        "favourites": Filters(is_favourite=True),
        "of a client": Filters(client="local"),
        "a word in all": Filters(text="a"),
        "a word in 1.5 %": Filters(text="word1999"),
        "a rare word": Filters(text=RARE),
        "two words": Filters(text="word77 word99"),
        "a beginning of all words": Filters(text="wor"),
        "a rare word and four stars": Filters(text=RARE, min_rating=4),
        "a word in all, a rare checkpoint": Filters(text="a", checkpoints=(RARE,)),
    }.items():
        await show(name, partial(library.outputs, filters))
    middle = f"gen_{videos // 2:032x}"
    await show("from the middle on", lambda: library.outputs(Filters(), after=middle))
    await show("oldest", lambda: library.outputs(Filters(), order=Order.OLDEST))
    for name, filters in {
        "all": Filters(),
        "a word in 1.5 %": Filters(text="word1999"),
        "a word in all": Filters(text="a"),
        "those of the last days": Filters(since=late),
        "those of a LoRA": Filters(loras=("lora7",)),
    }.items():
        await show(f"counts of {name}", partial(library.facets, filters))
    for name, filters, statuses in (
        ("generations", Filters(), ()),
        ("generations, failed", Filters(), (JobStatus.FAILED,)),
        ("generations, a rare word", Filters(text=RARE), ()),
        ("generations, a rare checkpoint", Filters(checkpoints=(RARE,)), ()),
    ):
        ask = partial(library.generations, filters, statuses=statuses)
        await show(name, ask)


async def show(name: str, ask: Callable[[], Awaitable[object]]) -> None:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    print(f"{name:<42} {statistics.median(took):>6.1f} {max(took):>7.1f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else VIDEOS))
