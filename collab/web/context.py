"""What every page's frame needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

NAVIGATION = [
    ("collab:dashboard", _("Dashboard"), "speedometer2"),
    ("collab:projects", _("Projects"), "people"),
    ("registry:datasets", _("Datasets"), "database"),
    ("training:jobs", _("Training"), "cpu"),
    ("registry:models", _("Models"), "box-seam"),
]


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The main menu, for people who are signed in."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {"nav_items": []}
    items = []
    for name, label, icon in NAVIGATION:
        url = reverse(name)
        active = request.path == url or (url != "/" and request.path.startswith(url))
        items.append({"label": label, "url": url, "icon": icon, "active": active})
    return {"nav_items": items}
