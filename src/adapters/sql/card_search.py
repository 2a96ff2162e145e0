"""What `Filters` mean in SQL."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, FromClause, false, literal_column, select

from adapters.sql.prompt_words import asked
from adapters.sql.rows import instant_to_text
from adapters.sql.tables import card_loras, cards, prompts
from domain.library import Filters


def matching(filters: Filters) -> FromClause:
    """Where cards are found: by the prompt's words first, where there are any to be found."""
    if filters.text is None:
        return cards
    # The plus keeps SQLite from asking for the words of each card, one after another.
    return prompts.join(cards, cards.c.sequence == literal_column("+prompts.rowid"))


def source_of(filters: Filters) -> ColumnElement[int]:
    """The number that cards are found in the order of, without being sorted."""
    return cards.c.sequence if filters.text is None else prompts.c.rowid


def conditions_of(
    filters: Filters, *, values: bool = True, loras: bool = True
) -> Sequence[ColumnElement[bool]]:
    """Each must hold. `values`: also those of checkpoint, size, rating and favourites; `loras`: those."""
    conditions: list[ColumnElement[bool]] = []
    if filters.text is not None:
        words = asked(filters.text)
        found = literal_column("prompts").op("MATCH", is_comparison=True)(words)
        conditions.append(false() if words is None else found)
    if filters.client is not None:
        conditions.append(cards.c.client == filters.client)
    if filters.since is not None:
        conditions.append(cards.c.created_at >= instant_to_text(filters.since))
    if filters.until is not None:
        conditions.append(cards.c.created_at < instant_to_text(filters.until))
    if values:
        conditions += _of_values(filters)
    if loras and filters.loras:
        using = select(card_loras.c.sequence).where(_is_one_of(card_loras.c.name, filters.loras))
        conditions.append(cards.c.sequence.in_(using))
    return conditions


def _of_values(filters: Filters) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.checkpoints:
        conditions.append(_is_one_of(cards.c.checkpoint, filters.checkpoints))
    if filters.sizes:
        conditions.append(_is_one_of(cards.c.size, filters.sizes))
    if filters.min_rating > 0:  # the literals are those of the indexes
        conditions += [literal_column("cards.rating > 0"), cards.c.rating >= filters.min_rating]
    if filters.is_favourite is not None:
        conditions.append(literal_column(f"cards.favourite = {int(filters.is_favourite)}"))
    return conditions


def _is_one_of(column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    return column == values[0] if len(values) == 1 else column.in_(values)
