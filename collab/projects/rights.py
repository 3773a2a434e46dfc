"""Who may do what in a project, and through which role: the policy's words against the people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from collab.access.roles import ROLE_WORDS, WORDS, Role
from collab.accounts.models import Membership, User

# Title of a group -> the words in it, as people meet them on the pages.
GROUPS = {
    _("Project"): ("project.view", "project.edit", "member.manage", "audit.view"),
    _("Agreements"): (
        "agreement.view",
        "agreement.draft",
        "agreement.comment",
        "agreement.approve",
        "agreement.sign",
        "agreement.end",
        "background.declare",
    ),
    _("Data"): ("dataset.view", "dataset.read", "dataset.upload", "dataset.train"),
    _("Training"): ("job.view", "job.submit", "job.control"),
    _("Models"): ("model.view", "model.register", "model.download"),
    _("MLflow client"): ("tracking.read", "tracking.write", "tracking.manage"),
}
COVERED = frozenset({"dataset.read", "dataset.train"})  # need an agreement as well


@dataclass
class Rights:
    """A table: one column for each person, one row for each word; a cell names the roles that give the word."""

    people: list[tuple[User, str]] = field(default_factory=list)  # with the organisation they act for
    groups: list[tuple[Any, list[dict[str, Any]]]] = field(default_factory=list)


def rights_table(held: Iterable[Membership]) -> Rights:
    """The table for these memberships (with user and organisation loaded); no further query."""
    roles: dict[User, list[Membership]] = {}
    for membership in held:
        roles.setdefault(membership.user, []).append(membership)
    people = sorted(roles, key=lambda user: str(user).casefold())
    groups = [
        (title, [_row(word, [roles[user] for user in people]) for word in words]) for title, words in GROUPS.items()
    ]
    return Rights([(user, str(roles[user][0].organisation)) for user in people], groups)


def _row(word: str, columns: list[list[Membership]]) -> dict[str, Any]:
    cells = [[Role(m.role).label for m in column if word in ROLE_WORDS[Role(m.role)]] for column in columns]
    return {"word": word, "what": WORDS[word], "cells": cells, "covered": word in COVERED}
