"""Row S22: a library with known holes is told."""

import importlib.metadata

import pytest

from bootstrap.doctor import _FLOORS, examine
from bootstrap.settings import load_settings


@pytest.mark.parametrize("library", sorted(_FLOORS))
def test_s22_a_library_below_its_floor_is_told(
    library: str, monkeypatch: pytest.MonkeyPatch, settled: None
) -> None:
    true = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "2.0.1" if name == library else true(name)
    )

    settings = load_settings(overrides={}, environment={})
    checks = {check.name: check for check in examine(settings, dict)}

    assert "at least" in (checks[library].problem or "")
    assert all(checks[name].problem is None for name in _FLOORS if name != library)
