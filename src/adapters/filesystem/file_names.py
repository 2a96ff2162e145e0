"""Names that can be part of a path."""


def is_plain(name: str) -> bool:
    """Whether `name` is letters, digits and underscores: it cannot leave its folder."""
    return name.isascii() and name.replace("_", "").isalnum()
