"""Pages and API of protections: what an officer sees and does, in a constant number of queries."""

from __future__ import annotations

import pytest
from django.test import Client

from collab.audit.models import AuditEvent
from collab.transfer.disclosures.services import move_case
from collab.transfer.models import Deadline, DeadlineRuleSet, Interest, Protection, ProtectionCost, TransferCase
from collab.transfer.protection.ruling import load_shipped
from tests.cast import token_for
from tests.collab.transfer.protection.ground import case_of, day, member, offer_of, officer_of
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def ground(aurora):
    load_shipped()
    aurora.officer = officer_of(aurora)
    aurora.case = case_of(aurora)
    return aurora


def test_an_officer_protects_a_case_on_its_pages(ground):
    client, case = as_(ground.officer), f"/transfer/cases/{ground.case.pk}/"
    begun = client.post(f"{case}families/new/", {"title": "Gripper"})
    bad = {
        "kind": "national",
        "jurisdiction": "us",
        "priority_on": day(-1).isoformat(),
        "filed_on": day(-2).isoformat(),
    }
    refused = client.post(begun["Location"], bad)
    assert refused.status_code == 422 and "comes before" in text(refused)
    made = client.post(
        begun["Location"], {"kind": "provisional", "jurisdiction": "us", "filed_on": day(-5).isoformat()}
    )
    page = text(client.get(made["Location"]))
    assert "Follow the provisional application" in page and "example, to be checked" in page
    assert client.post(f"{made['Location']}move/grant/").status_code == 404  # a provisional is never granted
    cost = {"kind": "counsel", "amount": "1200.50", "currency": "eur", "incurred_on": day(-1).isoformat()}
    client.post(f"{made['Location']}costs/new/", cost)
    assert ProtectionCost.objects.get().currency == "EUR"
    deadline = Deadline.objects.get()
    client.post(f"/transfer/deadlines/{deadline.pk}/meet/", {"on": day(0).isoformat()})
    whole = text(client.get(f"{case}protection/"))
    assert "RU-1-F1" in whole and "1,200.50" in whole and "Met" in whole
    assert as_(ground.engineer).get(f"{case}protection/").status_code == 404


def test_the_pages_of_an_ended_case_offer_no_deadline(ground):
    client, case = as_(ground.officer), ground.case
    protection = member(case, ground.officer, "provisional", filed_on=day(-5))
    pages = [f"/transfer/cases/{case.pk}/protection/", protection.get_absolute_url()]
    assert ["Add a deadline" in text(client.get(page)) for page in pages] == [True, True]
    case.refresh_from_db()
    move_case(case=case, stage="closed", version=case.version, by=ground.officer, reason="Nobody wants it")
    assert ["Add a deadline" in text(client.get(page)) for page in pages] == [False, False]
    url, facts = f"/transfer/cases/{case.pk}/deadlines/new/", {"title": "Office action", "due_on": day(9).isoformat()}
    assert client.get(url).status_code == 200
    refused = client.post(url, facts | {"obligation": "notice", "escalate_days": "14"})
    assert refused.status_code == 409 and "open it again first" in text(refused)


def test_more_rows_take_no_more_queries(ground):
    client = as_(ground.officer)
    api = Client(headers={"Authorization": f"Bearer {token_for(ground.officer)}"})
    offer_of(ground.case, ground.officer)
    member(ground.case, ground.officer, "provisional", filed_on=day(-5))
    urls = [
        (client, "/transfer/protections/"), (client, "/transfer/deadlines/"), (client, "/transfer/offers/"),
        (client, f"/transfer/cases/{ground.case.pk}/protection/"), (Client(), "/technologies/"),
        (api, "/api/v1/protections/"), (api, "/api/v1/deadlines/"), (api, "/api/v1/families/"),
        (api, "/api/v1/offers/"), (api, "/api/v1/rule-sets/"),
    ]  # fmt: skip
    queries(*urls[5])  # the first use of a token is noted
    few = [queries(*one) for one in urls]
    for number in range(3):
        other = case_of(ground, docket=f"RU-{number + 5}")
        for case in (ground.case, other):
            member(case, ground.officer, "provisional", filed_on=day(-5 - number))
            offer_of(case, ground.officer, title=f"Offer {number}")
    assert [queries(*one) for one in urls] == few


