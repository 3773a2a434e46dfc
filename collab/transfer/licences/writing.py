"""The text of an agreement from the terms of a licence, in both languages, for those who bring no text of their own;
and what a template's blanks take from the terms, so that nothing is written twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from collab.accounts.models import Organisation
from collab.agreements.models import Agreement
from collab.transfer.licences.licensable import licensables_named
from collab.transfer.licences.places import FieldOfUse, Place, Territory
from collab.transfer.licences.states import SHUTTING, Sublicensing

# Blanks of templates that are never asked for: the parties and the terms say them.
CARRIED = frozenset(
    {
        "licensor", "owner", "licensee", "holder", "asset", "subject", "exclusivity", "option_kind", "field_of_use",
        "territory", "sublicence", "issue_fee", "fee", "currency", "royalty_percent", "minimum_annual", "report_days",
        "begins_on",
    }
)  # fmt: skip
_SUBLICENCES = {Sublicensing.NONE: "no", Sublicensing.CONSENT: "consent", Sublicensing.FREE: "yes"}


def written_out(agreement: Agreement, terms: Mapping[str, Any]) -> tuple[str, str]:
    """(English, Chinese). What is granted and paid stands in the particular terms, which are signed with the text."""
    made = []
    for language, title in (("en", agreement.title), ("zh-hans", agreement.title_zh or agreement.title)):
        with override(language):
            sentences = [
                title,
                _("1. The licensor grants the licensee the rights that the particular terms of this version name."),
                _("2. The licensee pays and reports as these terms say, and keeps books that show it."),
                _("3. All other rights stay with the licensor; the field and the territory are limits."),
                _("4. The licensee follows the cards of models and datasets and their limits, and the law."),
                _("5. Downloads end by themselves when the licence expires, is in breach or is terminated."),
                _("6. The particular terms are part of this agreement: the hash that the parties sign covers them."),
            ]
            made.append("\n\n".join(sentences))
    return made[0], made[1]


def carried_over(
    terms: Mapping[str, Any], *, licensor: Organisation, licensee: Organisation, effective_on: date
) -> dict[str, Any]:
    """What the blanks of a template are filled with from parties and terms."""
    rows = [row for row in terms.get("assets") or () if isinstance(row, Mapping)]
    tiers = [row for row in terms.get("tiers") or () if isinstance(row, Mapping)]
    shuts = terms.get("exclusivity") in SHUTTING
    subject, fee = _both_labels(rows), terms.get("issue_fee") or 0
    return {
        "licensor": licensor.pk,
        "owner": licensor.pk,
        "licensee": licensee.pk,
        "holder": licensee.pk,
        "asset": subject,
        "subject": subject,
        "exclusivity": terms.get("exclusivity"),
        "option_kind": "exclusive" if shuts else "non_exclusive",
        "field_of_use": _both_names(FieldOfUse, terms.get("fields")),
        "territory": _both_names(Territory, terms.get("territories")),
        "sublicence": _SUBLICENCES.get(terms.get("sublicensing") or Sublicensing.NONE, ""),  # type: ignore[call-overload]
        "issue_fee": fee,
        "fee": fee,
        "currency": terms.get("currency") or "–",
        "royalty_percent": (tiers[0].get("rate") if tiers else None) or 0,
        "minimum_annual": terms.get("annual_minimum") or 0,
        "report_days": terms.get("report_days") or 45,
        "begins_on": effective_on.isoformat(),
    }


def _both_labels(rows: Iterable[Mapping[str, Any]]) -> str:
    """What the assets are called in both languages, once where that is the same."""
    keys = [(str(row.get("subject_type")), str(row.get("subject_id"))) for row in rows]
    found = []
    for language in ("en", "zh-hans"):
        with override(language):
            found.append([asset.label for asset in licensables_named(keys).values()])
    return "; ".join(" / ".join(dict.fromkeys(pair)) for pair in zip(*found, strict=True))


def _both_names(model: type[Place], codes: Any) -> str:
    """The one text goes into both languages, so it has both names."""
    rows = model._default_manager.filter(code__in=[str(code) for code in codes or ()])
    return ", ".join(" / ".join(filter(None, (row.name, row.name_zh))) for row in rows)
