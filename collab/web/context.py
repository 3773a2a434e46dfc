"""What every page's frame needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

NAVIGATION = [
    ("collab:dashboard", _("Dashboard"), "speedometer2"),
    ("collab:projects", _("Projects"), "people"),
    ("collab:organisations", _("Organisations"), "building"),
    ("registry:datasets", _("Datasets"), "database"),
    ("training:jobs", _("Training"), "cpu"),
    ("registry:models", _("Models"), "box-seam"),
]

# Pages that belong to a line of the menu without lying below its address.
BELOW = {"collab:projects": "/agreements/"}

ACCOUNT = [
    ("collab:profile", _("Your profile"), "person-circle"),
    ("collab:tokens", _("Tokens"), "terminal"),
]


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The main menu, for people who are signed in."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {"nav_items": [], "account_items": []}
    return {
        "nav_items": [_item(request, *line) for line in NAVIGATION],
        "account_items": [_item(request, *line, exact=True) for line in ACCOUNT],
    }


def _item(request: HttpRequest, name: str, label: Any, icon: str, *, exact: bool = False) -> dict[str, Any]:
    url = reverse(name)
    below = () if exact or url == "/" else (url, BELOW.get(name, url))
    active = request.path == url or request.path.startswith(below)
    return {"label": label, "url": url, "icon": icon, "active": active}
