"""Logs as events: one line each, fields after the words; JSON where a machine reads them.

API keys are blacked out, wherever they come from. Prompts are never told above DEBUG.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from bootstrap.setting_sections import Log
from domain.api_key import without_secrets

#: It has a handler of its own, which shows what ours would not.
_TRANSFORMERS_IMPORTS: Final = "transformers.utils.import_utils"
_NOT_ONE_WORD: Final = re.compile(r'[\s"=]')
#: What every record has; anything beyond it came from `extra`.
_ORDINARY: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(settings: Log, *, process: str) -> None:
    """Send everything to standard error. `process` names this one, such as `worker`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(process) if settings.format == "json" else _Console(process))
    logging.basicConfig(level=settings.level, handlers=[handler], force=True)
    for chatty in ("httpx", "aiosqlite", "alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger(_TRANSFORMERS_IMPORTS).addFilter(_is_wanted)
    logging.captureWarnings(capture=True)


def _is_wanted(record: logging.LogRecord) -> bool:
    """False for one notice: that Pillow reads pictures where torchvision, which we do not need, is not here."""
    return "requires torchvision" not in record.getMessage()


class _Console(logging.Formatter):
    """`12:00:00 INFO    server claimed job_id=… attempt=1`; what holds a space is quoted."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        fields = "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
        line = f"{time} {record.levelname:<7} {self._process:<6} {record.getMessage()}{fields}"
        line = line.replace("\n", "\\n").replace("\r", "\\r")
        return without_secrets(f"{line}\n{_traceback(record)}" if record.exc_info else line)


class _Json(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            told["traceback"] = _traceback(record)
        return without_secrets(json.dumps(told, ensure_ascii=False, default=str))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What came with the words, but for what was not known."""
    told = vars(record).items()
    return {key: value for key, value in told if key not in _ORDINARY and value is not None}


def _quoted(value: object) -> str:
    """As it is where it is one word, so that what follows is not read as a part of it."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or _NOT_ONE_WORD.search(text) else text


def _traceback(record: logging.LogRecord) -> str:
    assert record.exc_info, "asked only where there is one"
    return "".join(traceback.format_exception(*record.exc_info)).rstrip()
