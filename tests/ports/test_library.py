"""What every Library does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import UnknownJob
from domain.job import Job
from domain.job_event import JobStatus
from domain.library import Facets, Filters, LibraryEntry, Order, OutputState
from domain.library_errors import NotDeletable
from domain.lora import LoraUse
from domain.ports.job_queue import JobQueue
from domain.ports.job_repository import JobRepository
from domain.ports.library import Library
from tests.fakes.examples import A_SECOND, NOON, a_job, a_job_that_is, a_request, a_video

LATER = NOON + A_SECOND


def finish(job: Job) -> None:
    if job.status is JobStatus.QUEUED:
        job.claim(at=NOON)
    job.begin_publishing(a_video(), fence=1, at=NOON)
    job.complete(fence=1, at=NOON)


async def a_finished(
    repository: JobRepository, number: int, *, made_from: str | None = None, **request: Any
) -> None:
    """A video of `gen_NUMBER`, asked for so many seconds after noon."""
    loras = tuple(_use(name) for name in request.pop("loras", ()))
    client = request.pop("client", "local")
    job = a_job(
        f"gen_{number}",
        request=a_request(loras=loras, **request),
        at=NOON + number * A_SECOND,
        client=client,
        made_from=made_from,
    )
    finish(job)
    await repository.add(job)


def _use(name: str) -> LoraUse:
    return LoraUse(name=name, strength_high_noise=1.0, strength_low_noise=1.0, sha256=("ab" * 32,))


def ids(entries: Sequence[LibraryEntry]) -> list[str]:
    return [entry.job.id for entry in entries]


async def test_an_unknown_generation_is_named_as_such(library: Library) -> None:
    with pytest.raises(UnknownJob):
        await library.get("gen_nobody")
    with pytest.raises(UnknownJob):
        await library.update("gen_nobody", lambda entry: entry.restore_generation(at=NOON))
    assert await library.descendants("gen_nobody") == []


@pytest.mark.parametrize("status", JobStatus)
async def test_every_generation_has_an_entry_and_what_has_completed_a_video(
    status: JobStatus, library: Library, repository: JobRepository
) -> None:
    job = a_job_that_is(status)
    await repository.add(job)

    entry = await library.get("gen_1")

    state = OutputState.KEPT if status is JobStatus.COMPLETED else OutputState.NONE
    since = NOON if status is JobStatus.COMPLETED else None
    assert entry == LibraryEntry(job=job, state=state, since=since)
    assert ids(await library.outputs(Filters())) == (["gen_1"] if since else [])


async def test_a_video_is_there_as_soon_as_its_job_has_completed(
    library: Library, repository: JobRepository, queue: JobQueue
) -> None:
    await repository.add(a_job())
    await queue.claim(at=NOON)
    assert await library.outputs(Filters()) == []

    await repository.update("gen_1", finish)

    [entry] = await library.outputs(Filters())
    assert (entry.state, entry.since) == (OutputState.KEPT, NOON)
    assert entry.job == await repository.get("gen_1")


async def test_what_an_owner_makes_of_it_is_kept_and_the_job_is_not_touched(
    library: Library, repository: JobRepository
) -> None:
    await a_finished(repository, 1)
    job = await repository.get("gen_1")

    def change(entry: LibraryEntry) -> None:
        entry.judge(rating=4, is_favourite=True)
        entry.delete_generation(at=LATER)

    told = await library.update("gen_1", change)

    assert told == await library.get("gen_1")
    assert (told.rating, told.is_favourite, told.is_hidden) == (4, True, True)
    assert (told.state, told.deleted_at) == (OutputState.DELETED, LATER)
    assert await repository.get("gen_1") == job


async def test_a_change_that_raises_changes_nothing(
    library: Library, repository: JobRepository
) -> None:
    await repository.add(a_job())

    def change(entry: LibraryEntry) -> None:
        entry.is_hidden = True
        entry.delete_generation(at=NOON)

    with pytest.raises(NotDeletable):
        await library.update("gen_1", change)
    assert not (await library.get("gen_1")).is_hidden


async def test_videos_are_paged_in_either_order(
    library: Library, repository: JobRepository
) -> None:
    for number in range(1, 6):
        await a_finished(repository, number)

    assert ids(await library.outputs(Filters(), limit=2)) == ["gen_5", "gen_4"]
    assert ids(await library.outputs(Filters(), limit=2, after="gen_4")) == ["gen_3", "gen_2"]
    oldest = await library.outputs(Filters(), order=Order.OLDEST, after="gen_3")
    assert ids(oldest) == ["gen_4", "gen_5"]
    assert await library.outputs(Filters(), after="gen_nobody") == []
    assert await library.outputs(Filters(), after="gen_1") == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(checkpoints=("mini",)), "4 2 1"),
        (Filters(checkpoints=("mini", "ti2v-5B")), "4 3 2 1"),
        (Filters(checkpoints=("nothing",)), ""),
        (Filters(loras=("grain",)), "4 2"),
        (Filters(loras=("grain", "fog")), "4 2 1"),
        (Filters(sizes=("32x16",)), "3 2"),
        (Filters(since=NOON + 2 * A_SECOND), "4 3 2"),
        (Filters(until=NOON + 2 * A_SECOND), "1"),
        (Filters(min_rating=1), "3 2"),
        (Filters(min_rating=4), "3"),
        (Filters(is_favourite=True), "2"),
        (Filters(is_favourite=False), "4 3 1"),
        (Filters(client="ann"), "3"),
        (Filters(text="circle"), "4 2 1"),
        (Filters(text="circle", sizes=("32x16",), min_rating=2), "2"),
        (Filters(text="square", checkpoints=("ti2v-5B",), client="ann"), "3"),
        (Filters(loras=("grain",), is_favourite=True, checkpoints=("mini",)), "2"),
    ],
)
async def test_a_filter_finds_what_fits_and_nothing_else(
    filters: Filters, found: str, library: Library, repository: JobRepository
) -> None:
    await a_finished(repository, 1, loras=("fog",), prompt="a red circle")
    await a_finished(repository, 2, loras=("grain", "fog"), width=32, prompt="a blue circle")
    await a_finished(
        repository, 3, checkpoint="ti2v-5B", client="ann", width=32, prompt="a red square"
    )
    await a_finished(repository, 4, loras=("grain",), prompt="circles")
    await library.update("gen_2", lambda entry: entry.judge(rating=3, is_favourite=True))
    await library.update("gen_3", lambda entry: entry.judge(rating=5))

    expected = [f"gen_{number}" for number in found.split()]
    assert ids(await library.outputs(filters)) == expected
    assert ids(await library.outputs(filters, order=Order.OLDEST)) == expected[::-1]
    assert [job.id for job in await library.generations(filters)] == expected
    assert (await library.facets(filters)).total == len(expected)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("circle", True),
        ("CIRCLE red", True),
        ("cir", True),
        ("c", True),
        ("ircle", False),
        ("red green", False),
        ("cafe", True),
        ("de\u0301cor", True),
        ("blue-ish", True),
        ("ish-blue", False),
        ("红色", True),
        ("圆", True),
        ("圆红", False),
        ('"red', True),
        ("red OR nothing", False),
        ("circle*", True),
        ("prompt:circle", False),
        ("(", False),
        ("🔴", False),
        ("", False),
        ("red\x00", True),
    ],
)
async def test_words_of_a_prompt_find_it(
    text: str, is_found: bool, library: Library, repository: JobRepository
) -> None:
    prompt = "a red Circle, in a blue-ish café, décor: 红色的圆 🔴"
    await a_finished(repository, 1, prompt=prompt, negative_prompt="nothing")

    assert bool(await library.outputs(Filters(text=text))) is is_found
    assert bool(await library.generations(Filters(text=text))) is is_found
    assert (await library.facets(Filters(text=text))).total == is_found


async def test_facets_count_each_kind_as_if_nothing_of_it_were_chosen(
    library: Library, repository: JobRepository
) -> None:
    await a_finished(repository, 1, loras=("fog",))
    await a_finished(repository, 2, width=32, loras=("grain", "fog"))
    await a_finished(repository, 3, checkpoint="ti2v-5B", width=32)
    await repository.add(a_job("gen_4"))
    await library.update("gen_2", lambda entry: entry.judge(rating=3, is_favourite=True))

    assert await library.facets(Filters(sizes=("32x16",), loras=("fog",))) == Facets(
        total=1,
        checkpoints={"mini": 1},
        sizes={"16x16": 1, "32x16": 1},
        loras={"fog": 1, "grain": 1},
        ratings={3: 1},
        favourites={True: 1},
    )
    assert await library.facets(Filters()) == Facets(
        total=3,
        checkpoints={"mini": 2, "ti2v-5B": 1},
        sizes={"16x16": 1, "32x16": 2},
        loras={"fog": 2, "grain": 1},
        ratings={0: 2, 3: 1},
        favourites={False: 2, True: 1},
    )
    assert (await library.facets(Filters(), is_deleted=True)).total == 0


async def test_what_was_deleted_is_apart_until_it_is_restored(
    library: Library, repository: JobRepository
) -> None:
    for number in (1, 2, 3):
        await a_finished(repository, number)
    await library.update("gen_1", lambda entry: entry.delete_video(at=LATER))
    await library.update("gen_2", lambda entry: entry.delete_generation(at=LATER))

    assert ids(await library.outputs(Filters())) == ["gen_3"]
    assert ids(await library.outputs(Filters(), is_deleted=True)) == ["gen_2", "gen_1"]
    assert [job.id for job in await library.generations(Filters())] == ["gen_3", "gen_1"]

    for number in (1, 2):
        await library.update(f"gen_{number}", lambda entry: entry.restore_generation(at=NOON))

    assert ids(await library.outputs(Filters())) == ["gen_3", "gen_2", "gen_1"]
    assert len(await library.generations(Filters())) == 3
    assert (await library.get("gen_1")).since == NOON


async def test_generations_are_listed_by_status_and_page(
    library: Library, repository: JobRepository
) -> None:
    statuses = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.QUEUED, JobStatus.FAILED]
    for number, status in enumerate(statuses, start=1):
        job = a_job_that_is(status, f"gen_{number}")
        job.request = a_request(prompt="a red circle" if number < 4 else "a blue one")
        await repository.add(job)

    async def found(*which: JobStatus, text: str | None = None, **page: Any) -> list[str]:
        filters = Filters(text=text)
        return [job.id for job in await library.generations(filters, statuses=which, **page)]

    assert await found() == ["gen_4", "gen_3", "gen_2", "gen_1"]
    assert await found(JobStatus.FAILED) == ["gen_4", "gen_2"]
    assert await found(JobStatus.FAILED, text="red") == ["gen_2"]
    assert await found(JobStatus.FAILED, JobStatus.QUEUED, limit=2) == ["gen_4", "gen_3"]
    assert await found(JobStatus.FAILED, JobStatus.QUEUED, after="gen_3") == ["gen_2"]
    assert await found(text="red", after="gen_3") == ["gen_2", "gen_1"]
    assert await found(after="gen_nobody") == []


async def test_those_in_a_state_come_the_longest_there_first(
    library: Library, repository: JobRepository
) -> None:
    for number in (1, 2, 3, 4):
        await a_finished(repository, number)
    for number, seconds in ((1, 9), (2, 3), (3, 5)):
        at = NOON + timedelta(seconds=seconds)
        await library.update(f"gen_{number}", lambda entry, at=at: entry.delete_video(at=at))
    await library.update("gen_2", lambda entry: entry.judge(is_favourite=True))

    async def found(seconds: int, **more: Any) -> list[str]:
        before = NOON + timedelta(seconds=seconds)
        return ids(await library.in_state(OutputState.DELETED, before=before, **more))

    assert await found(10) == ["gen_2", "gen_3", "gen_1"]
    assert await found(10, limit=1) == ["gen_2"]
    assert await found(10, but_favourites=True) == ["gen_3", "gen_1"]
    assert await found(5) == ["gen_2"]
    assert ids(await library.in_state(OutputState.KEPT, before=LATER)) == ["gen_4"]


async def test_what_was_made_from_one_or_asked_for_again_is_found_from_it(
    library: Library, repository: JobRepository
) -> None:
    failed = a_job_that_is(JobStatus.FAILED)
    await repository.add(failed)
    await repository.add(replace(failed.again("gen_2", at=NOON)))
    await a_finished(repository, 3, made_from="gen_1")
    await a_finished(repository, 4)

    assert [job.id for job in await library.descendants("gen_1")] == ["gen_2", "gen_3"]
    assert [job.id for job in await library.descendants("gen_1", limit=1)] == ["gen_2"]
    assert await library.descendants("gen_4") == []


async def test_generations_are_listed_oldest_first_where_that_is_asked(
    repository: JobRepository, library: Library
) -> None:
    for number in range(4):
        await a_finished(repository, number)

    first = await library.generations(Filters(), order=Order.OLDEST, limit=2)
    rest = await library.generations(Filters(), order=Order.OLDEST, after=first[-1].id)
    of_status = await library.generations(
        Filters(), statuses=[JobStatus.COMPLETED], order=Order.OLDEST, after=first[0].id, limit=2
    )

    ids = [job.id for job in [*first, *rest]]
    assert ids == [f"gen_{number}" for number in range(4)]
    assert [job.id for job in of_status] == ids[1:3]
    assert await library.generations(Filters(), order=Order.OLDEST, after="gen_nobody") == []
