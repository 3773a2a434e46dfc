"""Absences: who may stand in, and when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from collab.access.policy import can
from collab.accounts.models import Delegation
from collab.audit.models import AuditEvent
from collab.inbox.absences import begin_absence, end_absence
from collab.inbox.models import Notification
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from tests.cast import person
from tests.collab.inbox.conftest import away

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def begin(user, delegate=None, **fields) -> Delegation:
    return begin_absence(**({"by": user, "delegate": delegate, "ends_at": timezone.now() + 2 * DAY} | fields))


def test_a_colleague_stands_in_until_one_is_back(request_, aurora):
    row = begin(aurora.lead, aurora.observer, reason="Leave")
    assert can(aurora.observer, "request.answer", request_)
    assert Notification.objects.filter(person=aurora.observer, kind="delegation").count() == 1
    with pytest.raises(RefusedError):
        end_absence(delegation=row, by=aurora.observer)
    with pytest.raises(NotFoundError):
        end_absence(delegation=row, by=aurora.engineer)
    end_absence(delegation=row, by=aurora.lead)
    assert not can(aurora.observer, "request.answer", request_)
    with pytest.raises(ConflictError):
        end_absence(delegation=row, by=aurora.lead)
    verbs = ["delegation.begin", "delegation.end"]
    assert list(AuditEvent.objects.filter(verb__in=verbs).order_by("id").values_list("verb", flat=True)) == verbs


def test_beginning_is_refused(aurora):
    now = timezone.now()
    for fields, field in (
        ({"ends_at": now - DAY}, "ends_at"),
        ({"starts_at": now + 3 * DAY}, "ends_at"),
        ({"ends_at": now + 400 * DAY}, "ends_at"),
        ({"delegate": aurora.lead}, "delegate"),
        ({"delegate": aurora.engineer}, "delegate"),  # of the company
        ({"delegate": person("Stranger")}, "delegate"),
        ({"organisation": aurora.company}, "organisation"),
    ):
        with pytest.raises(InvalidError) as error:
            begin(aurora.lead, **fields)
        assert error.value.field == field, fields
    begin(aurora.lead, aurora.observer)
    with pytest.raises(ConflictError):
        begin(aurora.lead, aurora.researcher)
    assert Delegation.objects.count() == 1


def test_nobody_answers_in_a_circle(aurora):
    begin(aurora.lead, aurora.observer)
    begin(aurora.observer, aurora.researcher)
    with pytest.raises(InvalidError, match="counts on you"):
        begin(aurora.researcher, aurora.lead)
    later = timezone.now() + 5 * DAY
    begin(aurora.researcher, aurora.lead, starts_at=later, ends_at=later + DAY)  # when the others are back


def test_constraints(aurora):
    for make, name in (
        (lambda: away(aurora.lead, aurora.lead), "delegation_not_to_oneself"),
        (lambda: away(aurora.lead, ends_at=timezone.now() - 2 * DAY), "delegation_ends_after_start"),
    ):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            make()
