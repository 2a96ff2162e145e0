"""Writes the API's OpenAPI document to a file: `python -m bootstrap.api_description FILE`.

The page's types are made from it. The file is left as it is where nothing has changed, so that nothing
is built anew for it.
"""

import asyncio
import json
import sys
from pathlib import Path

from bootstrap.core_container import CoreContainer
from bootstrap.server import build_app
from bootstrap.server_container import ServerContainer
from bootstrap.settings import load_settings


async def describe() -> str:
    """The document, as JSON."""
    container = ServerContainer(core=CoreContainer(settings=load_settings(overrides={})))
    dispatching = asyncio.create_task(asyncio.sleep(0))  # never asked: nobody calls `/readyz`
    app = build_app(container, dispatching, asyncio.Event())
    await dispatching
    return json.dumps(app.openapi_schema.to_schema(), indent=1, sort_keys=True)


def main() -> None:
    """Write it."""
    target = Path(sys.argv[1])
    document = asyncio.run(describe())
    if not target.exists() or target.read_text() != document:
        target.write_text(document)


if __name__ == "__main__":
    main()
