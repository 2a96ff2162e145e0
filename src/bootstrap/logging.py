"""Logs as events: one line each, fields after the words; JSON where a machine reads them.

API keys are blacked out, wherever they come from. Prompts are never told above DEBUG.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from bootstrap.setting_sections import Log
from domain.api_key import without_secrets

#: What every record has; anything beyond it came from `extra`.
_ORDINARY: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(settings: Log, *, process: str) -> None:
    """Send everything to standard error. `process` names this one, such as `worker`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(process) if settings.format == "json" else _Console(process))
    logging.basicConfig(level=settings.level, handlers=[handler], force=True)
    for chatty in ("httpx", "aiosqlite", "alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


class _Console(logging.Formatter):
    """`12:00:00 INFO  server claimed job_id=… attempt=1`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        fields = " ".join(f"{key}={value}" for key, value in _fields(record).items())
        line = f"{time} {record.levelname:<7} {self._process:<6} {record.getMessage()} {fields}"
        line = line.rstrip().replace("\n", "\\n").replace("\r", "\\r")
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
    return {key: value for key, value in vars(record).items() if key not in _ORDINARY}


def _traceback(record: logging.LogRecord) -> str:
    assert record.exc_info, "asked only where there is one"
    return "".join(traceback.format_exception(*record.exc_info)).rstrip()
