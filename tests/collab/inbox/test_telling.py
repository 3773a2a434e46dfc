"""What an organisation plans with is not all told to everybody who plans."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from collab.access.policy import can
from collab.access.roles import Role
from collab.inbox.models import Obligation
from collab.inbox.services import set_obligation
from collab.inbox.telling import tell_dates_to
from collab.transfer.models import Protection
from tests.cast import employ, person
from tests.pages import as_

pytestmark = pytest.mark.django_db


def test_dates_of_a_room_are_told_to_those_who_may_see_it(aurora):
    given = {"title": "Renewal of the quagga patent", "due_on": timezone.localdate(), "url": "/"}
    patent, other = Protection(pk=uuid4()), Protection(pk=uuid4())
    of_office = set_obligation(source=patent, kind="expiry", organisation=aurora.university, **given)
    officer = employ(person("Officer"), aurora.university, Role.TRANSFER_OFFICER)
    coordinator = employ(person("Coordinator"), aurora.university, Role.COORDINATOR)

    told = [can(user, "obligation.view", of_office) for user in (officer, coordinator, aurora.lead)]

    assert told == [True, False, False]
    assert "quagga" in as_(officer).get("/calendar/").content.decode()
    assert "quagga" not in as_(coordinator).get("/calendar/").content.decode()
    of_person = set_obligation(source=other, kind="expiry", person=coordinator, **given)
    assert set(Obligation.objects.visible_to(coordinator)) == {of_person}, "what one owes oneself, one sees"


def test_only_words_that_exist_open_them():
    with pytest.raises(KeyError, match=r"patent\.see"):
        tell_dates_to(Obligation, words=("patent.see",))
