"""Sealed documents: made once, the same bytes, in both languages, checked against their hash whenever they are read."""

from __future__ import annotations

import hashlib

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile

from collab.agreements import sealing
from collab.agreements.models import AgreementVersion
from collab.agreements.sealed import SealedDocument
from collab.agreements.sealing import ensure_sealed, executed_on, open_sealed, render, seal_waiting
from collab.agreements.services import terminate_version
from collab.agreements.views import VERIFY_PER_MINUTE
from collab.audit.models import AuditEvent
from collab.kernel.blobs import blob_path
from collab.kernel.errors import ConflictError, NotFoundError
from collab.kernel.paper import Paper
from collab.web import rates

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_counted_yet():
    cache.clear()


@pytest.fixture
def executed(aurora):
    aurora.university.name_zh = "河滨大学"
    aurora.university.save()
    version = aurora.cover(reference="DUA-7")
    return AgreementVersion.objects.select_related("agreement__project").get(pk=version.pk)


@pytest.fixture
def said(monkeypatch):
    """Every text that is put on paper."""
    texts: list[str] = []
    whole = Paper._paragraph

    def note(self, text, style):
        texts.append(text)
        return whole(self, text, style)

    monkeypatch.setattr(Paper, "_paragraph", note)
    return texts


def test_the_same_bytes_for_the_same_version(executed):
    first = render(executed)
    assert first.startswith(b"%PDF-") and render(executed) == first


def test_it_says_what_was_signed_by_whom_and_what_happened(executed, aurora, said):
    render(executed)
    text = "\n".join(said)
    for wanted in (
        "DUA-7",
        executed.text,
        "河滨大学",
        "Parties · 参与方",
        aurora.university_signatory.name,
        aurora.company_signatory.name,
        "Director",
        executed.document_sha256,
        sealing.verify_url(executed.document_sha256),
    ):
        assert wanted in text, wanted
    trail = sealing.trail_of(executed)
    assert [event.verb for event in trail][-1] == "agreement.execute"
    assert all(event.digest in text for event in trail)
    assert "签署了 DUA-7" in text and "Signed DUA-7" in text


def test_whatever_a_document_says_is_on_the_paper(executed, said, monkeypatch):
    plain = AgreementVersion.document
    more = {
        "newly": {"royalty_base": "net sales", "option_days": 90},
        "reviewers": ["one", "two"],
        "flag": True,
        "remark": "training",  # the code of a purpose, but here somebody's word
    }
    monkeypatch.setattr(AgreementVersion, "document", lambda self: plain(self) | more)
    render(executed)
    assert {"Newly", "Royalty base", "net sales", "90", "Reviewers", "one", "two", "Flag", "yes · 是"} <= set(said)
    assert "training" in said and "train models on the data · 使用数据训练模型" in said


def test_glyphs_are_in_the_file_and_unknown_ones_are_named(said):
    paper = Paper(title="t", footer="f")
    paper.text("简体中文 · Łódź · 𠮷")
    content = paper.render()
    assert b"WenQuanYiMicroHei" in content and b"FontFile2" in content
    from collab.kernel.paper import _known

    assert _known("a𠮷") == "a‹U+20BB7›"


def test_it_is_made_once_and_kept(executed, monkeypatch):
    sealed = ensure_sealed(executed)
    content = blob_path(sealed.sha256).read_bytes()
    assert hashlib.sha256(content).hexdigest() == sealed.sha256 and sealed.size_bytes == len(content)
    monkeypatch.setattr(sealing, "render", lambda version: pytest.fail("made again"))
    assert ensure_sealed(executed) == sealed
    assert AuditEvent.objects.filter(verb="agreement.seal_document").count() == 1


def test_the_task_makes_those_that_wait(executed):
    assert seal_waiting() == 1 and seal_waiting() == 0
    assert SealedDocument.objects.get().version == executed


def test_only_what_was_executed_is_sealed(executed):
    AgreementVersion.objects.filter(pk=executed.pk).update(state="out_for_signature", executed_at=None)
    with pytest.raises(ConflictError):
        ensure_sealed(AgreementVersion.objects.get(pk=executed.pk))


