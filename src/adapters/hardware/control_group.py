"""What a container's memory limit leaves, where there is one: the kernel tells of the machine around it."""

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def remaining_bytes(root: Path = _ROOT) -> int | None:
    """What may still be taken before the kernel ends a process; None where nothing limits it.

    Cached file pages count as free: they are dropped first. Source: the kernel's `cgroup-v2.rst`.
    """
    try:
        limit = int((root / "memory.max").read_text())  # the word "max" where there is none
        used = int((root / "memory.current").read_text())
        cached = _stat(root, "inactive_file") + _stat(root, "active_file")
    except (OSError, ValueError):
        return None
    return max(0, limit - used + min(cached, used))


def _stat(root: Path, name: str) -> int:
    for line in (root / "memory.stat").read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
