"""Tasks whose models people can try on a page; the room above that answers them names them."""

from collections.abc import Iterable

TRIED: set[str] = set()


def register_tried(tasks: Iterable[str]) -> None:
    """Let pages offer to try models of these tasks."""
    TRIED.update(tasks)