def test_an_officer_publishes_rules_of_their_own(ground):
    shipped = DeadlineRuleSet.objects.get(code="wo-office")
    client, url = as_(ground.officer), f"/transfer/rules/{shipped.pk}/new/"
    assert "Enter the national phases" in text(client.get(url))
    filled = {
        "organisation": str(ground.university.pk), "name": "Ours", "effective_from": "2020-01-01",
        "rules-TOTAL_FORMS": "2", "rules-INITIAL_FORMS": "0",
        "rules-0-title": "Enter the phases", "rules-0-base": "priority_on", "rules-0-months": "29",
        "rules-0-obligation": "notice", "rules-0-escalate_days": "90", "rules-0-kinds": ["pct"],
        "rules-1-title": "", "rules-1-base": "filed_on", "rules-1-obligation": "notice", "rules-1-escalate_days": "14",
    }  # fmt: skip
    assert client.post(url, filled | {"rules-0-months": "0"}).status_code == 422
    made = client.post(url, filled)
    assert made.status_code == 302, text(made)
    assert DeadlineRuleSet.objects.get(organisation=ground.university).rules.get().code == "enter-the-phases"
    assert as_(ground.lead).get(made["Location"]).status_code == 200  # of the same organisation
    assert as_(ground.engineer).get(made["Location"]).status_code == 404


def test_the_first_rules_of_an_office_are_entered_on_a_page(ground):
    client = as_(ground.officer)
    family = client.post(f"/transfer/cases/{ground.case.pk}/families/new/", {"title": "Gripper"})["Location"]
    added = {"kind": "national", "jurisdiction": "jp", "filed_on": day(-5).isoformat()}
    warned = text(client.post(family, added, follow=True))
    assert "No rules are entered for JP" in warned and "are counted and stand" not in warned
    assert "/transfer/rules/new/" in text(client.get("/transfer/rules/"))
    assert client.get("/transfer/rules/new/").status_code == 200
    filled = {
        "organisation": str(ground.university.pk), "name": "Japan", "effective_from": "2020-01-01",
        "authority": "office", "jurisdiction": "jp", "code": "jp-office",
        "rules-TOTAL_FORMS": "1", "rules-INITIAL_FORMS": "0",
        "rules-0-title": "Ask for examination", "rules-0-base": "filed_on", "rules-0-months": "36",
        "rules-0-obligation": "notice", "rules-0-escalate_days": "90", "rules-0-note": "Article 48-3",
    }  # fmt: skip
    made = client.post("/transfer/rules/new/", filled)
    assert made.status_code == 302, text(made)
    assert "Ask for examination" in {row.title for row in Deadline.objects.all()}
    again = client.get(f"{made['Location']}new/")
    assert "Article 48-3" in text(again)  # a further version keeps the remarks
    assert "are counted and stand" in text(client.post(family, added, follow=True))
    turned_away = as_(ground.engineer).get("/transfer/rules/new/", follow=True)
    assert turned_away.redirect_chain == [("/transfer/rules/", 302)]
    assert "Only technology-transfer officers publish rules" in text(turned_away)


def test_a_step_is_taken_back_on_a_page_and_by_a_program(ground):
    row = member(ground.case, ground.officer, "national", filed_on=day(-90), published_on=day(-9))
    client, page = as_(ground.officer), row.get_absolute_url()
    assert f"{page}correct/" in text(client.get(page))
    assert client.post(f"{page}correct/", {"reason": "", "version": row.version}).status_code == 422
    assert client.post(f"{page}correct/", {"reason": "Not yet", "version": row.version}).status_code == 302
    assert Protection.objects.get().status == "filed"
    api = Client(headers={"Authorization": f"Bearer {token_for(ground.officer)}"})
    url = f"/api/v1/protections/{row.pk}/"
    told = api.post(f"{url}correct/", {"reason": "Not filed"}, JSON, headers={"If-Match": api.get(url)["ETag"]})
    assert told.status_code == 200 and told.json()["status"] == "planned"
    assert as_(ground.engineer).get(f"{page}correct/").status_code == 404


