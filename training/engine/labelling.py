"""How answers stand in a cell of a table. Torch-free: the form counts labels too."""

from collections.abc import Iterable

SEPARATORS = ";|,"


def label_sets(cells: Iterable[str]) -> list[list[str]]:
    """The labels of each cell, parted by the first of ; | and , that any cell holds; each once, sorted."""
    cells = list(cells)
    mark = next((mark for mark in SEPARATORS if any(mark in cell for cell in cells)), None)
    parted = [cell.split(mark) if mark else [cell] for cell in cells]
    return [sorted({label.strip() for label in labels} - {""}) for labels in parted]


def type_of(tag: str) -> str:
    """The type of the entity that a tag belongs to: `place` of B-place; that of a tag without B or I is the tag."""
    return "" if tag == "O" else tag[2:] if tag[:2] in ("B-", "I-") else tag


def spans(tags: list[str]) -> list[tuple[str, int, int]]:
    """Entities as (type, first word, word after the last). An I that goes on from nothing begins an entity."""
    found: list[tuple[str, int, int]] = []
    for n, tag in enumerate(tags):
        kind = type_of(tag)
        if tag.startswith("I-") and found and found[-1][0] == kind and found[-1][2] == n:
            found[-1] = (kind, found[-1][1], n + 1)
        elif kind:
            found.append((kind, n, n + 1))
    return found
