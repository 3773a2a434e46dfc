"""The rooms of technology transfer, as the tabs above its pages. Names of addresses only, so nothing imports upward."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import User

ROOMS = (
    ("transfer", _("Pipeline")),
    ("protections", _("Protections")),
    ("deadlines", _("Deadlines")),
    ("offers", _("Offers")),
    ("licences", _("Licences")),
    ("royalties", _("Royalties")),
    ("startups", _("Start-ups")),
    ("transfer_reports", _("Reports")),
    ("counsel", _("Counsel")),
    ("rule_sets", _("Rules")),
)


def rooms_of(user: Any, active: str) -> list[dict[str, Any]]:
    """Items of components/_tabs.html."""
    if not isinstance(user, User):
        return []
    found = []
    for name, label in ROOMS:
        try:
            url = reverse(f"collab:{name}")
        except NoReverseMatch:
            continue
        found.append({"label": label, "url": url, "active": name == active})
    return found