def test_a_text_changed_behind_our_back_is_not_sealed(executed):
    AgreementVersion.objects.filter(pk=executed.pk).update(text="Something else")
    with pytest.raises(ConflictError, match="not what was signed"):
        ensure_sealed(AgreementVersion.objects.get(pk=executed.pk))
    assert seal_waiting() == 0 and not SealedDocument.objects.exists()


def test_a_damaged_file_is_not_given_out(executed, aurora):
    sealed, content = open_sealed(version=executed, by=aurora.observer)
    assert hashlib.sha256(content).hexdigest() == sealed.sha256
    path = blob_path(sealed.sha256)
    path.chmod(0o600)
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(ConflictError, match="damaged"):
        open_sealed(version=executed, by=aurora.observer)
    path.unlink()
    with pytest.raises(ConflictError, match="damaged"):
        open_sealed(version=executed, by=aurora.observer)
    assert AuditEvent.objects.filter(verb="agreement.download_sealed").count() == 1


def test_strangers_get_nothing(executed, borealis):
    with pytest.raises(NotFoundError):
        open_sealed(version=executed, by=borealis.lead)


def test_pages_and_api(executed, aurora, client):
    client.force_login(aurora.observer)
    about = client.get(f"/agreements/{executed.agreement_id}/v1/sealed/")
    sealed = SealedDocument.objects.get()
    assert sealed.sha256 in about.content.decode()
    file = client.get(f"/agreements/{executed.agreement_id}/v1/sealed.pdf")
    assert file["Content-Disposition"].startswith("attachment") and file["ETag"] == f'"{sealed.sha256}"'
    assert client.get(f"/api/v1/agreement-versions/{executed.pk}/pdf/").content == file.content
    assert client.get(f"/api/v1/agreement-versions/{executed.pk}/sealed/").json()["sha256"] == sealed.sha256


# --- verification, for anybody
def test_yes_and_the_day_or_no(executed, client):
    sealed = ensure_sealed(executed)
    day = executed.executed_at.date()
    for known in (executed.document_sha256, sealed.sha256, executed.document_sha256.upper()):
        assert client.get(f"/verify.json?sha256={known}").json() == {"executed": True, "executed_on": day.isoformat()}
    assert client.get(f"/verify.json?sha256={'0' * 64}").json() == {"executed": False, "executed_on": None}
    assert client.get("/verify.json?sha256=short").status_code == 400
    text = client.get(f"/verify/?sha256={executed.document_sha256}").content.decode()
    assert "Yes" in text and "DUA-7" not in text and "Riverside" not in text
    assert "No document with this hash" in client.get(f"/verify/?sha256={'0' * 64}").content.decode()


def test_a_draft_or_a_version_out_is_a_no(executed, aurora):
    assert executed_on(executed.document_sha256)
    AgreementVersion.objects.filter(pk=executed.pk).update(state="out_for_signature", executed_at=None)
    assert executed_on(executed.document_sha256) is None


def test_what_ended_was_executed_all_the_same(executed, aurora):
    terminate_version(version=executed, by=aurora.lead)
    assert executed_on(executed.document_sha256)


def test_a_file_is_hashed_here(executed, client):
    ensure_sealed(executed)
    content = blob_path(SealedDocument.objects.get().sha256).read_bytes()
    good = client.post("/verify/", {"file": SimpleUploadedFile("a.pdf", content)}).content.decode()
    assert "Yes" in good
    bad = client.post("/verify/", {"file": SimpleUploadedFile("a.pdf", content + b" ")}).content.decode()
    assert "No document with this hash" in bad
    assert client.post("/verify/", {}).status_code == 422


def test_nobody_tries_many(client, monkeypatch):
    monkeypatch.setattr(rates.time, "time", lambda: 1e9)
    answers = [client.get(f"/verify.json?sha256={n:064x}").status_code for n in range(VERIFY_PER_MINUTE + 1)]
    assert answers[:-1] == [200] * VERIFY_PER_MINUTE and answers[-1] == 429
    slow = client.get(f"/verify/?sha256={'0' * 64}")
    assert slow.status_code == 429 and slow["Retry-After"] == "60"
