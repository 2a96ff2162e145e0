"""A job's card: what lists and searches find it by, written in the job's own transactions."""

from typing import Final

from sqlalchemy import Connection

from adapters.sql.prompt_words import indexed
from adapters.sql.rows import instant_to_text
from domain.job import Job
from domain.library import OutputState, size_of, state_of

# Driver's SQL: each submission waits for these three, and SQLAlchemy would take as long again.
_INSERT: Final = """
    INSERT INTO cards (sequence, client, checkpoint, size, created_at, state, since, rating, favourite, hidden)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0)
"""
_INSERT_LORA: Final = "INSERT OR IGNORE INTO card_loras (name, sequence) VALUES (?, ?)"
_INSERT_PROMPT: Final = "INSERT INTO prompts (rowid, prompt) VALUES (?, ?)"
_COMPLETE: Final = """
    UPDATE cards SET state = ?, since = ? WHERE sequence = (SELECT sequence FROM jobs WHERE id = ?)
"""


def insert(connection: Connection, job: Job, sequence: int) -> None:
    """The card of a job that was just inserted under `sequence`."""
    request, state = job.request, state_of(job.status)
    card = (
        sequence,
        job.client,
        request.checkpoint,
        size_of(request.width, request.height),
        instant_to_text(job.created_at),
        state.value,
        instant_to_text(job.finished_at) if state is OutputState.KEPT else None,
    )
    connection.exec_driver_sql(_INSERT, card)
    for lora in request.loras:
        connection.exec_driver_sql(_INSERT_LORA, (lora.name, sequence))
    connection.exec_driver_sql(_INSERT_PROMPT, (sequence, indexed(request.prompt)))


def note_completion(connection: Connection, job: Job) -> None:
    """The job's video is in the library from now on."""
    told = (state_of(job.status).value, instant_to_text(job.finished_at), job.id)
    connection.exec_driver_sql(_COMPLETE, told)
