"""Pages and API of publication notices: the answer at a glance, forms, files, queries."""

from __future__ import annotations

import pytest
from django.test import Client

from collab.agreements.background import declare_background
from collab.audit.models import AuditEvent
from collab.publications.models import PublicationNotice
from tests.cast import token_for, upload
from tests.collab.publications.test_services import PDF, covered, day, later, notice_of, objection
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def ground(aurora):
    covered(aurora, publication_notice_days=40, publication_delay_days=60)
    return aurora


def test_the_form_asks_for_an_agreement_first_and_then_says_from_when(aurora):
    client, url = as_(aurora.researcher), f"/projects/{aurora.project.slug}/publications/new/"
    assert "No notice can be given yet" in text(client.get(url))
    covered(aurora, publication_notice_days=40)
    assert "asks for 40 days of notice" in text(client.get(url))


def test_a_notice_is_given_on_the_page_with_its_manuscript(ground):
    item = declare_background(project=ground.project, owner=ground.university, title="Old corpus", by=ground.lead)
    client = as_(ground.researcher)
    filled = {
        "organisation": str(ground.university.pk),
        "title": "Letters learnt",
        "authors": "Ada",
        "kind": "article",
        "submit_on": day(60).isoformat(),
        "background": [str(item.pk)],
        "file": upload(PDF, "paper.pdf"),
    }
    early = client.post(
        f"/projects/{ground.project.slug}/publications/new/", filled | {"submit_on": day(3).isoformat()}
    )
    assert early.status_code == 422 and "40 days of notice" in text(early)
    filled["file"] = upload(PDF, "paper.pdf")

    sent = client.post(f"/projects/{ground.project.slug}/publications/new/", filled)

    notice = PublicationNotice.objects.get()
    assert sent["Location"] == notice.get_absolute_url()
    page = text(client.get(sent["Location"]))
    assert "May be published from" in page and "Old corpus" in page and "paper.pdf" in page
    file = as_(ground.company_signatory).get(f"{notice.get_absolute_url()}manuscripts/1/")
    assert b"".join(file.streaming_content) == PDF
    assert "attachment" in file["Content-Disposition"]
    assert AuditEvent.objects.filter(verb="publication.read", actor_id=ground.company_signatory.pk).count() == 1


def test_the_page_offers_each_what_is_theirs_to_do(ground):
    notice = notice_of(ground)
    url = notice.get_absolute_url()
    theirs, ours = text(as_(ground.company_signatory).get(url)), text(as_(ground.researcher).get(url))
    assert f"{url}object/" in theirs and f"{url}agree/" in theirs and f"{url}withdraw/" not in theirs
    assert f"{url}object/" not in ours and f"{url}withdraw/" in ours

    made = objection(ground, notice)

    page = text(as_(ground.observer).get(url))
    assert "Must not be published yet" in page and "it tells background of ours" in page
    assert "revise/" not in page
    assert f"{url}revise/" in text(as_(ground.researcher).get(url))
    assert f"{url}objections/{made.pk}/lift/" in text(as_(ground.company_signatory).get(url))


def test_objecting_on_the_page(ground):
    notice = notice_of(ground)
    url = f"{notice.get_absolute_url()}object/"
    client = as_(ground.company_signatory)
    filled = {"party": str(ground.company.pk), "ground": "ip_protection", "text": "We file a patent."}
    assert "Say until when it shall wait" in text(client.post(url, filled))

    client.post(url, filled | {"delay_until": day(90).isoformat()})

    assert PublicationNotice.objects.get().free_on == day(90)


def test_a_confidential_agreement_is_not_named_to_those_who_may_not_read_it(ground):
    agreement = ground.agreements[0].agreement
    agreement.confidential = True
    agreement.save()
    url = notice_of(ground).get_absolute_url()

    assert agreement.reference not in text(as_(ground.observer).get(url))
    assert agreement.reference in text(as_(ground.lead).get(url))


def test_more_notices_take_no_more_queries(ground):
    client = as_(ground.observer)
    token = {"Authorization": f"Bearer {token_for(ground.observer)}"}
    api = Client(headers=token)
    urls = [(client, f"/projects/{ground.project.slug}/publications/"), (api, "/api/v1/publications/")]
    objection(ground, notice_of(ground))
    queries(*urls[1])  # the first use of a token is noted
    few = [queries(*one) for one in urls]
    for number in range(4):
        objection(ground, notice_of(ground, title=f"Paper {number}"))
    assert [queries(*one) for one in urls] == few


def test_the_way_of_a_notice_over_the_api(ground):
    ours, theirs = (
        Client(headers={"Authorization": f"Bearer {token_for(user)}"})
        for user in (ground.researcher, ground.company_signatory)
    )
    given = ours.post(
        "/api/v1/publications/",
        {
            "project": ground.project.slug,
            "organisation": ground.university.slug,
            "title": "Letters learnt",
            "authors": "Ada",
            "kind": "article",
            "submit_on": day(60).isoformat(),
            "background": str(
                declare_background(project=ground.project, owner=ground.university, title="B", by=ground.lead).pk
            ),
            "file": upload(PDF, "paper.pdf"),
        },
    )
    assert given.status_code == 201, given.content
    told = given.json()
    assert (told["free_on"], told["answers"][0]["state"]) == (day(40).isoformat(), "open")
    url = f"/api/v1/publications/{told['id']}/"
    json = "application/json"
    body = {"party": ground.company.slug, "ground": "personal_data", "text": "Names on page 3."}
    told = theirs.post(f"{url}object/", body, json).json()
    assert (told["state"], told["free_on"]) == ("objected", None)
    assert ours.post(f"{url}revise/", {"link": "https://example.org/2"}, json).status_code == 201
    lifted = {"objection": told["objections"][0]["id"], "outcome": "revised"}
    assert theirs.post(f"{url}lift/", lifted, json).json()["state"] == "notified"
    later(PublicationNotice.objects.get(), 50)
    done = ours.post(f"{url}publish/", {"published_on": day(0).isoformat(), "doi": "10.1000/xyz"}, json).json()
    assert done["state"] == "published" and done["output"]
