"""In what parts several licensors share what a licence brings, where they have agreed on nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from collab.transfer.licences.licensable import Licensable

UNITS = 10_000  # percentages have four digits behind the point


def shares_by_owners(terms: Mapping[str, Any], assets: Iterable[Licensable]) -> list[dict[str, str]]:
    """The part of each licensor as the terms hold it: that of every asset goes to its owners among them.

    Owners share an asset as the register of outputs says, otherwise equally. `terms` as `read_terms` makes them. Parts
    make exactly 100: the last ten-thousandths of a per cent go to the largest remainders, equal ones in the order of
    the licensors. Empty for a single licensor.
    """
    licensors = list(terms["licensors"])
    if len(licensors) < 2:
        return []
    known = {asset.key: asset for asset in assets}
    exact = dict.fromkeys(licensors, Fraction(0))
    for row in terms["assets"]:
        weights = _weights(known[f"{row['subject_type']}:{row['subject_id']}"], licensors)
        for key, weight in weights.items():
            exact[key] += Fraction(row["percent"]) * UNITS * weight / sum(weights.values())
    down = {key: int(units) for key, units in exact.items()}
    left = 100 * UNITS - sum(down.values())
    for key in sorted(licensors, key=lambda key: down[key] - exact[key])[:left]:
        down[key] += 1
    return [{"licensor": key, "percent": f"{(Decimal(units) / UNITS).normalize():f}"} for key, units in down.items()]


def _weights(asset: Licensable, licensors: list[str]) -> dict[str, Fraction]:
    parts = {str(key): Fraction(percent) for key, percent in asset.parts}
    owners = [key for key in licensors if key in {str(owner) for owner in asset.owners}]
    told = {key: parts.get(key, Fraction(0)) for key in owners}
    return told if sum(told.values()) else dict.fromkeys(owners, Fraction(1))
