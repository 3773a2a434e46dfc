"""A person's language follows them; others read in the language of their browser."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import translation
from django.utils.formats import date_format

from tests.pages import as_

pytestmark = pytest.mark.django_db


def language_of(response) -> str:
    return response["Content-Language"]


def test_without_a_choice_the_browser_decides(aurora):
    client = as_(aurora.lead)
    assert language_of(client.get("/", headers={"accept-language": "zh-hans"})) == "zh-hans"
    assert language_of(client.get("/", headers={"accept-language": "en"})) == "en"


def test_a_choice_holds_on_every_device(aurora):
    as_(aurora.lead).post("/language/", {"language": "zh-hans", "next": "/"})
    aurora.lead.refresh_from_db()
    assert aurora.lead.language == "zh-hans"
    assert language_of(as_(aurora.lead).get("/", headers={"accept-language": "en"})) == "zh-hans"


def test_an_unknown_language_changes_nothing(aurora):
    as_(aurora.lead).post("/language/", {"language": "xx", "next": "/"})
    aurora.lead.refresh_from_db()
    assert aurora.lead.language == ""


def test_a_stranger_may_choose_too(client, db):
    client.post("/language/", {"language": "zh-hans", "next": "/accounts/login/"})
    assert language_of(client.get("/accounts/login/")) == "zh-hans"


def test_a_sentence_can_end_with_a_moment():
    """Without the full stop of “a.m.”, which would make two."""
    with translation.override("en"):
        assert date_format(datetime(2026, 5, 1, 9, 30), "DATETIME_FORMAT") == "May 1, 2026, 09:30"
