"""Pages and API of disclosures and cases: who finds what, the whole way once, and queries that stay constant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from collab.access.roles import Role
from collab.audit.models import AuditEvent
from collab.kernel.errors import ConflictError, NotFoundError
from collab.transfer.disclosures.asking import holders_in
from collab.transfer.disclosures.models import CaseStage, Criterion, Disclosure, Inventor, TransferCase
from collab.transfer.disclosures.prefill import ResultTerm
from collab.transfer.disclosures.services import return_case, submit_disclosure
from collab.transfer.disclosures.writing import set_results
from tests.cast import employ, person, token_for
from tests.collab.transfer.disclosures.test_services import (
    again,
    assessed,
    disclosed,
    in_assessment,
    officer_of,
    sign,
    submitted,
)
from tests.collab.transfer.protection.ground import case_of
from tests.licensing import trained
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db
JSON = "application/json"


def test_an_inventor_writes_signs_and_submits_on_the_pages(aurora):
    client = as_(aurora.researcher)
    url = f"/transfer/disclose/?project={aurora.project.slug}"
    assert "Filled in from" in text(client.get(url))
    filled = {
        "organisation": str(aurora.university.pk),
        "title": "Letters that write themselves",
        "kind": "patentable",
        "summary": "It writes.",
        "description": "By a net.",
        "conception_on": "2026-01-05",
        "contributors": [str(aurora.researcher.pk), str(aurora.engineer.pk)],
    }
    sent = client.post(url, filled)
    case = TransferCase.objects.get()
    page = sent["Location"]
    assert [row.share_percent for row in case.disclosure.inventors.all()] == [50, 50]

    lines = {"version": case.version, "lines": "2"}
    for number, (user, share) in enumerate(((aurora.researcher, "70"), (aurora.engineer, "29"))):
        lines |= {f"person_{number}": str(user.pk), f"share_percent_{number}": share}
    wrong = client.post(f"{page}inventors/", lines)
    assert wrong.status_code == 422 and "make 99 per cent" in text(wrong)
    assert client.post(f"{page}inventors/", lines | {"share_percent_1": "30"}).status_code == 302
    stale = client.post(f"{page}inventors/", lines | {"share_percent_1": "30"})
    assert stale.status_code == 412 and "Somebody changed it" in text(stale)

    for user in (aurora.researcher, aurora.engineer):
        digest = again(case).disclosure.document_sha256()
        shown = text(as_(user).get(f"{page}sign/"))
        assert "By a net." in shown and digest in shown
        as_(user).post(f"{page}sign/", {"typed_name": user.name, "document_sha256": digest})
    assert "Submit to the office" in text(client.get(page))
    client.post(f"{page}submit/")
    assert again(case).state == "submitted"
    assert case.disclosure.title in text(client.get("/transfer/mine/"))


def test_models_of_a_project_are_ticked_and_bring_their_people(aurora):
    first, second = (trained(aurora, by, name) for by, name in ((aurora.engineer, "One"), (aurora.researcher, "Two")))
    client, slug = as_(aurora.researcher), aurora.project.slug
    page = text(client.get(f"/transfer/disclose/?project={slug}"))
    assert "One v1" in page and "Two v1" in page
    key = f"registry.modelversion:{first.pk}"
    answer = client.get(f"/transfer/disclose/?project={slug}&from={key}&from=registry.modelversion:{second.pk}")
    assert aurora.engineer.pk in answer.context["form"].fields["contributors"].initial
    sent = {
        "organisation": str(aurora.university.pk), "title": "Two models", "kind": "trained_model",
        "contributors": [str(aurora.researcher.pk)],
    }  # fmt: skip
    client.post(f"/transfer/disclose/?project={slug}&from={key}", sent)
    case = TransferCase.objects.get()
    assert [row.label for row in case.results.all()] == ["One v1"]

    url = f"{case.get_absolute_url()}results/"
    assert url in text(client.get(case.get_absolute_url()))
    form = client.get(url).context["form"]
    assert form.initial["results"] == [key] and len(form.offered) == 2
    client.post(url, {"version": case.version, "results": [f"registry.modelversion:{second.pk}"]})
    assert [row.label for row in again(case).results.all()] == ["Two v1"]
    program = {"Authorization": f"Bearer {token_for(aurora.researcher)}"}
    api = f"/api/v1/transfer-cases/{case.pk}/"
    fresh = program | {"If-Match": Client().get(api, headers=program)["ETag"]}
    told = Client().post(f"{api}results/", {"results": [key]}, JSON, headers=fresh)
    assert told.status_code == 200 and [row["label"] for row in told.json()["results"]] == ["One v1"]


def test_results_of_others_are_not_disclosed_with_it(aurora, borealis):
    theirs = trained(borealis, borealis.researcher, "Far")
    case = disclosed(aurora)
    term = ResultTerm("model_version", "registry.modelversion", theirs.pk, "Far v1")
    with pytest.raises(NotFoundError):
        set_results(case=case, results=[term], by=aurora.researcher, version=case.version)
    assert not case.results.exists()
    case = submitted(aurora, title="Sent")
    with pytest.raises(ConflictError, match="submitted"):
        set_results(case=case, results=[], by=aurora.researcher, version=case.version)


def test_saving_a_page_keeps_what_a_program_entered(aurora):
    case = disclosed(aurora)
    program = {"Authorization": f"Bearer {token_for(aurora.researcher)}"}
    api = f"/api/v1/transfer-cases/{case.pk}/"

    def send(what: str, body: dict) -> None:
        fresh = program | {"If-Match": Client().get(api, headers=program)["ETag"]}
        answer = Client().post(f"{api}{what}/", body, JSON, headers=fresh)
        assert answer.status_code == 200, answer.content

    named = {"name": "Guest Inventor", "email": "guest@example.org", "employer_name": "Elsewhere"}
    mine = {"person": str(aurora.researcher.pk), "share_percent": "60"}
    send("inventors", {"inventors": [mine, named | {"share_percent": "40"}]})
    send("funding", {"funding": [{"sponsor": aurora.company.slug, "award": "A-7"}]})
    client = as_(aurora.researcher)
    for what in ("inventors", "funding"):
        url = f"{case.get_absolute_url()}{what}/"
        form = client.get(url).context["form"]
        shown = {name: form[name].value() for name in form.fields} | {"lines": str(form.count)}
        answer = client.post(url, {name: value for name, value in shown.items() if value is not None})
        assert answer.status_code == 302, answer.context["form"].errors
    rows = again(case).disclosure
    assert rows.inventors.get(name="Guest Inventor").email == "guest@example.org"
    assert [(row.sponsor, row.award) for row in rows.funding.filter(agreement=None)] == [(aurora.company, "A-7")]


def test_the_office_leads_a_case_to_its_decision_on_the_pages(aurora):
    officer, other = officer_of(aurora), officer_of(aurora, "Other")
    expert = employ(person("Expert"), aurora.university)
    case = submitted(aurora)
    page = case.get_absolute_url()
    client = as_(officer)
    assert case.docket in text(client.get("/transfer/"))
    day = (timezone.localdate() + timezone.timedelta(days=90)).isoformat()
    client.post(f"{page}take-up/", {"officer": officer.pk, "decide_by": day, "version": case.version})
    client.post(f"{page}pass/", {"version": again(case).version})
    client.post(f"{page}assessors/", {"assessor": str(expert.pk)})
    row = case.assessments.get()
    theirs = as_(expert)
    url = row.get_absolute_url()
    assert "does anything tie you to it?" in text(theirs.get(url))
    theirs.post(f"{url}conflict/", {"has": "no"})
    scores = {f"score_{one.criterion_id}": "8" for one in row.scores.all()}
    row.refresh_from_db()
    given = scores | {"recommendation": "protect", "version": row.version, "submit": "1"}
    first = next(iter(scores))
    lacking = theirs.post(f"{url}write/", {**given, first: ""})
    assert lacking.status_code == 422 and "Give a score" in text(lacking)
    theirs.post(f"{url}write/", given)
    assert "8.00" in text(client.get(page)) and "8.00" not in text(as_(aurora.researcher).get(page))
    proposed = {"decision": "protect", "reason": "New and wanted.", "version": again(case).version}
    client.post(f"{page}propose/", proposed)
    assert f"{page}decide/" not in text(client.get(page))

    shown = text(as_(other).get(f"{page}decide/"))
    assert "New and wanted." in shown
    as_(other).post(f"{page}decide/", {"agrees": "yes", "version": again(case).version})

    case = again(case)
    assert (case.state, case.decision, case.decided_by) == ("decided", "protect", other)
    assert "Decided: Protect it" in text(as_(aurora.researcher).get(page))


def test_the_unit_is_chosen_and_told_on_pages_and_by_programs(aurora):
    lab, school = (aurora.university.units.create(name=name) for name in ("Robotics", "School of Arts"))
    sent = {
        "organisation": str(aurora.university.pk), "title": "Arm", "kind": "patentable", "unit": str(lab.pk),
        "contributors": [str(aurora.researcher.pk)],
    }  # fmt: skip
    as_(aurora.researcher).post(f"/transfer/disclose/?project={aurora.project.slug}", sent)
    case = TransferCase.objects.get()
    assert case.unit == lab
    case = submitted(aurora, title="Hand")
    client, page = as_(officer_of(aurora)), case.get_absolute_url()
    officer = holders_in(case, "case.manage")[0]
    client.post(f"{page}take-up/", {"officer": officer.pk, "version": case.version, "unit": str(school.pk)})
    assert "School of Arts" in text(client.get(page))
    assert "Hand" in text(client.get(f"/transfer/cases/?unit={school.pk}"))
    assert "Hand" not in text(client.get(f"/transfer/cases/?unit={lab.pk}"))
    program = {"Authorization": f"Bearer {token_for(officer)}"}
    rows = Client().get(f"/api/v1/transfer-cases/?unit={school.pk}", headers=program).json()["results"]
    assert [row["unit"] for row in rows] == [str(school.pk)]
    url = f"/api/v1/transfer-cases/{case.pk}/"
    fresh = program | {"If-Match": Client().get(url, headers=program)["ETag"]}
    body = {"officer": str(officer.pk), "unit": str(lab.pk)}
    told = Client().post(f"{url}assign/", body, JSON, headers=fresh)
    assert told.status_code == 200 and told.json()["unit"] == str(lab.pk)


def test_stages_tell_their_reasons_and_a_case_has_its_history(aurora):
    officer = officer_of(aurora)
    case = case_of(aurora, docket="RU-1")
    client, page = as_(officer), case.get_absolute_url()
    assert "Decide anew" in text(client.get(page))
    client.post(f"{page}move/", {"stage": "closed", "reason": "Nobody wanted it", "version": again(case).version})
    shown = text(client.get(page))
    assert "Nobody wanted it" in shown and "Reopen the case" in shown
    admin = employ(person("Admin"), aurora.university, Role.ORGANISATION_ADMIN)
    assert "Moved RU-1 to another stage" in text(as_(admin).get(page))
    assert client.post(f"{page}reopen/", {"reason": "", "version": again(case).version}).status_code == 422
    client.post(f"{page}reopen/", {"reason": "It was another one", "version": again(case).version})
    assert again(case).state == "decided" and "It was another one" in text(client.get(page))
    program = {"Authorization": f"Bearer {token_for(officer)}"}
    api = f"/api/v1/transfer-cases/{case.pk}/"
    now = Client().get(api, headers=program)
    assert "It was another one" in [row["reason"] for row in now.json()["stages"]]
    fresh = program | {"If-Match": now["ETag"]}
    told = Client().post(f"{api}reconsider/", {"reason": "New facts"}, JSON, headers=fresh)
    assert told.status_code == 200 and told.json()["state"] == "under_assessment"


def test_an_assessment_of_an_earlier_round_is_opened_from_the_case(aurora):
    officer, other = officer_of(aurora), officer_of(aurora, "Other")
    expert = employ(person("Expert"), aurora.university)
    case = in_assessment(aurora, officer)
    row = assessed(case, expert, officer)
    return_case(case=again(case), reason="More", by=officer, version=again(case).version)
    submit_disclosure(case=again(case), by=aurora.researcher)
    page = text(as_(other).get(case.get_absolute_url()))
    assert "Earlier rounds" in page and row.get_absolute_url() in page


def test_others_find_no_case(aurora, borealis):
    case = submitted(aurora)
    theirs = employ(person("Theirs"), aurora.company, Role.TRANSFER_OFFICER)
    for user in (aurora.lead, aurora.observer, aurora.company_signatory, theirs, borealis.lead):
        assert as_(user).get(case.get_absolute_url()).status_code == 404
        assert case.disclosure.title not in text(as_(user).get("/transfer/mine/"))
    assert case.docket not in text(as_(theirs).get("/transfer/"))


def test_the_board_the_list_and_the_file(aurora):
    officer = officer_of(aurora)
    submitted(aurora)
    other = submitted(aurora, title="A quite different thing")
    client = as_(officer)
    found = text(client.get("/transfer/?q=different"))
    assert other.docket in found and "Letters that" not in found
    assert other.docket in text(client.get(f"/transfer/cases/?q={aurora.researcher.name}&state=submitted"))
    assert other.docket not in text(client.get("/transfer/cases/?state=decided"))
    lines = b"".join(client.get("/transfer/cases.csv").streaming_content).decode().splitlines()
    assert len(lines) == 3 and f"{aurora.researcher.name} 60" in lines[1]
    assert b"".join(as_(aurora.lead).get("/transfer/cases.csv").streaming_content).decode().count("\n") == 1


def many(aurora, number: int) -> None:
    """Cases in every stage, as rows."""
    now = timezone.now()
    states = ["submitted", "completeness_check", "under_assessment", "returned"]
    cases = TransferCase.objects.bulk_create(
        TransferCase(
            organisation=aurora.university, docket=f"X-{place}-{number}", disclosed_on=now.date(),
            state=states[place % 4], created_by=aurora.lead, officer=aurora.lead, project=aurora.project,
        )
        for place in range(number)
    )  # fmt: skip
    disclosures = Disclosure.objects.bulk_create(Disclosure(case=case, title="T", kind="software") for case in cases)
    Inventor.objects.bulk_create(
        Inventor(disclosure=row, name="I", employer=aurora.university, share_percent=100) for row in disclosures
    )
    CaseStage.objects.bulk_create(CaseStage(case=case, state=case.state, entered_at=now) for case in cases)
    CaseStage.objects.bulk_create(
        CaseStage(case=case, state="draft", entered_at=now - timezone.timedelta(days=4), left_at=now) for case in cases
    )


def test_more_cases_take_no_more_queries(aurora):
    officer = officer_of(aurora)
    client = as_(officer)
    api = Client(headers={"Authorization": f"Bearer {token_for(officer)}"})
    urls = [(client, "/transfer/"), (client, "/transfer/cases/"), (client, "/transfer/stages/"),
            (api, "/api/v1/transfer-cases/"), (api, "/api/v1/transfer-assessments/")]  # fmt: skip
    many(aurora, 4)
    assessed(in_assessment(aurora, officer), employ(person("Expert"), aurora.university), officer)
    queries(*urls[3])
    few = [queries(*one) for one in urls]
    many(aurora, 40)
    assessed(in_assessment(aurora, officer), employ(person("Expert"), aurora.university), officer)
    assert [queries(*one) for one in urls] == few
    page = text(client.get("/transfer/"))
    assert "4 days" in page or "usually" in page  # time per stage
    assert text(client.get("/transfer/stages/")).count("<tr>") > 10


def test_the_way_of_a_case_over_the_api(aurora):
    officer, other = officer_of(aurora), officer_of(aurora, "Other")
    expert = employ(person("Expert"), aurora.university)
    ours, office, decider, assessor = (
        Client(headers={"Authorization": f"Bearer {token_for(user)}"})
        for user in (aurora.researcher, officer, other, expert)
    )
    words = {
        "project": aurora.project.slug,
        "organisation": aurora.university.slug,
        "title": "Letters",
        "kind": "software",
        "summary": "S",
        "description": "D",
        "conception_on": "2026-01-05",
        "inventors": [{"person": str(aurora.researcher.pk), "share_percent": "99.5"}],
    }
    wrong = ours.post("/api/v1/transfer-cases/", words, JSON)
    assert wrong.status_code == 422 and "99.5" in str(wrong.json())
    words["inventors"][0]["share_percent"] = "100"
    made = ours.post("/api/v1/transfer-cases/", words, JSON)
    assert made.status_code == 201, made.content
    url = f"/api/v1/transfer-cases/{made.json()['id']}/"
    assert ours.patch(url, {"summary": "T"}, JSON).status_code == 428
    changed = ours.patch(url, {"summary": "T"}, JSON, headers={"If-Match": made["ETag"]})
    assert changed.json()["summary"] == "T"
    late = ours.patch(url, {"summary": "U"}, JSON, headers={"If-Match": made["ETag"]})
    assert late.status_code == 412 and "'summary': 'T'" in str(late.json())
    signing = {"typed_name": aurora.researcher.name, "document_sha256": changed.json()["document_sha256"]}
    assert ours.post(f"{url}sign/", signing, JSON).status_code == 403  # a token does not sign
    case = TransferCase.objects.get()
    sign(case, aurora.researcher)
    assert ours.post(f"{url}submit/").json()["state"] == "submitted"

    def lead(what: str, by: Client = office, **body) -> dict:
        etag = by.get(url)["ETag"]
        answer = by.post(f"{url}{what}/", body, JSON, headers={"If-Match": etag})
        assert answer.status_code in {200, 201}, (what, answer.content)
        return answer.json()

    lead("take-up")
    lead("complete")
    lead("assessors", assessor=str(expert.pk))
    one = assessor.get("/api/v1/transfer-assessments/").json()["results"][0]
    give = f"/api/v1/transfer-assessments/{one['id']}/"
    declared = assessor.post(f"{give}declare/", {"conflict": ""}, JSON)
    scores = [{"criterion": row["criterion"], "score": 6} for row in one["scores"]]
    given = assessor.patch(
        give, {"scores": scores, "recommendation": "hold", "submit": True}, JSON, headers={"If-Match": declared["ETag"]}
    )
    assert (given.json()["state"], Decimal(given.json()["score"])) == ("submitted", 6)
    lead("propose", decision="release_openly", reason="Useful to all.")
    assert lead("decide", decider, agrees=True)["decision"] == "release_openly"
    assert lead("move", stage="marketed")["state"] == "marketed"
    assert ours.get(f"{url}rights/").status_code == 403
    figures = office.get("/api/v1/transfer-cases/stages/").json()
    assert {row["state"]: row["now"] for row in figures}["marketed"] == 1
    acts = AuditEvent.objects.filter(data__case=str(case.pk)).order_by("id").values_list("verb", flat=True)
    assert acts.filter(verb="case.move").count() == 1


def test_criteria_are_weighed_anew_without_touching_what_was_begun(aurora):
    officer = officer_of(aurora)
    case = in_assessment(aurora, officer)
    row = assessed(case, employ(person("Expert"), aurora.university), officer)
    client, url = as_(officer), f"/transfer/criteria/{aurora.university.slug}/"
    first = Criterion.objects.first()
    client.post(f"{url}{first.pk}/", {"weight": "9", "version": first.version})
    first.refresh_from_db()
    assert first.weight == 9 and row.scores.get(criterion=first).weight == 3
    assert client.post(url, {"name": first.name, "weight": "2"}).status_code == 422
    client.post(f"{url}{first.pk}/", {"retire": "1"})
    assert not Criterion.objects.filter(pk=first.pk, retired_at=None).exists()
    assert as_(aurora.lead).get(url).status_code == 403


def test_a_disclosure_made_outside_of_any_project(aurora):
    stranger = employ(person("Stranger"), aurora.university)
    client = as_(stranger)
    assert "New disclosure" in text(client.get("/transfer/disclose/"))
    sent = client.post(
        "/transfer/disclose/",
        {"organisation": str(aurora.university.pk), "title": "A mark", "kind": "mark", "contributors": stranger.pk},
    )
    assert sent.status_code == 302 and TransferCase.objects.get().project is None
    assert disclosed(aurora).project == aurora.project
