"""History for people: who did what, from the audit's rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from collab.access.roles import ROLE_LABELS, Role
from collab.accounts.models import User
from collab.audit.models import AuditEvent
from collab.audit.sentences import say_act
from collab.inbox.states import DECIDED


def timeline(events: Iterable[AuditEvent]) -> list[dict[str, Any]]:
    """Items of components/_timeline.html; the people of all events are one query."""
    rows = list(events)
    keys = {row.actor_id for row in rows} | {row.data.get("user") for row in rows}
    people = {str(user.pk): str(user) for user in User.objects.filter(pk__in=keys - {None})}
    return [_item(row, people) for row in rows]


def _item(event: AuditEvent, people: dict[str, str]) -> dict[str, Any]:
    data = dict(event.data)
    if "user" in data:
        data["person"] = people.get(data["user"], _("somebody who is no longer here"))
    if data.get("role") in set(Role):
        data["role"] = ROLE_LABELS[Role(data["role"])]
    if data.get("title_zh") and (get_language() or "").startswith("zh"):
        data["title"] = data["title_zh"]
    if data.get("decision") in DECIDED:
        data["decision"] = DECIDED[data["decision"]]
    text, icon, tone = say_act(event.verb, data)
    who = people.get(str(event.actor_id), _("somebody who is no longer here")) if event.actor_id else "Tandem"
    return {"at": event.at, "who": who, "text": text, "icon": icon, "tone": tone}
