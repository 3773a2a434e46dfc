"""Whether a text is a molecule by the grammar of SMILES (Weininger 1988), and how many that a net writes are new.

The grammar is checked, not chemistry: brackets, bonds, branches and rings, but no valences. Torch-free.
"""

import re
from collections.abc import Iterable
from typing import Any

_BRACKETS = r"\[\d*(?:[A-Z][a-z]?|[bcnops]|se|as|\*)@{0,2}(?:H\d*)?(?:\+\d+|-\d+|\++|-+)?(?::\d+)?\]"
_PARTS = re.compile(
    rf"(?P<atom>{_BRACKETS}|Br|Cl|[BCNOPSFI*]|[bcnops])|(?P<ring>%\d\d|\d)|(?P<bond>[-=#$:/\\])|(?P<open>\()|(?P<close>\))|(?P<dot>\.)"
)


def is_molecule(text: str) -> bool:
    """Whether every atom, bond, branch and ring is written by the rules, and each is closed."""
    rings: set[int] = set()
    place, before, depth = 0, "dot", 0
    while place < len(text):
        found = _PARTS.match(text, place)
        if found is None:
            return False
        kind, place = str(found.lastgroup), found.end()
        # A bond may stand before an atom or before the number of a ring.
        may = ("atom", "ring") if before == "bond" else ("atom", "bond")
        if before in ("dot", "bond", "open") and kind not in may:
            return False
        if kind == "bond" and before == "dot":
            return False
        if kind == "ring":
            rings ^= {int(found[0].lstrip("%"))}
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            return False
        before = kind
    return before in ("atom", "ring", "close") and depth == 0 and not rings


def drawn_scores(written: list[str], known: Iterable[str]) -> dict[str, Any]:
    """Of written texts the share of molecules, of these the share of different ones, of these that of new ones.

    A share of nothing is 0. `known`: those that were learnt from.
    """
    valid = [text for text in written if is_molecule(text)]
    unique = set(valid)
    new = unique.difference(known)
    return {
        "written": len(written),
        "validity": round(len(valid) / max(1, len(written)), 6),
        "uniqueness": round(len(unique) / max(1, len(valid)), 6),
        "novelty": round(len(new) / max(1, len(unique)), 6),
    }
