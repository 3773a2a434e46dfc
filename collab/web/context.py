"""What every page's frame needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from collab.inbox.reading import unread_count, waiting_count

NAVIGATION = [
    ("collab:dashboard", _("Dashboard"), "speedometer2"),
    ("collab:inbox", _("Inbox"), "inbox"),
    ("collab:calendar", _("Calendar"), "calendar3"),
    ("collab:projects", _("Projects"), "people"),
    ("collab:learning", _("Learning"), "mortarboard"),
    ("collab:graph", _("Cooperation"), "diagram-3"),
    ("collab:agreements", _("Agreements"), "file-earmark-text"),
    ("collab:internships", _("Internships"), "person-plus"),
    ("collab:transfer", _("Technology transfer"), "stars"),
    ("collab:ethics", _("Ethics"), "shield-check"),
    ("collab:organisations", _("Organisations"), "building"),
    ("registry:datasets", _("Datasets"), "database"),
    ("training:jobs", _("Training"), "cpu"),
    ("registry:models", _("Models"), "box-seam"),
    ("registry:releases", _("Licensed to us"), "patch-check"),
]

# Pages that belong to a line of the menu without lying below its address.
BELOW = {
    "collab:projects": ("/background/",),
    "collab:learning": ("/courses/", "/certificates/", "/library/", "/trainings/"),
}

ACCOUNT = [
    ("collab:history", _("History"), "clock-history"),
    ("collab:profile", _("Your profile"), "person-circle"),
    ("collab:terms", _("Terms you accept"), "check2-all"),
    ("collab:absences", _("Absences"), "calendar-event"),
    ("collab:notification_settings", _("Notifications"), "bell"),
    ("collab:tokens", _("Tokens"), "terminal"),
]


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The main menu, for people who are signed in."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {"nav_items": [], "account_items": []}
    user = request.user
    return {
        "inbox_count": SimpleLazyObject(lambda: waiting_count(user)),
        "unread_count": SimpleLazyObject(lambda: unread_count(user)),
        "nav_items": [_item(request, *line) for line in NAVIGATION],
        "account_items": [_item(request, *line, exact=True) for line in ACCOUNT],
    }


def _item(request: HttpRequest, name: str, label: Any, icon: str, *, exact: bool = False) -> dict[str, Any]:
    url = reverse(name)
    below = () if exact or url == "/" else (url, *BELOW.get(name, ()))
    active = request.path == url or request.path.startswith(below)
    return {"label": label, "url": url, "icon": icon, "active": active}
