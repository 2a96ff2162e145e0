"""Rules of the tree that no linter knows."""

import ast
import configparser
import sys
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import ROOT, SRC, imported_roots, modules

PACKAGES = ("domain", "application", "adapters", "bootstrap")
#: Folders of `adapters` that drive the application; every other is driven by it.
DRIVERS = {"http", "cli", "worker"}


def test_src_holds_the_four_packages_and_nothing_else() -> None:
    found = {path.name for path in SRC.iterdir() if not path.name.endswith(".egg-info")}

    assert found - {"__pycache__"} == set(PACKAGES)


def test_the_core_imports_the_standard_library_and_itself_only() -> None:
    allowed = sys.stdlib_module_names | {"domain", "application"}

    strangers = {
        (name, root)
        for name, tree in modules("domain", "application")
        for root in imported_roots(tree)
        if root not in allowed
    }

    assert not strangers
    assert len(modules("domain", "application")) > 25, "the walk found the core"


def test_the_environment_is_read_in_two_places() -> None:
    readers = {
        name
        for name, tree in modules(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    }

    # The one reads our own variables, the other what software that we start or load reads.
    assert readers == {"bootstrap.settings", "bootstrap.process_environment"}


def test_every_async_function_awaits_something() -> None:
    idle = {
        f"{name}.{function.name}"
        for name, tree in modules(*PACKAGES)
        for function in ast.walk(tree)
        if isinstance(function, ast.AsyncFunctionDef)
        and not _is_abstract(function)
        and not _is_part_of_a_port(function, tree)
        and not any(isinstance(node, _AWAITING) for node in ast.walk(function))
    }

    assert not idle


def test_nothing_broad_is_caught_but_at_the_boundaries() -> None:
    """The dispatcher's lane, the worker's loop and the HTTP boundary; each logs what it catches.

    The group writer carries it to whoever asked, in another thread, where it is raised again. The watch
    on the machine makes it a sample that says so, the delivery of webhooks a failed try.
    """
    broad = {
        name
        for name, tree in modules(*PACKAGES)
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler) and _is_broad(handler) and not _raises(handler)
    }

    assert broad <= {
        "application.deliver_webhooks",
        "application.dispatch_jobs",
        "application.watch_machine",
        "adapters.worker.loop",
        "adapters.http.problems",
        "adapters.sql.group_writer",
    }


def test_every_port_method_has_a_contract() -> None:
    silent = []
    methods = 0
    for name, tree in modules("domain"):
        if not name.startswith("domain.ports."):
            continue
        for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            abstract = [
                f for f in kind.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            assert len(abstract) <= 7, f"{kind.name} is too wide for a port"
            methods += len(abstract)
            silent += [f"{kind.name}.{f.name}" for f in abstract if not ast.get_docstring(f)]

    assert not silent
    assert methods > 20, "the walk found the ports"


def test_files_fit_in_the_head() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("src", "tests", "benchmarks", "training")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }

    assert not long


def test_every_adapter_is_declared_a_driver_or_driven() -> None:
    folders = {
        path.name
        for path in (SRC / "adapters").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }

    assert folders == DRIVERS | _listed("driven", "source_modules")


def test_every_entity_is_declared() -> None:
    entities = {path.stem for path in (SRC / "domain").glob("*.py")} - {"__init__"}

    assert entities == _listed("entities", "source_modules")


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_do_nothing_when_imported(package: str) -> None:
    for path in (SRC / package).rglob("__init__.py"):
        assert not path.read_text().strip(), f"{path} is not empty"


_AWAITING = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)


def _is_abstract(function: ast.AsyncFunctionDef) -> bool:
    return any("abstractmethod" in ast.unparse(d) for d in function.decorator_list)


def _is_part_of_a_port(function: ast.AsyncFunctionDef, tree: ast.Module) -> bool:
    """An adapter must be async where its port is, even if it has nothing to wait for."""
    kinds = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and function in n.body]
    return any(
        _port_methods(ast.unparse(base)) & {function.name} for k in kinds for base in k.bases
    )


def _port_methods(base: str) -> set[str]:
    return set(_methods_of(base.split(".")[-1]))


def _methods_of(port: str) -> Iterator[str]:
    for name, tree in modules("domain"):
        if name.startswith("domain.ports."):
            for kind in (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == port):
                yield from (f.name for f in kind.body if isinstance(f, ast.AsyncFunctionDef))


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "BaseException"
    return caught in {"Exception", "BaseException"}


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in handler.body)


def _listed(contract: str, key: str) -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "importlinter.ini")
    listed = config[f"importlinter:contract:{contract}"][key].split()
    return {module.split(".")[-1] for module in listed}
