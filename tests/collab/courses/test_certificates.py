"""Certificates: signed as Open Badges 3.0, checked by another implementation, taken back, forged."""

from __future__ import annotations

import gzip
import json
import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet
from reportlab.pdfgen.canvas import Canvas

from collab.access.roles import Role
from collab.audit.models import AuditEvent
from collab.courses.certificates.badges import credential_of
from collab.courses.certificates.checking import Finding, check
from collab.courses.certificates.keys import signer
from collab.courses.certificates.models import Certificate, IssuerKey
from collab.courses.certificates.printing import print_certificate
from collab.courses.certificates.services import (
    Achievement,
    Proposal,
    issue_certificate,
    propose_certificates,
    reinstate_certificate,
    revoke_certificate,
    suspend_certificate,
)
from collab.inbox.models import Notification, Request
from collab.inbox.services import decide_request
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError
from tests.cast import Joint, employ, person

pytestmark = pytest.mark.django_db
WHAT = Achievement(
    title="Summer placement",
    title_zh="暑期实习",
    description="Twelve weeks of work on the corpus.",
    description_zh="为期十二周的语料工作。",
    criteria="All milestones accepted by the mentor.",
    kind="Fieldwork",
)


def certificate_for(joint: Joint, **facts: Any) -> Certificate:
    given = {"person": joint.engineer, "achievement": WHAT, "organisation": joint.university, "by": None} | facts
    return issue_certificate(**given)


def admin_of(joint: Joint):
    return employ(person("Ada Admin"), joint.university, Role.ORGANISATION_ADMIN)


