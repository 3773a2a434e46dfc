"""A policy is entered row by row or as data; either way the page says in words what it would do."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from collab.transfer.royalties.models import PolicyVersion
from collab.transfer.royalties.policies import EXAMPLES, read_policy
from tests.pages import as_, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(books) -> str:
    return reverse("collab:royalty_policy_new", args=[books.organisation.slug])


def filled(page, **changes):
    """What a browser sends of the form as it was shown, with these changes."""
    form = page.context["form"]
    sent = {name: form[name].value() for name in form.fields} | changes
    return {name: value for name, value in sent.items() if value is not None}


def words(page) -> str:
    return text(page).split('id="in-words"')[1].split("</section>")[0]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_published_kind_goes_through_the_rows_and_the_data_unchanged(books, address, name):
    browser, expected = as_(books.officer), read_policy(EXAMPLES[name], currency="EUR")
    page = browser.get(address, {"like": name})
    assert "content" not in page.context["form"].fields
    later = timezone.localdate() + timedelta(days=10)
    assert browser.post(address, filled(page, effective_on=later)).status_code == 302
    kept = PolicyVersion.objects.get(effective_on=later)
    assert read_policy(kept.content, currency="EUR") == expected

    data = browser.post(address, filled(browser.get(address, {"like": name}), to="json"))
    shown = data.context["form"]["content"].value()
    assert read_policy(json.loads(shown), currency="EUR") == expected
    back = browser.post(address, filled(data, to="rows", mode="json"))
    assert browser.post(address, filled(back, effective_on=later + timedelta(days=1))).status_code == 302
    again = PolicyVersion.objects.get(effective_on=later + timedelta(days=1))
    assert read_policy(again.content, currency="EUR") == expected and again.content == kept.content


def test_the_page_says_in_words_what_is_filled_in_and_enters_nothing(books, address):
    browser, before = as_(books.officer), PolicyVersion.objects.count()
    page = browser.get(address)
    assert "20 % of what was received to the office" in words(page)
    said = browser.post(
        address,
        filled(
            page,
            to="words",
            percent_0="12.5",
            inventors_0="1/3",
            unit_0="1/3",
            central_0="",
            school_0="1/3",
            inventors="equal",
        ),
    )
    told = words(said)
    assert "12.5 % of what was received to the office" in told and "Inventors 33.33… %" in told
    assert "get equal parts" in told and said.status_code == 200
    assert said.context["form"]["percent_0"].value() == "12.5"
    more = browser.post(address, filled(said, to="more"))
    assert more.context["form"].count == said.context["form"].count + 3
    assert more.context["form"]["percent_0"].value() == "12.5" and words(more) == told
    assert PolicyVersion.objects.count() == before


def test_bounds_and_conditions_of_the_rows(books, address):
    browser, later = as_(books.officer), timezone.localdate() + timedelta(days=3)
    page = browser.get(address)
    empty = {name: "" for name in page.context["form"].fields if name[-1].isdigit()}
    sent = filled(page) | empty | {
        "effective_on": later, "kind_0": "third_parties", "of_0": "rest",
        "kind_2": "office", "percent_2": "10", "until_2": "costs_repaid", "kind_3": "costs",
        "up_to_0": "100000.50", "inventors_0": "100", "inventors_2": "40", "central_2": "60", "rows": "4",
    }  # fmt: skip
    assert browser.post(address, sent).status_code == 302, "rows that are left empty are passed over"
    assert PolicyVersion.objects.get(effective_on=later).content == {
        "deductions": [
            {"kind": "third_parties", "of": "rest"},
            {"kind": "office", "percent": "10", "until": "costs_repaid"},
            {"kind": "costs"},
        ],
        "tiers": [
            {"up_to": "100000.5", "shares": {"inventors": "100"}},
            {"shares": {"inventors": "40", "central": "60"}},
        ],
        "inventors": "as_agreed",
    }


def test_what_does_not_add_up_is_named_and_stays_in_the_form(books, address):
    browser, before = as_(books.officer), PolicyVersion.objects.count()
    page = browser.get(address)
    for changes, told in (
        ({"central_0": "15"}, "Tier 1: its shares make 90 %, not 100 %."),
        ({"inventors_0": "half"}, "Tier 1, inventors: write a number"),
        ({"percent_0": ""}, "Deduction 1: write a number"),
        ({"kind_2": "costs"}, "may stand once"),
        ({"percent_2": "5"}, "Choose what is taken off."),
        ({"up_to_0": "-1"}, "greater than or equal to 0"),
    ):
        for to in ({}, {"to": "words"}):
            sent = filled(page, **changes) | to
            refused = browser.post(address, sent)
            assert told in text(refused) and refused.status_code == 422, (changes, to)
            assert {name: refused.context["form"][name].value() for name in changes} == changes
            assert "do not add up yet" in words(refused)
    for content, told in (("[1", "This is no JSON"), ("[1]", "The policy is no object"), ("{}", "at least one tier")):
        for to in ({}, {"to": "rows"}, {"to": "words"}, {"to": "more"}):
            sent = filled(browser.get(address, {"mode": "json"}), content=content, mode="json") | to
            refused = browser.post(address, sent)
            assert told in text(refused) and refused.context["form"]["content"].value() == content, (content, to)
    assert PolicyVersion.objects.count() == before
