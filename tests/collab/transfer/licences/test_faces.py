"""Licences on pages and as JSON, and what the licensee's people take."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from collab.access.roles import Role
from collab.agreements.services import negotiate_version
from collab.audit.models import AuditEvent
from collab.kernel.blobs import put_blob
from collab.transfer.licences.models import Licence, LicensedAsset
from collab.transfer.licences.services import cure_breach, current_version, give_breach
from collab.web import downloads
from tests.cast import employ, person, token_for
from tests.collab.transfer.protection.ground import case_of, day, member
from tests.licensing import asset, trained

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(office, settings, tmp_path):
    """A licence of a model whose one file is kept."""
    settings.BLOB_DIR = tmp_path / "blobs"
    content = bytes(range(256)) * 8
    (tmp_path / "weights").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    put_blob(tmp_path / "weights", sha256)
    files = {"files": {"model.safetensors": {"sha256": sha256, "size_bytes": len(content)}}}
    model = trained(office.joint, office.joint.researcher, "Kept", manifest=files)
    licence = office.execute(assets=[asset(model)])
    return LicensedAsset.objects.get(licence=licence), sha256, content


def test_the_licensee_finds_and_takes_the_files(office, kept, client):
    mine, sha256, content = kept
    client.force_login(office.firm_engineer)

    assert "Kept v1" in client.get(reverse("registry:releases")).content.decode()
    page = client.get(reverse("registry:release", args=[mine.pk])).content.decode()
    url = reverse("registry:release_file", args=[mine.pk, sha256])
    assert url in page and "model.safetensors" in page
    whole = client.get(url)
    assert b"".join(whole.streaming_content) == content
    part = client.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and b"".join(part.streaming_content) == content[100:200]
    acts = AuditEvent.objects.filter(verb="licence.download")
    assert acts.count() == 1 and acts.get().actor_id == office.firm_engineer.pk

    today = timezone.localdate()
    give_breach(licence=mine.licence, reason="No report", cure_by=today + timedelta(days=9), by=office.officer)
    assert client.get(url, headers={"Range": "bytes=200-299"}).status_code == 403
    assert "No report" in client.get(reverse("registry:release", args=[mine.pk])).content.decode()
    client.force_login(office.rival_signatory)
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("by_program", [False, True])
def test_a_download_is_cut_while_it_runs_once_the_licence_is_lost(office, kept, client, monkeypatch, by_program):
    mine, sha256, content = kept
    monkeypatch.setattr(downloads, "_CHUNK", 256)
    monkeypatch.setattr(downloads, "STILL_EVERY_S", 0.0)  # before every piece, so that nothing depends on the clock
    url, headers = reverse("registry:release_file", args=[mine.pk, sha256]), {}
    client.force_login(office.firm_engineer)
    if by_program:
        client.logout()
        url = f"/api/v1/releases/{mine.pk}/files/{sha256}/"
        headers = {"Authorization": f"Bearer {token_for(office.firm_engineer, scope='read')}"}

    for more in ({}, {"Range": "bytes=256-"}):
        pieces = iter(client.get(url, headers=headers | more).streaming_content)
        assert next(pieces) and next(pieces)
        today = timezone.localdate()
        give_breach(licence=mine.licence, reason="No report", cure_by=today + timedelta(days=9), by=office.officer)
        with pytest.raises(ConnectionResetError):
            next(pieces)
        cure_breach(licence=mine.licence, by=office.officer)
    assert b"".join(client.get(url, headers=headers).streaming_content) == content


def test_a_program_of_the_licensee_takes_them_too(office, kept, client):
    mine, sha256, content = kept
    program = {"Authorization": f"Bearer {token_for(office.firm_engineer, scope='read')}"}

    rows = client.get("/api/v1/releases/", headers=program).json()["results"]
    assert [row["id"] for row in rows] == [str(mine.pk)] and rows[0]["licence_state"] == "active"
    one = client.get(f"/api/v1/releases/{mine.pk}/", headers=program).json()
    assert one["files"] == [{"name": "model.safetensors", "sha256": sha256, "size_bytes": 2048, "kept": True}]
    got = client.get(f"/api/v1/releases/{mine.pk}/files/{sha256}/", headers=program)
    assert b"".join(got.streaming_content) == content
    assert client.get("/api/v1/licences/", headers=program).json()["results"] == []  # the money is not theirs to see


def test_a_term_sheet_on_the_page(office, client):
    client.force_login(office.officer)
    project = office.joint.project
    assert project.title in client.get(reverse("collab:licence_new")).content.decode()
    url = f"{reverse('collab:licence_new')}?project={project.slug}"
    assert "Reader v1" in client.get(url).content.decode()
    form = {
        "kind": "licence", "reference": "LIC-9", "title": "Reader", "licensor": office.joint.university.pk,
        "licensee": office.firm.pk, "effective_on": timezone.localdate(), "exclusivity": "exclusive",
        "fields_": ["health"], "territories": ["EU", "CN"], "commercial": "on", "sublicensing": "none",
        "currency": "EUR", "issue_fee": "100", "royalty_basis": "net_sales", "tiers": "0: 3\n1000: 5",
        "tiers_by": "year", "cap_by": "year", "costs": "none", "milestones": "First sale; 500",
        "report_frequency": "yearly", "report_days": 30, "asset_0": "60",
    }  # fmt: skip
    refused = client.post(url, form)
    assert refused.status_code == 422 and "60" in refused.content.decode()
    assert not Licence.objects.exists()

    assert client.post(url, form | {"asset_0": "100"}).status_code == 302
    licence = Licence.objects.get()
    assert [row.rate_percent for row in licence.tiers.all()] == [3, 5] and licence.milestones.get().amount == 500
    page = client.get(licence.get_absolute_url()).content.decode()
    assert "Eastwind" in page and "European Union" in page and "First sale" in page
    shown = client.get(reverse("collab:licence_terms", args=[licence.pk])).content.decode()
    assert "1000" in shown and "First sale" in shown
    agreement = client.get(licence.agreement.get_absolute_url()).content.decode()
    assert "Particular terms" in agreement and "European Union" in agreement


def test_saving_the_terms_page_keeps_every_term(office, client):
    start = timezone.localdate() + timedelta(days=100)
    licence = office.draft(
        issue_fee_days=21, annual_minimum="900.00", minimum_from=start.isoformat(), equity_note="Ten shares",
        milestones=[
            {"title": "First sale", "title_zh": "首次销售", "amount": "500.00", "due_on": None},
            {"title": "Second", "title_zh": "", "amount": "600.00", "due_on": start.isoformat()},
        ],
        diligence=[{"title": "On the market", "title_zh": "上市", "due_on": start.isoformat()}],
    )  # fmt: skip
    before = current_version(licence).particulars
    client.force_login(office.officer)
    url = reverse("collab:licence_terms", args=[licence.pk])
    form = client.get(url).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    shown = {name: "on" if value is True else value for name, value in shown.items() if value not in (None, False)}
    answer = client.post(url, shown)
    assert answer.status_code == 302, answer.context["form"].errors
    after = current_version(licence).particulars
    assert after == before


def test_the_list_asks_the_same_number_of_queries(office, client, django_assert_max_num_queries):
    client.force_login(office.officer)
    office.draft()
    with django_assert_max_num_queries(100) as first:
        client.get(reverse("collab:licences"))
    for _number in range(3):
        office.draft(licensee=office.rival, exclusivity="non_exclusive", fields=["energy"])
    with django_assert_max_num_queries(len(first.captured_queries)):
        client.get(reverse("collab:licences"))


def test_terms_as_json(office, client):
    program = {"Authorization": f"Bearer {token_for(office.officer)}"}
    body = {
        "project": office.joint.project.slug, "kind": "licence", "reference": "LIC-1", "title": "Reader",
        "licensor": office.joint.university.slug, "licensee": office.firm.slug,
        "effective_on": timezone.localdate().isoformat(), "terms": office.terms(issue_fee="-5"),
    }  # fmt: skip
    refused = client.post("/api/v1/licences/", body, "application/json", headers=program)
    assert refused.status_code == 422 or refused.status_code == 400
    assert "issue_fee" in refused.content.decode()

    body["terms"] = office.terms()
    made = client.post("/api/v1/licences/", body, "application/json", headers=program)
    assert made.status_code == 201, made.content
    url = f"/api/v1/licences/{made.json()['id']}/"
    assert made.json()["state"] == "term_sheet" and made.json()["tiers"][0]["rate_percent"] == "3.0000"
    stale = {**program, "If-Match": '"other"'}
    change = {"terms": {"issue_fee": "6000.00"}}
    assert client.patch(url, change, "application/json", headers=stale).status_code == 412
    fresh = {**program, "If-Match": made["ETag"]}
    changed = client.patch(url, change, "application/json", headers=fresh)
    assert changed.status_code == 200 and changed.json()["issue_fee"] == "6000.0000"


def test_the_other_side_is_offered_only_what_the_terms_name(office, client):
    mine = case_of(office.joint, docket="RU-1", project=office.joint.project)
    secret = case_of(office.joint, docket="RU-2", project=office.joint.project)
    right = member(secret, office.officer, jurisdiction="DE", filed_on=day(-9))
    named = {"kind": "technology", "subject_type": "collab.transfercase", "subject_id": str(mine.pk), "percent": "100"}
    licence = office.draft(assets=[named])
    negotiate_version(version=current_version(licence), by=office.officer)
    url = reverse("collab:licence_terms", args=[licence.pk])

    client.force_login(employ(person("Ada Firm"), office.firm, Role.ORGANISATION_ADMIN))
    page = client.get(url).content.decode()
    assert "RU-1" in page and "RU-2" not in page and str(right) not in page and "Reader v1" not in page
    client.force_login(office.officer)
    page = client.get(url).content.decode()
    assert "RU-1" in page and "RU-2" in page and str(right) in page and "Reader v1" in page


def test_sums_are_shown_in_the_units_of_their_currency(office, client):
    client.force_login(office.officer)
    terms = {"late_interest_percent": "7.5", "equity_note": "Ten shares", "issue_fee_days": 21, "convertible": True}
    licence = office.draft(currency="KWD", issue_fee="1234.500", negotiation_days=77, **terms)
    page = client.get(licence.get_absolute_url()).content.decode()
    assert "1,234.500 KWD" in page
    for told in ("per cent a year</dt><dd>7.5", "Ten shares", "within 21 days", "after a missed milestone", "77 days"):
        assert told in page, told


def test_a_licence_is_drafted_from_a_template(office, client):
    call_command("load_templates", verbosity=0)
    blanks = {
        "in_use_by": timezone.localdate().isoformat(), "protection_party": str(office.joint.university.pk),
        "liability_months": "12", "secrecy_years": "5", "end_days": "90", "mend_days": "30",
        "governing_law": "Germany", "language_rule": "both",
    }  # fmt: skip
    client.force_login(office.officer)
    url = f"{reverse('collab:licence_new')}?project={office.joint.project.slug}"
    assert "template=licence-model" in client.get(url).content.decode()
    page = client.get(f"{url}&template=licence-model").content.decode()
    assert "v_mend_days" in page and "v_licensor" not in page and "v_territory" not in page
    form = {
        "kind": "licence", "reference": "LIC-9", "title": "Reader", "licensor": office.joint.university.pk,
        "licensee": office.firm.pk, "effective_on": timezone.localdate(), "exclusivity": "sole", "fields_": ["health"],
        "territories": ["EU"], "sublicensing": "none", "currency": "EUR", "issue_fee": "100",
        "royalty_basis": "net_sales", "tiers": "0: 3", "tiers_by": "year", "cap_by": "year", "costs": "none",
        "report_frequency": "yearly", "report_days": 30, "asset_0": "100",
    } | {f"v_{name}": value for name, value in blanks.items()}  # fmt: skip
    assert client.post(f"{url}&template=licence-model", form | {"v_mend_days": "0"}).status_code == 422
    assert client.post(f"{url}&template=licence-model", form).status_code == 302
    version = current_version(Licence.objects.get())
    assert version.particulars["exclusivity"] == "sole" and version.template_version.template.code == "licence-model"
    assert "Eastwind" in version.text and "European Union" in version.text and "欧洲联盟" in version.text_zh
    assert {row.organisation for row in version.parties.all()} == {office.joint.university, office.firm}

    program = {"Authorization": f"Bearer {token_for(office.officer)}"}
    body = {
        "project": office.joint.project.slug, "kind": "licence", "reference": "LIC-1", "title": "Reader",
        "licensor": office.joint.university.slug, "licensee": office.firm.slug, "template": "licence-model",
        "effective_on": timezone.localdate().isoformat(), "terms": office.terms(), "values": blanks,
    }  # fmt: skip
    made = client.post("/api/v1/licences/", body, "application/json", headers=program)
    assert made.status_code == 201, made.content
    assert "Eastwind" in current_version(Licence.objects.get(pk=made.json()["id"])).text