# --- what is signed
def test_another_implementation_verifies_it_as_an_open_badge(aurora):
    made = certificate_for(aurora, valid_until=datetime(2100, 1, 1, tzinfo=UTC), evidence=[{"name": "Report"}])
    client = Client()

    token = client.get(f"/credentials/{made.pk}/credential.jwt").content.decode()
    keys = KeySet.import_key_set(client.get("/.well-known/jwks.json").json())
    header = jws.extract_compact(token.encode()).headers()
    key = next(one for one in keys.keys if header["kid"].rstrip("/").endswith(one.kid))
    said = json.loads(jws.deserialize_compact(token, key, algorithms=["RS256"]).payload)

    assert header["alg"] == "RS256"
    assert said["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert said["@context"][0] == "https://www.w3.org/ns/credentials/v2" and "ob/v3p0" in said["@context"][1]
    assert (said["iss"], said["jti"], said["sub"]) == (
        said["issuer"]["id"],
        said["id"],
        said["credentialSubject"]["id"],
    )
    assert said["nbf"] == int(made.issued_at.timestamp()) and said["exp"] == int(made.valid_until.timestamp())
    assert said["validUntil"] == "2100-01-01T00:00:00Z"
    achievement = said["credentialSubject"]["achievement"]
    assert set(achievement) >= {"id", "type", "name", "description", "criteria"}
    assert (achievement["achievementType"], achievement["creator"]["name"]) == ("Fieldwork", aurora.university.name)
    assert aurora.engineer.email not in token and aurora.engineer.email not in json.dumps(said)
    with pytest.raises(BadSignatureError):
        jws.deserialize_compact(token[:-6] + "AAAAAA", key, algorithms=["RS256"])


def test_the_issuer_says_by_which_keys_it_signs(aurora):
    made = certificate_for(aurora)
    client = Client()

    document = client.get("/.well-known/did.json").json()
    key = client.get(made.key.url.removeprefix("http://127.0.0.1:8000")).json()

    assert document["id"] == jwt.decode(made.credential, options={"verify_signature": False})["iss"]
    assert document["verificationMethod"][0]["publicKeyJwk"] == key == made.key.public_jwk
    assert not {"d", "p", "q"} & set(key), "the private key must never be told"


@pytest.mark.parametrize(
    ("take_back", "purpose"), [(revoke_certificate, "revocation"), (suspend_certificate, "suspension")]
)
def test_the_status_list_says_what_was_taken_back(aurora, take_back, purpose):
    other, made = certificate_for(aurora, person=aurora.lead), certificate_for(aurora)
    take_back(certificate=made, reason="Given by mistake.", by=admin_of(aurora))
    said = jwt.decode(made.credential, options={"verify_signature": False})
    entry = next(one for one in said["credentialStatus"] if one["statusPurpose"] == purpose)

    token = Client().get(entry["statusListCredential"].removeprefix("http://127.0.0.1:8000")).content.decode()
    listed = json.loads(jws.extract_compact(token.encode()).payload)["credentialSubject"]
    raw = listed["encodedList"]
    bits = gzip.decompress(urlsafe_b64decode(raw[1:] + "=" * (-len(raw[1:]) % 4)))

    def bit(place: int) -> int:
        return bits[place // 8] >> (7 - place % 8) & 1

    assert raw[0] == "u" and len(bits) == 16_384 and listed["statusPurpose"] == purpose
    assert (bit(int(entry["statusListIndex"])), bit(other.list_index)) == (1, 0)
    assert sum(byte.bit_count() for byte in bits) == 1


# --- what the check says
def test_the_check_says_valid_suspended_and_revoked(aurora):
    admin, made = admin_of(aurora), certificate_for(aurora)
    assert check(str(made.pk)).finding == check(made.credential).finding == Finding.VALID

    suspend_certificate(certificate=made, reason="An inquiry.", by=admin)
    assert check(made.public_url).finding == Finding.SUSPENDED
    reinstate_certificate(certificate=made, reason="Cleared.", by=admin)
    assert check(made.credential).finding == Finding.VALID
    revoke_certificate(certificate=made, reason="Plagiarism.", by=admin)
    assert check(made.credential).finding == check(str(made.pk)).finding == Finding.REVOKED

    with pytest.raises(ConflictError):
        reinstate_certificate(certificate=made, reason="Again.", by=admin)
    verbs = AuditEvent.objects.filter(subject_id=str(made.pk)).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == [f"certificate.{act}" for act in ("issue", "suspend", "reinstate", "revoke")]


def test_it_expires_at_its_second_and_one_without_an_end_never(aurora):
    ends = datetime(2027, 3, 1, 12, tzinfo=UTC)
    with time_machine.travel(ends - timedelta(days=9), tick=False):
        made, lasting = certificate_for(aurora, valid_until=ends), certificate_for(aurora, person=aurora.lead)
    found = []
    for moment in (ends - timedelta(seconds=1), ends):
        with time_machine.travel(moment, tick=False):
            found.append(check(made.credential).finding)
    assert found == [Finding.VALID, Finding.EXPIRED]
    with time_machine.travel(datetime(2090, 1, 1, tzinfo=UTC)):
        assert check(lasting.credential).finding == Finding.VALID


def test_forgeries_are_told_from_the_real_one(aurora):
    made = certificate_for(aurora)
    real = credential_of(made, made.issued_at)
    head, body, tail = made.credential.split(".")
    better = jwt.encode(real | {"name": "Doctor"}, signer().private, "RS256").split(".")[1]
    kid = {"kid": made.key.url}
    forgeries = {
        "changed text": ".".join((head, better, tail)),
        "another key": jwt.encode(real, generate_private_key(65537, 2048), "RS256", headers=kid),
        "no signature": jwt.encode(real, None, "none", headers=kid),
        "the public key as a shared secret": ".".join((head, body, "")),
        "an unknown key": jwt.encode(real, signer().private, "RS256", headers={"kid": "elsewhere"}),
        "never issued": signer().sign(real | {"jti": f"{made.public_url[:-37]}{aurora.lead.pk}/"}),
        "another name": signer().sign(real | {"credentialSubject": {**real["credentialSubject"], "identifier": []}}),
    }

    found = {name: check(text) for name, text in forgeries.items()}

    assert {name: one.finding for name, one in found.items()} == dict.fromkeys(forgeries, Finding.FORGED)
    assert all(one.certificate is None for one in found.values())
    assert check("nonsense").finding == check(str(aurora.lead.pk)).finding == Finding.UNKNOWN


def test_a_row_changed_in_the_database_is_a_forgery_too(aurora):
    made = certificate_for(aurora, evidence=[{"name": "Report"}])
    for changed in (
        {"recipient_name": "Somebody"}, {"title": "Doctor"}, {"title_zh": "博士"}, {"description": "Twelve years."},
        {"description_zh": "十二年。"}, {"criteria": "None."}, {"criteria_zh": "无。"}, {"kind": "Course"},
        {"evidence": [{"name": "Prize"}]}, {"issued_at": made.issued_at - timedelta(days=900)},
        {"organisation": aurora.company}, {"valid_until": datetime(2100, 1, 1, tzinfo=UTC)},
    ):  # fmt: skip
        with transaction.atomic():
            Certificate.objects.filter(pk=made.pk).update(**changed)
            assert check(str(made.pk)).finding == Finding.FORGED, changed
            transaction.set_rollback(True)
    assert check(str(made.pk)).finding == Finding.VALID


def test_one_signed_before_the_chinese_texts_were_is_compared_in_what_it_holds(aurora):
    made = certificate_for(aurora)
    claims = credential_of(made, made.issued_at)
    del claims["credentialSubject"]["achievement"]["inChinese"]
    Certificate.objects.filter(pk=made.pk).update(credential=signer().sign(claims))
    assert check(str(made.pk)).finding == Finding.VALID
    Certificate.objects.filter(pk=made.pk).update(title="Doctor")
    assert check(str(made.pk)).finding == Finding.FORGED


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_check_page_is_for_everybody(aurora, language):
    made = certificate_for(aurora)
    client = Client(headers={"Accept-Language": language})

    page = client.get(f"/credentials/{made.pk}/")
    pasted = client.post("/check/", {"credential": made.credential[:-4] + "AAAA"})

    assert page.status_code == pasted.status_code == 200
    assert made.recipient_name in page.content.decode() and made.recipient_name not in pasted.content.decode()
    assert client.get("/check.json", {"credential": str(made.pk)}).json()["finding"] == "valid"
    unknown = client.get(f"/credentials/{aurora.lead.pk}/")
    assert (unknown.status_code, client.get(f"/credentials/{aurora.lead.pk}/credential.jwt").status_code) == (404, 404)
    assert {"en": "No such certificate", "zh-hans": "没有此证书"}[language] in unknown.content.decode()


def test_programs_are_told_what_is_forged_or_revoked(aurora):
    made, back = certificate_for(aurora), certificate_for(aurora)
    revoke_certificate(certificate=back, reason="Copied.", by=aurora.university_signatory)
    head, body, tail = made.credential.split(".")

    def told(credential: str) -> tuple[str, bool, bool]:
        found = Client().get("/check.json", {"credential": credential}).json()
        return found["finding"], found["valid"], "certificate" in found

    assert told(made.credential) == ("valid", True, True)
    assert told(f"{head}.{body}.{tail[:-4]}AAAA") == ("forged", False, False)
    assert told(back.credential) == told(str(back.pk)) == ("revoked", False, True)


def test_the_check_page_says_which_in_both_languages(aurora):
    """Valid, expired, suspended, revoked, forged and unknown each have a sentence of their own, none of them left in
    English on the Chinese page."""
    officer = aurora.university_signatory
    valid, held, back, changed = (certificate_for(aurora) for _number in range(4))
    gone = certificate_for(aurora, valid_until=timezone.now() + timedelta(days=1))
    suspend_certificate(certificate=held, reason="Asked.", by=officer)
    revoke_certificate(certificate=back, reason="Copied.", by=officer)
    Certificate.objects.filter(pk=changed.pk).update(title="Doctor")
    english, chinese = (Client(headers={"Accept-Language": language}) for language in ("en", "zh-hans"))
    said: dict[str, tuple[str, str]] = {}

    def ask(name: str, credential: str) -> None:
        pages = [client.post("/check/", {"credential": credential}).content.decode() for client in (english, chinese)]
        said[name] = tuple(re.search(r'notice-title">([^<]+)<', page).group(1) for page in pages)

    for name, row in {"valid": valid, "suspended": held, "revoked": back, "forged": changed}.items():
        ask(name, str(row.pk))
    ask("No such", str(uuid4()))
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        ask("expired", gone.credential)
    assert all(name in told[0] for name, told in said.items()), said
    assert len({told[1] for told in said.values()}) == 6 and not [t for t in said.values() if re.search("[a-z]", t[1])]


def test_the_paper_is_in_both_languages_and_always_the_same(aurora):
    made = certificate_for(aurora)
    content = print_certificate(made)
    assert content.startswith(b"%PDF-") and content == print_certificate(Certificate.objects.get(pk=made.pk))


def test_the_paper_of_what_was_taken_back_says_so_across_every_page(aurora, monkeypatch):
    drawn: list[str] = []
    monkeypatch.setattr(Canvas, "drawCentredString", lambda self, x, y, text: drawn.append(text))
    made, officer = certificate_for(aurora), aurora.university_signatory
    plain = print_certificate(made)
    assert drawn == []

    made = suspend_certificate(certificate=made, reason="Inquiry.", by=officer)
    held = print_certificate(made)
    made = revoke_certificate(certificate=made, reason="Forged.", by=officer)
    back = print_certificate(made)

    assert drawn == ["Suspended · 已暂停", "Revoked · 已吊销"]
    assert len({plain, held, back}) == 3 and back == print_certificate(Certificate.objects.get(pk=made.pk))


def test_an_old_key_still_verifies_after_a_change(aurora, settings, tmp_path):
    old = certificate_for(aurora)
    settings.ISSUER_KEY_FILE = str(tmp_path / "next.pem")

    new = certificate_for(aurora, person=aurora.lead)

    assert IssuerKey.objects.count() == 2 and old.key != new.key
    assert check(old.credential).finding == check(new.credential).finding == Finding.VALID
    assert (tmp_path / "next.pem").stat().st_mode & 0o077 == 0


# --- batches
def proposals(joint: Joint) -> list[Proposal]:
    return [Proposal(user, WHAT, source=user) for user in (joint.engineer, joint.researcher)]


def test_a_batch_is_issued_when_somebody_else_approves_it(aurora):
    coordinator = employ(person("Carl Coordinator"), aurora.university, Role.COORDINATOR)
    batch = propose_certificates(
        organisation=aurora.university, title="Summer 2026", proposals=proposals(aurora), by=coordinator
    )
    request = Request.objects.get(topic="certificate_batch")
    assert {row.state for row in batch.certificates.all()} == {"pending"}
    assert check(str(batch.certificates.first().pk)).finding == Finding.UNKNOWN
    with pytest.raises((RefusedError, NotFoundError)):
        decide_request(request=request, decision="approved", by=coordinator)

    decide_request(request=request, decision="approved", by=aurora.university_signatory)

    rows = list(batch.certificates.all())
    assert {check(row.credential).finding for row in rows} == {Finding.VALID}
    assert {row.issued_by for row in rows} == {aurora.university_signatory}
    assert len({row.list_index for row in rows}) == 2
    assert Notification.objects.filter(kind="certificate").count() == 2


def test_nobody_approves_a_batch_with_a_certificate_of_their_own(aurora):
    own = [Proposal(aurora.university_signatory, WHAT)]
    propose_certificates(organisation=aurora.university, title="Own", proposals=own, by=admin_of(aurora))
    with pytest.raises(RefusedError) as refused:
        decide_request(request=Request.objects.get(), decision="approved", by=aurora.university_signatory)
    assert refused.value.missing[0].code == "own_certificate"
    assert str(aurora.university_signatory) in str(refused.value.missing[0].sentence)


def test_a_batch_that_is_rejected_issues_nothing_and_may_be_proposed_again(aurora):
    admin = admin_of(aurora)
    given = {"organisation": aurora.university, "title": "Summer", "proposals": proposals(aurora), "by": admin}
    batch = propose_certificates(**given)
    with pytest.raises(ConflictError):
        propose_certificates(**given)

    decide_request(
        request=Request.objects.get(), decision="rejected", reason="Wrong year.", by=aurora.university_signatory
    )

    assert set(batch.certificates.values_list("state", "credential")) == {("rejected", "")}
    assert propose_certificates(**given).pk != batch.pk


def test_refusals(aurora):
    with pytest.raises((RefusedError, NotFoundError)):
        propose_certificates(
            organisation=aurora.university, title="X", proposals=proposals(aurora), by=aurora.researcher
        )
    made = certificate_for(aurora, source=aurora.project)
    with pytest.raises(ConflictError):
        certificate_for(aurora, source=aurora.project)
    with pytest.raises(RefusedError):
        revoke_certificate(certificate=made, reason="Mine.", by=aurora.engineer)
    with pytest.raises(InvalidError):
        revoke_certificate(certificate=made, reason=" ", by=admin_of(aurora))
    with pytest.raises(IntegrityError), transaction.atomic():
        Certificate.objects.filter(pk=made.pk).update(credential="")
