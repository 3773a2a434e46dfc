"""Kinds of notifications: for each, people choose whether and when it comes by e-mail. Rooms above may add theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from collab.inbox.states import Mail

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Kind:
    """`mail`: how it comes unless the person chose otherwise."""

    code: str
    label: StrOrPromise
    icon: str = "bell"
    mail: str = Mail.DAILY


KINDS: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """Let notifications of this kind be sent. Registering the same code again replaces it."""
    KINDS[kind.code] = kind


def kind_of(code: str) -> Kind:
    """The kind of a code; one whose room is gone still shows."""
    return KINDS.get(code) or Kind(code, code)


for _kind in (
    Kind("request", _("Something waits for my answer"), "inbox", Mail.NOW),
    Kind("review", _("Somebody asks for my advice"), "chat-left-text", Mail.NOW),
    Kind("decision", _("What I asked for was decided"), "check-circle", Mail.NOW),
    Kind("comment", _("A comment or advice on a request of mine"), "chat-left-text", Mail.DAILY),
    Kind("reminder", _("Something falls due, or is overdue"), "clock-history", Mail.NOW),
    Kind("escalation", _("A request that nobody answered, or nobody can"), "exclamation-triangle", Mail.NOW),
    Kind("delegation", _("Somebody asks me to stand in, or no longer does"), "people", Mail.NOW),
    Kind("access", _("A role of mine begins or ends"), "key", Mail.NOW),
    Kind("project", _("Something happens in a project of mine"), "people", Mail.DAILY),
    Kind("agreement", _("An agreement moves on"), "file-earmark-text", Mail.NOW),
    Kind("publication", _("A publication is announced"), "send", Mail.NOW),
    Kind("news", _("Other news"), "bell", Mail.WEEKLY),
):
    register_kind(_kind)
