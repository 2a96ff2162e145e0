"""Prompts as words that FTS5 finds again: what it reads of a prompt, and of a question.

Its tokenizer takes a run of letters for one word; Chinese and Japanese leave no spaces, so each of their
characters is made one.
"""

import re
import unicodedata
from typing import Final

#: Kana, and ideographs with their extensions (Unicode 15, blocks).
_UNSPACED: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_SPLIT: Final = re.compile(f"([{_UNSPACED}])")
_WORDS: Final = re.compile(f"[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")


def indexed(prompt: str) -> str:
    """The text that stands for `prompt` in the index."""
    return _SPLIT.sub(r" \1 ", prompt)


def asked(text: str) -> str | None:
    """The FTS5 expression that finds prompts with all of `text`; None where it has no word.

    What is written together must stand together, in that order, and its last word may be a beginning.
    """
    composed = unicodedata.normalize("NFC", text)  # as prompts are kept
    phrases = [" ".join(_WORDS.findall(chunk)) for chunk in composed.split()]
    told = [f'"{phrase}" *' for phrase in phrases if phrase]
    return " AND ".join(told) or None
