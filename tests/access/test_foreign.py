"""Whether something is somebody else's or was never there: nobody can tell the two apart."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db.models import Model

from collab.access.policy import SCOPES
from collab.access.rules import PUBLIC, STAFF
from collab.internships.models import Cohort
from collab.transfer.models import DeadlineRuleSet, Offer
from tests.access.addresses import BY_LINK
from tests.access.personas import Visitor
from tests.access.scene import Scene, absent
from tests.access.test_matrix import ask, rolled_back, visits

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.mark.parametrize("name", ["observer", "lead", "organisation admin", "write token", "staff", "superuser"])
def test_foreign_and_absent_look_alike(name: str, scene: Scene, visitors: dict[str, Visitor]) -> None:
    """The same status and the same body, whether it is somebody else's or was never there."""
    visitor = visitors[name]
    with rolled_back():
        take_back_what_is_published(scene)
        wrong = differences(name, visitor, scene)
    assert not wrong, "\n".join(wrong)


def take_back_what_is_published(scene: Scene) -> None:
    """What everybody may see is no secret; not yet published, or of one house only, it is."""
    for model, private in (
        (Cohort, {"state": "draft"}),
        (Offer, {"state": "draft"}),
        (DeadlineRuleSet, {"organisation": scene.b.joint.university}),
    ):
        row = scene.b.object(model)
        type(row).objects.filter(pk=row.pk).update(**private)


def differences(name: str, visitor: Visitor, scene: Scene) -> list[str]:
    wrong = []
    for address, method, what, _about in visits(scene, scene.b):
        if address.route.name in BY_LINK or address.route.rule.access in {PUBLIC, STAFF}:  # type: ignore[union-attr]
            continue  # whoever has the link knows of the invitation; staff close and open any account
        if not address.keys or method not in address.route.rule.methods:  # type: ignore[union-attr]
            continue
        nowhere = address.filled_with((absent(address.keys[0]), *address.keys[1:]))
        answers = []
        for path in (address.path, nowhere):
            with rolled_back():
                response = ask(visitor, path, method, what)
                answers.append((response.status_code, plain(response, path)))
        if isinstance(address.obj, Model) and SCOPES[type(address.obj)].everyone:
            continue
        if answers[0] != answers[1]:
            wrong.append(f"{method} {address.path} as {name}: {answers[0][0]} against {answers[1][0]}")
    return wrong


def plain(response: Any, path: str) -> str:
    """The body without what differs from request to request: its id, the address itself, CSRF tokens."""
    text = response.content.decode("utf-8", "replace")
    text = text.replace(response["X-Request-ID"], "").replace(path, "")
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "", text)
