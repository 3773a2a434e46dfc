"""How answers stand in a cell of a table. Torch-free: the form counts labels too."""

from collections.abc import Iterable

SEPARATORS = ";|,"


def label_sets(cells: Iterable[str]) -> list[list[str]]:
    """The labels of each cell, parted by the first of ; | and , that any cell holds; each once, sorted."""
    cells = list(cells)
    mark = next((mark for mark in SEPARATORS if any(mark in cell for cell in cells)), None)
    parted = [cell.split(mark) if mark else [cell] for cell in cells]
    return [sorted({label.strip() for label in labels} - {""}) for labels in parted]
