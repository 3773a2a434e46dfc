"""The rooms of learning: what one learns oneself, the courses, the certificates, the library."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _


def tabs_of(active: str) -> list[dict[str, Any]]:
    """Items of components/_tabs.html."""
    names = [
        ("learning", _("My learning")),
        ("courses", _("Courses")),
        ("certificates", _("Certificates")),
        ("library", _("Library")),
    ]
    return [{"label": label, "url": reverse(f"collab:{name}"), "active": name == active} for name, label in names]
