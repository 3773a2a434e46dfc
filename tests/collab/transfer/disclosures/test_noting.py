"""What the office of a case notes and keeps: read by the office alone, and never gone without a trace."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from collab.audit.models import AuditEvent
from collab.kernel.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    UnsupportedKindError,
)
from collab.transfer.disclosures import note_guard
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.note_models import CaseNote
from collab.transfer.disclosures.noting import add_note, open_file, withdraw_note
from tests.cast import token_for
from tests.collab.transfer.protection.ground import case_of, day, officer_of
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 a term sheet %%EOF"


def upload(content: bytes = PDF, name: str = "sheet.pdf") -> TemporaryUploadedFile:
    file = TemporaryUploadedFile(name, "application/pdf", len(content), None)
    file.write(content)
    file.flush()
    return file


@pytest.fixture
def officer(aurora):
    return officer_of(aurora)


@pytest.fixture
def case(aurora):
    return case_of(aurora, docket="RU-1")


def test_a_note_is_written_kept_with_a_file_and_taken_back_with_a_trace(case, officer):
    first = add_note(case=case, text="They called. ", noted_on=day(-3), by=officer)
    second = add_note(case=case, file=upload(), by=officer)
    assert (first.text, first.noted_on, second.file_name, second.size_bytes) == (
        "They called.", day(-3), "sheet.pdf", len(PDF),
    )  # fmt: skip
    assert list(CaseNote.objects.filter(case=case)) == [second, first]
    with pytest.raises(InvalidError, match="Give the reason"):
        withdraw_note(note=second, reason=" ", by=officer)
    withdraw_note(note=second, reason="Of another case", by=officer)
    with pytest.raises(ConflictError, match="taken back already"):
        withdraw_note(note=second, reason="Again", by=officer)
    with pytest.raises(NotFoundError):
        open_file(note=CaseNote.objects.get(pk=second.pk), by=officer)
    assert CaseNote.objects.count() == 2
    events = AuditEvent.objects.filter(subject_id=str(case.pk)).order_by("id")
    assert [event.verb for event in events] == ["case.note", "case.keep_file", "case.withdraw_note"]
    assert "They called" not in str([event.data for event in events])
    assert events[1].data["sha256"] == second.sha256


def test_what_is_refused(aurora, case, officer, settings):
    for field, given in (("text", {}), ("text", {"text": "  "}), ("noted_on", {"text": "x", "noted_on": day(1)})):
        with pytest.raises(InvalidError) as refused:
            add_note(case=case, by=officer, **given)
        assert refused.value.field == field
    with pytest.raises(UnsupportedKindError):
        add_note(case=case, file=upload(b"MZ a program"), by=officer)
    settings.CASE_FILE_MAX_BYTES = 5
    with pytest.raises(TooLargeError):
        add_note(case=case, file=upload(), by=officer)
    assert not CaseNote.objects.exists()
    for person in (aurora.researcher, aurora.engineer):
        with pytest.raises((NotFoundError, RefusedError)):
            add_note(case=case, text="x", by=person)
    facts = {"case": case, "by": officer}
    for wrong in ({}, {"text": "x", "file_name": "a.pdf"}, {"text": "x", "withdrawn_at": timezone.now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            CaseNote.objects.create(**facts, **wrong)


def test_the_office_reads_and_writes_on_the_page(aurora, case, officer):
    client = as_(officer)
    notes, new = reverse("collab:case_notes", args=[case.pk]), reverse("collab:case_note_new", args=[case.pk])
    assert notes in text(client.get(case.get_absolute_url()))
    assert "Nothing is noted yet" in text(client.get(notes)) and new in text(client.get(notes))
    assert "Write something" in text(client.post(new, {"noted_on": day(0).isoformat()}))
    refused = client.post(new, {"noted_on": day(0).isoformat(), "file": SimpleUploadedFile("a.exe", b"MZ")})
    assert "none of these kinds" in text(refused)
    office = SimpleUploadedFile("Offer.docx", b"PK\x03\x04 a letter PK\x05\x06" + b"\0" * 18)
    assert client.post(new, {"noted_on": day(0).isoformat(), "file": office}).status_code == 302
    letter = CaseNote.objects.get()
    assert (letter.file_name, letter.media_type) == ("Offer.docx", "application/zip")
    letter.delete()
    sent = {"noted_on": day(0).isoformat(), "text": "A term sheet", "file": SimpleUploadedFile("sheet.pdf", PDF)}
    assert client.post(new, sent).status_code == 302
    row = CaseNote.objects.get()
    file = reverse("collab:case_note_file", args=[case.pk, row.pk])
    shown = text(client.get(notes))
    assert "A term sheet" in shown and file in shown and str(officer) in shown
    answer = client.get(file)
    assert b"".join(answer.streaming_content) == PDF and "attachment" in answer["Content-Disposition"]
    assert AuditEvent.objects.get(verb="case.read_file").data["file"] == "sheet.pdf"
    back = reverse("collab:case_note_withdraw", args=[case.pk, row.pk])
    assert back in shown and client.post(back, {"reason": "Of another case"}).status_code == 302
    shown = text(client.get(notes))
    assert "Of another case" in shown and "A term sheet" not in shown and client.get(file).status_code == 404
    assert (client.get(back).status_code, client.post(back, {"reason": "Again"}).status_code) == (404, 404)
    inventor = as_(aurora.researcher)
    assert inventor.get(case.get_absolute_url()).status_code == 200
    assert notes not in text(inventor.get(case.get_absolute_url()))
    assert {inventor.get(url).status_code for url in (notes, new, file)} <= {403, 404}


def test_the_panel_takes_the_same_queries_for_more_notes(case, officer):
    client, notes = as_(officer), reverse("collab:case_notes", args=[case.pk])
    add_note(case=case, text="One", by=officer)
    queries(client, notes)
    first = queries(client, notes)
    for number in range(30):
        add_note(case=case, text=f"Note {number}", noted_on=timezone.localdate() - timedelta(days=number), by=officer)
    assert queries(client, notes) == first
    assert "Older" in text(client.get(notes)) and "Newer" in text(client.get(notes, {"page": 2}))


def test_programs_do_the_same(case, officer, client):
    program = {"Authorization": f"Bearer {token_for(officer)}"}
    url = reverse("api:transfer-case-note-list")
    made = client.post(url, {"case": str(case.pk), "text": "They called"}, "application/json", headers=program)
    assert (made.status_code, made.json()["text"]) == (201, "They called")
    sent = {"case": str(case.pk), "file": SimpleUploadedFile("sheet.pdf", PDF)}
    kept = client.post(url, sent, headers=program)
    assert (kept.status_code, kept.json()["file_name"]) == (201, "sheet.pdf"), kept.content
    detail = reverse("api:transfer-case-note-detail", args=[kept.json()["id"]])
    assert b"".join(client.get(f"{detail}file/", headers=program).streaming_content) == PDF
    assert len(client.get(url, {"case": str(case.pk)}, headers=program).json()["results"]) == 2
    back = client.post(f"{detail}withdraw/", {"reason": "Wrong"}, "application/json", headers=program)
    assert (back.status_code, back.json()["file_name"], back.json()["withdrawn_reason"]) == (200, "", "Wrong")
    assert client.get(f"{detail}file/", headers=program).status_code == 404


def test_the_database_refuses_to_change_a_note_or_to_remove_it(case, officer):
    assert sorted(note_guard.missing(connection)) == ["case_note_no_delete", "case_note_stays"]
    note_guard.install(connection)  # as in an installation; they go with the transaction of the test
    assert not note_guard.missing(connection)
    kept = add_note(case=case, text="They called.", file=upload(), noted_on=day(-3), by=officer)
    mine = CaseNote.objects.filter(pk=kept.pk)
    other = {
        "text": "They wrote.", "noted_on": day(-2), "file_name": "other.pdf", "media_type": "text/plain",
        "sha256": "0" * 64, "size_bytes": 1, "by": case.decided_by, "case": case_of_other(case),
        "created_at": timezone.now() + timedelta(days=1),
    }  # fmt: skip
    fixed = {field.name for field in CaseNote._meta.fields if not field.name.startswith("withdrawn_")}
    assert other.keys() == fixed - {"id"}, "every fact of a note is tried"
    for name, value in other.items():
        with pytest.raises(DatabaseError, match="take it back and write another"), transaction.atomic():
            mine.update(**{name: value})
    with pytest.raises(DatabaseError, match="not removed"), transaction.atomic():
        mine.delete()

    withdraw_note(note=kept, reason="Of another case", by=officer)
    for change in ({"withdrawn_reason": "Another"}, {"withdrawn_at": None, "withdrawn_by": None}):
        with pytest.raises(DatabaseError, match="take it back and write another"), transaction.atomic():
            mine.update(**change)
    kept.refresh_from_db()
    assert (kept.text, kept.withdrawn_reason) == ("They called.", "Of another case")


def case_of_other(case):
    return TransferCase.objects.create(organisation=case.organisation, docket="RU-9", created_by=case.created_by)
