"""Data-use codes: who is closed out by them, how a purpose fits, and that a change is told and kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from collab.access.policy import can, decide
from collab.audit.models import AuditEvent
from collab.kernel.errors import FaultyInputError, InvalidError, RefusedError, StaleError
from registry.datasets.models import Dataset
from registry.uses.matching import Statement, match, refusals, statement_of
from registry.uses.models import UseCode, UseTerms
from registry.uses.services import CodeTerm, set_uses
from registry.uses.vocabulary import CODES
from tests.cast import person
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def data(aurora) -> Dataset:
    """Contributed by the university, covered for both."""
    dataset = aurora.dataset()
    aurora.cover(reference="DUA-1")
    return dataset


def say(dataset, by, *codes: CodeTerm, version: int = 0) -> UseTerms:
    return set_uses(dataset=dataset, codes=codes, version=version, by=by)


def test_codes_about_people_close_it_to_others_on_the_next_request(aurora, data):
    assert can(aurora.engineer, "dataset.train", data)
    say(data, aurora.lead, CodeTerm("not_for_profit"))
    assert not can(aurora.engineer, "dataset.train", data) and not can(aurora.engineer, "dataset.read", data)
    assert can(aurora.researcher, "dataset.train", data)
    (missing,) = decide(aurora.engineer, "dataset.train", data).missing
    assert missing.code == "use_code" and "Not-for-profit organisations only" in str(missing.sentence)
    say(data, aurora.lead, CodeTerm("institution_specific", organisations=[aurora.company]), version=1)
    assert can(aurora.engineer, "dataset.train", data)
    say(data, aurora.lead, CodeTerm("user_specific", people=[aurora.observer]), version=2)
    assert not can(aurora.engineer, "dataset.train", data)
    say(data, aurora.lead, CodeTerm("user_specific", people=[aurora.engineer]), version=3)
    assert can(aurora.engineer, "dataset.train", data)


def test_the_time_limit_binds_the_owner_too_when_training(aurora, data):
    say(data, aurora.lead, CodeTerm("time_limit", until=timezone.localdate()))
    assert not can(aurora.researcher, "dataset.train", data)
    assert can(aurora.researcher, "dataset.read", data)
    tomorrow = timezone.localdate() + timedelta(days=1)
    say(data, aurora.lead, CodeTerm("time_limit", until=tomorrow), version=1)
    assert can(aurora.engineer, "dataset.train", data)


FITS = {
    "non_commercial": ({"commercial": False}, {"commercial": True}),
    "no_methods": ({"methods": False}, {"methods": True}),
    "publication_required": ({"publish": True}, {"publish": False}),
    "collaboration_required": ({"collaborate": True}, {"collaborate": False}),
    "return_results": ({"give_back": True}, {"give_back": False}),
    "geography": ({"territory": "se"}, {"territory": "US"}),
}


@pytest.mark.parametrize("code", FITS)
def test_a_purpose_is_permitted_refused_or_not_said(aurora, data, code):
    say(data, aurora.lead, CodeTerm(code, territories=["SE"] if code == "geography" else ()))
    verdicts = []
    for said in (*FITS[code], {}):
        (one,) = match(data, statement_of(said), aurora.engineer)
        assert one.code == code and one.reason
        verdicts.append(one.verdict)
    assert verdicts == ["permit", "refuse", "refuse"]


@pytest.mark.parametrize(
    ("code", "said"), [("ethics_required", {"ethics": "IRB 7"}), ("topic_specific", {"about": "x"})]
)
def test_what_no_table_can_say_is_for_a_person(aurora, data, code, said):
    say(data, aurora.lead, CodeTerm(code, text="Letters of doors"))
    assert [one.verdict for one in match(data, statement_of(said), aurora.engineer)] == ["human"]
    assert [one.verdict for one in match(data, Statement(), aurora.engineer)] == ["refuse"]


def test_a_refusal_names_the_code_and_the_page(aurora, data):
    say(data, aurora.lead, CodeTerm("non_commercial"), CodeTerm("general_research"))
    found = match(data, statement_of({"commercial": True}), aurora.engineer)
    (missing,) = refusals(data, found)
    assert missing.code == "use.non_commercial" and "Non-commercial use only" in str(missing.sentence)
    assert as_(aurora.engineer).get(missing.url).status_code == 200


@pytest.mark.parametrize(
    "said", [{"commercial": "no"}, {"fun": True}, {"territory": "Sweden"}, {"territory": "1x"}, {"about": "x" * 501}]
)
def test_a_statement_at_fault_is_named(said):
    with pytest.raises(FaultyInputError):
        statement_of(said)


@pytest.mark.parametrize(
    "term",
    [
        CodeTerm("time_limit"), CodeTerm("geography"), CodeTerm("geography", territories=["Sweden"]),
        CodeTerm("institution_specific"), CodeTerm("user_specific"), CodeTerm("topic_specific"), CodeTerm("for_fun"),
    ],
)  # fmt: skip
def test_a_code_without_its_parameter_is_refused(aurora, data, term):
    with pytest.raises(InvalidError):
        say(data, aurora.lead, term)
    assert not UseTerms.objects.exists()


def test_only_the_owner_says_and_every_change_is_kept(aurora, borealis, data):
    Dataset.objects.filter(pk=data.pk).update(organisation=aurora.company)
    data.refresh_from_db()
    with pytest.raises(RefusedError, match="whose data this is"):
        say(data, aurora.lead, CodeTerm("non_commercial"))
    Dataset.objects.filter(pk=data.pk).update(organisation=aurora.university)
    data.refresh_from_db()
    say(data, aurora.lead, CodeTerm("non_commercial"))
    with pytest.raises(StaleError):
        say(data, aurora.lead, CodeTerm("no_methods"))
    with pytest.raises(InvalidError, match="people of this project"):
        say(data, aurora.lead, CodeTerm("user_specific", people=[person("Elsewhere")]), version=1)
    say(data, aurora.lead, version=1)
    assert list(UseTerms.objects.values_list("number", "current")) == [(2, True), (1, False)]
    assert [event.data["codes"] for event in AuditEvent.objects.filter(verb="dataset.set_uses").order_by("id")] == [
        ["non_commercial"],
        [],
    ]


def test_the_database_keeps_one_set_and_known_codes(aurora, data):
    terms = say(data, aurora.lead, CodeTerm("non_commercial"))
    for make in (
        lambda: UseTerms.objects.create(dataset=data, number=9, set_by=aurora.lead),
        lambda: UseCode.objects.create(terms=terms, code="for_fun"),
        lambda: UseCode.objects.create(terms=terms, code="time_limit"),
        lambda: UseCode.objects.create(terms=terms, code="non_commercial"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            make()


def test_the_pages_show_and_change_them(aurora, data):
    browser, url = as_(aurora.lead), f"/datasets/{data.pk}/uses/"
    few = queries(browser, url)
    form = {"codes": ["non_commercial", "geography"], "territories": "se, CN", "version": "0"}
    assert browser.post(f"{url}edit/", form).status_code == 302
    assert browser.post(f"{url}edit/", form).status_code == 412
    assert browser.post(f"{url}edit/", {"codes": ["time_limit"], "version": "1"}).status_code == 422
    shown = text(browser.get(url))
    assert "Non-commercial use only" in shown and "SE, CN" in shown
    assert browser.get(f"{url}edit/").context["form"].initial["territories"] == "SE, CN"
    assert as_(aurora.engineer).get(f"{url}edit/").status_code == 403
    more = {"codes": list(CODES), "territories": "SE", "until": "2199-01-01", "work": "w", "topic": "t", "version": "1",
            "organisations": [aurora.company.pk], "people": [aurora.engineer.pk]}  # fmt: skip
    assert browser.post(f"{url}edit/", more).status_code == 302
    assert queries(browser, url) <= few + 3  # the set, its codes, their people and organisations


def test_the_api_reads_sets_and_matches(aurora, data):
    browser, url = as_(aurora.lead), f"/api/v1/dataset-uses/{data.pk}/"
    tag = browser.get(url)["ETag"]
    body = {"codes": [{"code": "non_commercial"}, {"code": "time_limit", "until": "2199-01-01"}]}
    assert browser.put(url, body, "application/json").status_code == 428
    changed = browser.put(url, body, "application/json", headers={"If-Match": tag})
    assert changed.status_code == 200 and changed.json()["number"] == 1
    assert browser.put(url, body, "application/json", headers={"If-Match": tag}).status_code == 412
    found = as_(aurora.engineer).post(f"{url}match/", {"commercial": True}, "application/json").json()
    assert {one["code"]: one["verdict"] for one in found} == {"non_commercial": "refuse", "time_limit": "permit"}
    assert {one["code"] for one in browser.get("/api/v1/use-codes/").json()} == set(CODES)
