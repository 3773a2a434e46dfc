"""Whether something is somebody else's or was never there: nobody can tell the two apart."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db.models import Model

from collab.access.policy import SCOPES
from collab.internships.models import Cohort
from collab.transfer.models import DeadlineRuleSet, Offer
from tests.access.addresses import Address
from tests.access.personas import FOREIGN, Visitor
from tests.access.scene import Scene, absent
from tests.access.test_matrix import (
    EACH,
    ask,
    asked_beside_absent,
    colleagues,
    faults,
    published,
    rolled_back,
    visits,
)
from tests.turns import number_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_and_absent_look_alike(name: str, scene: Scene, visitors: dict[str, Visitor]) -> None:
    """The same status and the same body, whether it is somebody else's or was never there, and the one of the roles."""
    with rolled_back():
        take_back_what_is_published(scene)
        wrong = differences(visitors[name], scene)
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


def differences(visitor: Visitor, scene: Scene) -> list[str]:
    wrong = []
    known = colleagues(visitor.persona)
    for address, method, what, about in visits(scene, scene.b):
        if not asked_beside_absent(address, method) or visitor.persona.name not in askers(address, method):
            continue
        if published(address.obj):
            with rolled_back():
                theirs = ask(visitor, address.path, method, what, part=True)
        else:
            theirs, faulty = faults(visitor, scene, scene.b, address, method, what, about, known)
            wrong += faulty
        if isinstance(address.obj, Model) and SCOPES[type(address.obj)].everyone:
            continue
        nowhere = address.filled_with((absent(address.keys[0]), *address.keys[1:]))
        with rolled_back():
            nobodys = ask(visitor, nowhere, method, what, part=theirs.status_code >= 400)
        if (theirs.status_code, plain(theirs, address.path)) != (nobodys.status_code, plain(nobodys, nowhere)):
            wrong.append(
                f"{method} {address.path} as {visitor.persona.name}: {theirs.status_code} against {nobodys.status_code}"
            )
    return wrong


def askers(address: Address, method: str) -> set[str]:
    """One of the personas for each address, another for the next and in another turn; all by `make matrix`."""
    first = number_of(f"{address.route.pattern} {method}")
    return {FOREIGN[(first + number) % len(FOREIGN)] for number in range(EACH)}


def plain(response: Any, path: str) -> str:
    """The body without what differs from request to request: its id, the address itself, CSRF tokens."""
    text = response.content.decode("utf-8", "replace")
    text = text.replace(response["X-Request-ID"], "").replace(path, "")
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "", text)
