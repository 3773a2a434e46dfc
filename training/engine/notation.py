"""What a column of text is written in, from a few of its values: SMILES, residues of proteins, or words. Torch-free."""

import re
from typing import Any

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"  # the twenty amino acids
LEAST = 3  # values; fewer tell nothing
# An atom with its brackets, one without, a ring, a bond, a branch, or the point between molecules.
_SMILES = re.compile(r"(?:\[[^\[\]\s]+\]|Br|Cl|[BCNOPSFI]|[bcnops]|%\d\d|\d|[-=#$:/\\.()])+")
_STRUCTURE = re.compile(r"[\[\](=#\d]")
_RESIDUES = re.compile(r"[ACDEFGHIKLMNPQRSTVWYUOBZX]+\*?")
_BASES = frozenset("ACGTUN")
SHORTEST_PROTEIN = 8
CUT = "…"  # how the profile marks a value that goes on


def notation_of(profile: dict[str, Any], name: str | None) -> str | None:
    """The tokenizer made for what a column holds, by the examples of the profile: smiles, protein, or None."""
    rows = [row for row in profile.get("examples") or [] if isinstance(row, dict)]
    values = [row[name] for row in rows if isinstance(row.get(name or ""), str) and row[name].strip()]
    if len(values) < LEAST:
        return None
    if all(map(_is_smiles, values)) and 2 * sum(bool(_STRUCTURE.search(value)) for value in values) >= len(values):
        return "smiles"
    return "protein" if all(map(_is_protein, values)) else None


def _is_smiles(value: str) -> bool:
    """Atoms and bonds and nothing else, every branch closed. The end of a value that was cut is not looked at."""
    value = value.strip()
    if value.endswith(CUT):
        kept = value.rstrip(CUT)
        return _SMILES.fullmatch(kept[: kept.rfind("[")] if kept.rfind("[") > kept.rfind("]") else kept) is not None
    return _SMILES.fullmatch(value) is not None and value.count("(") == value.count(")")


def _is_protein(value: str) -> bool:
    """Residues, together or each by itself, and not only letters that are bases of DNA too."""
    parts = value.strip().rstrip(CUT).split()
    together = "".join(parts)
    if len(parts) > 1 and any(len(part) > 1 for part in parts):
        return False
    return len(together) >= SHORTEST_PROTEIN and bool(_RESIDUES.fullmatch(together)) and not set(together) <= _BASES
