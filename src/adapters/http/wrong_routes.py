"""What is told to those who ask for a path that there is not, or in a way that it does not take."""

from typing import Any

from litestar import Request

from domain.close_names import closest


def told_of_no_route(request: Request[Any, Any, Any]) -> str:
    """That nothing is there, and what is near it."""
    asked = _asked(request)
    # A file that is gone fits the page's own route for files.
    paths = {_filled(route.path_format, asked) for route in request.app.routes} - {asked}
    near = "".join(f" Is {path} meant?" for path in closest(asked, sorted(paths))[:1])
    return f"Nothing is at {asked}.{near} GET /schema/openapi.json lists all there is."


def told_of_wrong_method(request: Request[Any, Any, Any], allowed: str) -> str:
    """Which it takes. `allowed`: as the header `Allow` has them."""
    methods = sorted(set(allowed.split(", ")) - {"OPTIONS"})
    return f"{_asked(request)} takes {' and '.join(methods)}, not {request.method}."


def _filled(path: str, asked: str) -> str:
    """The route's path with what was asked in place of its parameters, where both have as many parts."""
    parts, given = path.split("/"), asked.split("/")
    if len(parts) != len(given):
        return path
    return "/".join(
        said if part.startswith("{") else part for part, said in zip(parts, given, strict=True)
    )


def _asked(request: Request[Any, Any, Any]) -> str:
    return str(request.scope["state"]["asked_path"])
