"""Topics for tests, and requests in the situations that the rules speak of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Delegation, User
from collab.inbox import topics
from collab.inbox.models import Request
from collab.inbox.services import ask
from collab.inbox.states import Decision
from collab.inbox.topics import Topic, register_topic
from tests.cast import employ, person

PLAIN = Topic("test.plain", "Plain", decisions=tuple(Decision))


@pytest.fixture(autouse=True)
def _own_topics(monkeypatch) -> Iterator[None]:
    """Topics of one test are gone in the next."""
    monkeypatch.setattr(topics, "TOPICS", topics.TOPICS.copy())
    monkeypatch.setattr("collab.inbox.services.TOPICS", topics.TOPICS)
    register_topic(PLAIN)
    yield


@pytest.fixture
def plain():
    """Register the plain topic with other rules."""
    return lambda **fields: register_topic(replace(PLAIN, **fields))


@pytest.fixture
def admin(aurora) -> User:
    return employ(person("Aurora Admin"), aurora.university, Role.ORGANISATION_ADMIN)


@pytest.fixture
def request_(aurora) -> Request:
    """Asked by the company's engineer; for the university its signatory and its lead answer."""
    return asked(aurora)


def asked(aurora, **fields) -> Request:
    given = {
        "topic": "test.plain",
        "subject": aurora.project,
        "title": "May we begin?",
        "title_zh": "可以开始吗？",
        "by": aurora.engineer,
        "project": aurora.project,
        "organisation": aurora.university,
        "word": "agreement.end",
    }
    return ask(**(given | fields))


def away(user: User, delegate: User | None = None, **fields) -> Delegation:
    """Somebody is away from yesterday to tomorrow."""
    now = timezone.now()
    given = {"starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1)}
    return Delegation.objects.create(delegator=user, delegate=delegate, **(given | fields))
