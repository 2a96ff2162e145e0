"""Finished videos can be searched, rated, deleted and restored; jobs say what they were made from."""

import json

from alembic import op

from adapters.sql.prompt_words import indexed

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN made_from TEXT")
    op.execute("ALTER TABLE jobs ADD COLUMN made_as TEXT")
    op.execute("CREATE INDEX jobs_retried ON jobs (retry_of) WHERE retry_of IS NOT NULL")
    op.execute("CREATE INDEX jobs_made_from ON jobs (made_from) WHERE made_from IS NOT NULL")
    _create_cards()
    _create_indexes()
    _fill()


def _create_cards() -> None:
    op.execute(
        """
        CREATE TABLE cards (
            sequence INTEGER NOT NULL PRIMARY KEY REFERENCES jobs (sequence),
            client TEXT NOT NULL,
            checkpoint TEXT NOT NULL,
            size TEXT NOT NULL,
            created_at TEXT NOT NULL,
            state TEXT NOT NULL CONSTRAINT state_is_known
                CHECK (state IN ('none', 'kept', 'deleted', 'removing', 'removed')),
            since TEXT,
            rating INTEGER NOT NULL CONSTRAINT rated_in_stars CHECK (rating BETWEEN 0 AND 5),
            favourite INTEGER NOT NULL CONSTRAINT favourite_or_not CHECK (favourite IN (0, 1)),
            hidden INTEGER NOT NULL CONSTRAINT hidden_or_not CHECK (hidden IN (0, 1)),
            CONSTRAINT since_where_there_was_a_video CHECK ((state = 'none') = (since IS NULL))
        ) STRICT
        """
    )
    op.execute(
        """
        CREATE TABLE card_loras (
            name TEXT NOT NULL,
            sequence INTEGER NOT NULL REFERENCES cards (sequence),
            PRIMARY KEY (name, sequence)
        ) STRICT, WITHOUT ROWID
        """
    )
    # Without a copy of the text, which the job has; nothing is ever taken out of it.
    op.execute(
        """
        CREATE VIRTUAL TABLE prompts
        USING fts5(prompt, content='', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3')
        """
    )


def _create_indexes() -> None:
    # Partial: what waits, failed or is gone costs them nothing. Written with OR, as in 0004.
    shelved = "WHERE state = 'kept' OR state = 'deleted'"
    for name, columns, condition in (
        ("cards_in_order", "state, sequence, created_at", shelved),
        ("cards_of_checkpoint", "state, checkpoint, sequence", shelved),
        ("cards_of_size", "state, size, sequence", shelved),
        ("cards_of_client", "state, client, sequence", shelved),
        (
            "cards_counted",
            "state, checkpoint, size, rating, favourite, created_at, client",
            shelved,
        ),
        ("cards_rated", "state, sequence", "WHERE rating > 0"),
        ("cards_favourite", "state, sequence", "WHERE favourite = 1"),
        ("cards_by_age", "state, since", "WHERE since IS NOT NULL"),
    ):
        op.execute(f"CREATE INDEX {name} ON cards ({columns}) {condition}")


def _fill() -> None:
    """A card for every job there is."""
    connection = op.get_bind()
    rows = connection.exec_driver_sql(
        "SELECT sequence, client, created_at, finished_at, status, request FROM jobs"
    )
    for sequence, client, created_at, finished_at, status, told in rows:
        request = json.loads(told)
        is_kept = status == "completed"
        connection.exec_driver_sql(
            "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0)",
            (
                sequence,
                client,
                request["checkpoint"],
                f"{request['width']}x{request['height']}",
                created_at,
                "kept" if is_kept else "none",
                finished_at if is_kept else None,
            ),
        )
        for lora in request.get("loras", ()):
            connection.exec_driver_sql(
                "INSERT OR IGNORE INTO card_loras VALUES (?, ?)", (lora["name"], sequence)
            )
        connection.exec_driver_sql(
            "INSERT INTO prompts (rowid, prompt) VALUES (?, ?)",
            (sequence, indexed(request["prompt"])),
        )