def test_a_licence_is_drafted_only_with_whom_one_still_talks(ground):
    offer = offer_of(ground.case, ground.officer)
    row = Interest.objects.create(offer=offer, company="Orchard Tools", name="Ada Root", email="ada@orchard.example")
    client, page, start = as_(ground.officer), f"/transfer/interests/{row.pk}/", f"?case={ground.case.pk}"
    assert start in text(client.get(page))
    Interest.objects.update(state="declined")
    assert start not in text(client.get(page))
    Interest.objects.update(state="in_contact")
    TransferCase.objects.update(state="closed")
    assert start not in text(client.get(page))


def test_the_office_enters_a_company(ground):
    offer = offer_of(ground.case, ground.officer)
    client, page = as_(ground.officer), offer.get_absolute_url()
    assert f"{page}interests/new/" in text(client.get(page))
    filled = {"company": "Orchard Tools", "name": "Ada Root", "email": "ada@orchard.example", "country": "nl"}
    made = client.post(f"{page}interests/new/", filled)
    assert made.status_code == 302 and "Orchard Tools" in text(client.get(made["Location"]))
    row = Interest.objects.get()
    assert (row.handled_by, row.country, row.state) == (ground.officer, "NL", "new")
    assert client.post(f"{page}interests/new/", filled).status_code in {409, 422}
    api = Client(headers={"Authorization": f"Bearer {token_for(ground.officer)}"})
    body = filled | {"offer": str(offer.pk), "email": "bo@orchard.example", "note": "Met at a fair"}
    told = api.post("/api/v1/interests/", body, JSON)
    assert told.status_code == 201 and told.json()["company"] == "Orchard Tools"
    assert AuditEvent.objects.filter(verb="offer.add_interest").count() == 2
    assert as_(ground.engineer).get(f"{page}interests/new/").status_code == 403  # what is public is seen by all


def test_the_way_of_a_protection_over_the_api(ground):
    api = Client(headers={"Authorization": f"Bearer {token_for(ground.officer)}"})
    family = api.post("/api/v1/families/", {"case": str(ground.case.pk), "title": "Gripper"}, JSON).json()
    body = {"family": family["id"], "kind": "provisional", "jurisdiction": "US", "filed_on": day(-5).isoformat()}
    made = api.post("/api/v1/protections/", body, JSON)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["status"], told["case"]["docket"]) == ("filed", "RU-1")
    url = f"/api/v1/protections/{told['id']}/"
    assert api.patch(url, {"title": "A"}, JSON).status_code == 428
    edited = api.patch(url, {"filed_on": day(-9).isoformat()}, JSON, headers={"If-Match": made["ETag"]})
    assert edited.status_code == 200 and edited.json()["filed_on"] == day(-9).isoformat()
    stale = api.patch(url, {"title": "B"}, JSON, headers={"If-Match": made["ETag"]})
    assert stale.status_code == 412
    wrong = api.patch(url, {"priority_on": day(-1).isoformat()}, JSON, headers={"If-Match": edited["ETag"]})
    assert wrong.status_code in {400, 422} and "filed_on" in wrong.content.decode()
    (row,) = api.get(f"/api/v1/deadlines/?case={ground.case.pk}&state=open").json()["results"]
    assert row["rule"] == "follow-provisional" and row["base_on"] == day(-9).isoformat()
    assert api.post(f"/api/v1/deadlines/{row['id']}/waive/", {"note": "No"}, JSON).json()["state"] == "waived"
    ended = api.post(f"{url}move/", {"move": "abandon", "on": day(0).isoformat(), "reason": "No"}, JSON)
    assert ended.json()["status"] == "abandoned" and Protection.objects.get().ended_on == day(0)
    theirs = Client(headers={"Authorization": f"Bearer {token_for(ground.engineer)}"})
    assert theirs.get(url).status_code == 404
