"""Which ids may become file names."""


def is_plain(name: str) -> bool:
    """Whether `name` is letters, digits and underscores, so that it cannot leave its folder."""
    return name.isascii() and name.replace("_", "").isalnum()
