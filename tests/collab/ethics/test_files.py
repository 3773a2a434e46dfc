"""Files of an application: added while it is with those who apply, read by those who read the case, kept by round."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from collab.access.policy import visible_to
from collab.access.roles import Role
from collab.audit.models import AuditEvent
from collab.ethics.deciding import decide_case
from collab.ethics.files import FILES_MAX, add_file, files_of, remove_file
from collab.ethics.models import EthicsFile
from collab.ethics.services import follow_case, save_answers, submit_case, withdraw_case
from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, RefusedError, UnsupportedKindError
from tests.cast import employ, person, upload
from tests.collab.ethics.test_pages import api, signed_in
from tests.collab.ethics.test_services import FULL, SHORT, Panel, fresh

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n IEND"


@pytest.fixture
def panel(aurora) -> Panel:
    return Panel(aurora)


def pdf(words: str = "Protocol", name: str = "protocol.pdf"):
    return upload(f"%PDF-1.7 {words} %%EOF".encode(), name)


def add(panel: Panel, case, file=None, **facts) -> EthicsFile:
    facts = {"kind": "protocol", "by": panel.joint.lead} | facts
    return add_file(case=case, file=file or pdf(), **facts)


def read(case, *, applies: bool = False, number: int | None = None) -> tuple[list[str], list[str]]:
    case = fresh(case)
    files = files_of(case, case.files.all(), applies=applies, number=number)
    return [row.file_name for row in files.now], [row.file_name for row in files.before]


def address(row: EthicsFile, what: str = "") -> str:
    return reverse(f"collab:ethics_case_file{what}", args=[row.case_id, row.pk])


def returned(panel: Panel):
    """Changes are asked for; a consent form was replaced since, a note taken off, and a statement added."""
    case = panel.case(FULL, submit=False)
    consent = add(panel, case, pdf("Consent", "consent.pdf"), kind="consent")
    note = add(panel, case, upload(PNG, "note.png"), kind="other")
    case = panel.reviewed(submit_case(case=case, number=1, by=panel.joint.lead))
    case = decide_case(case=case, decision="returned", reason="Ages?", by=panel.chair)
    second = add(panel, case, pdf("Consent, ages", "consent-2.pdf"), kind="consent", replaces=consent)
    remove_file(file=note, by=panel.joint.lead)
    statement = add(panel, case, pdf("Data", "data.pdf"), kind="data_protection")
    return fresh(case), consent, note, second, statement


def test_files_are_added_and_taken_off_while_the_application_is_with_those_who_apply(panel):
    case = panel.case(FULL, submit=False)
    with pytest.raises(RefusedError):
        add(panel, case, by=panel.joint.engineer)
    with pytest.raises(NotFoundError):
        add(panel, case, by=panel.chair)
    with pytest.raises(InvalidError, match="Choose a kind"):
        add(panel, case, kind="novel")
    with pytest.raises(UnsupportedKindError, match="none of these kinds"):
        add(panel, case, upload(b"MZ\x90\x00", "protocol.pdf"))
    row = add(panel, case)
    with pytest.raises(ConflictError, match="in the application already"):
        add(panel, case, pdf(name="again.pdf"))
    remove_file(file=row, by=panel.joint.lead)
    assert not EthicsFile.objects.exists(), "no committee had it before it"
    row = add(panel, case)
    case = submit_case(case=case, number=1, by=panel.joint.lead)
    for act in (
        lambda: add(panel, case, pdf("Late")),
        lambda: add(panel, case, pdf("Late"), replaces=row),
        lambda: remove_file(file=row, by=panel.joint.lead),
    ):
        with pytest.raises(ConflictError, match="with the committee"):
            act()
    verbs = list(AuditEvent.objects.filter(verb__endswith="_file").order_by("id").values_list("verb", flat=True))
    assert verbs == ["ethics.add_file", "ethics.remove_file", "ethics.add_file"]


def test_an_application_has_only_so_many_files(panel):
    case = panel.case(FULL, submit=False)
    facts = {"kind": "other", "content_type": "application/pdf", "sha256": "0", "size_bytes": 1, "first_round": 1}
    for number in range(1, FILES_MAX + 1):
        EthicsFile.objects.create(case=case, number=number, file_name="a.pdf", by=panel.joint.lead, **facts)
    with pytest.raises(ConflictError, match=f"at most {FILES_MAX} files"):
        add(panel, case)


def test_what_the_committee_had_before_it_stays_with_its_round(panel):
    case, consent, note, second, _statement = returned(panel)

    assert read(case) == (["consent.pdf", "note.png"], []), "what is being changed is read once it is submitted"
    assert read(case, applies=True) == (["consent-2.pdf", "data.pdf"], ["consent.pdf", "note.png"])
    for gone in (consent, note):
        with pytest.raises(ConflictError, match="replaced or taken off"):
            remove_file(file=gone, by=panel.joint.lead)
    with pytest.raises(ConflictError, match="replaced or taken off"):
        add(panel, case, pdf("Third"), replaces=consent)
    assert (second.number, second.edition) == (consent.number, 2)

    never = add(panel, case, pdf("Wrong"), kind="other")
    remove_file(file=never, by=panel.joint.lead)
    submit_case(case=case, number=1, by=panel.joint.lead)
    for applies in (True, False):
        assert read(case, applies=applies) == (["consent-2.pdf", "data.pdf"], ["consent.pdf", "note.png"])
        assert read(case, applies=applies, number=1) == (["consent.pdf", "note.png"], [])


def test_what_was_never_sent_stays_with_those_who_apply_when_they_withdraw_instead(panel):
    case, consent, _note, second, _statement = returned(panel)
    sent = case.submissions.get().answers
    changed = sent | {"aim": "Written after the committee had asked."}
    case = save_answers(row=case, by=panel.joint.lead, version=case.version, number=1, answers=changed)
    case = withdraw_case(case=case, by=panel.joint.lead)

    assert read(case) == (["consent.pdf", "note.png"], []), "as the committee had it before it"
    assert read(case, applies=True) == (["consent-2.pdf", "data.pdf"], ["consent.pdf", "note.png"])
    for user, theirs in ((panel.chair, sent), (panel.joint.engineer, sent), (panel.joint.lead, changed)):
        assert api(user).get(f"/api/v1/ethics-cases/{case.pk}/").json()["answers"] == theirs, user
        page = signed_in(user).get(case.get_absolute_url()).content.decode()
        assert ("Written after" in page, "consent-2.pdf" in page) == (theirs is changed, theirs is changed), user
    assert signed_in(panel.chair).get(address(second)).status_code == 404
    assert signed_in(panel.chair).get(address(consent)).status_code == 200

    begun = withdraw_case(case=panel.case(SHORT, submit=False), by=panel.joint.lead)
    assert signed_in(panel.joint.lead).get(begun.get_absolute_url()).status_code == 200, "no round was ever sent"


def test_files_are_read_by_those_who_read_the_case_and_by_its_reviewers(panel):
    case, consent, _note, second, _statement = returned(panel)
    lead, chair, (mine, other) = panel.joint.lead, panel.chair, panel.reviewers
    stranger = employ(person("Foreign Chair"), panel.joint.company, Role.ETHICS_CHAIR)
    for user, old, new in (
        (lead, 200, 200), (panel.joint.engineer, 200, 404), (chair, 200, 404), (mine, 200, 404),
        (other, 404, 404), (stranger, 404, 404), (panel.joint.observer, 404, 404),
    ):  # fmt: skip
        for row, expected in ((consent, old), (second, new)):
            assert signed_in(user).get(address(row)).status_code == expected, (user, row)
            url = f"/api/v1/ethics-cases/{case.pk}/files/{row.pk}/"
            assert api(user).get(url).status_code == expected, (user, row)
    assert not visible_to(chair, "ethics.view", EthicsFile.objects.filter(pk=second.pk)).exists()
    answer = signed_in(chair).get(address(consent))
    assert b"".join(answer.streaming_content) == b"%PDF-1.7 Consent %%EOF"
    assert answer["Content-Disposition"] == 'attachment; filename="consent.pdf"'
    assert (answer["X-Content-Type-Options"], answer["Content-Type"]) == ("nosniff", "application/pdf")
    assert "sandbox" in answer["Content-Security-Policy"]
    elsewhere = panel.case(SHORT)
    assert signed_in(lead).get(reverse("collab:ethics_case_file", args=[elsewhere.pk, consent.pk])).status_code == 404
    review = case.reviews.get().get_absolute_url()
    for page in (case.get_absolute_url(), review):
        shown = signed_in(mine).get(page).content.decode()
        assert "consent.pdf" in shown and "consent-2.pdf" not in shown and "/files/new/" not in shown


def test_the_pages_add_replace_and_take_off(panel):
    case = panel.case(FULL, submit=False)
    lead, engineer = signed_in(panel.joint.lead), signed_in(panel.joint.engineer)
    new = reverse("collab:ethics_case_file_new", args=[case.pk])
    assert new in lead.get(case.get_absolute_url()).content.decode()
    assert new not in engineer.get(case.get_absolute_url()).content.decode()
    assert engineer.get(new).status_code == 403
    assert "multipart/form-data" in lead.get(new).content.decode()
    assert lead.post(new, {"kind": "consent", "file": upload(b"MZ", "consent.pdf")}).status_code == 415
    assert lead.post(new, {"kind": "consent"}).status_code == 422

    sent = {"kind": "consent", "file": pdf("Consent", "consent.pdf")}
    assert lead.post(new, sent).url == f"{case.get_absolute_url()}#files"

    first = EthicsFile.objects.get()
    replace = address(first, "_replace")
    assert "consent.pdf" in lead.get(replace).content.decode()
    assert lead.post(replace, {"kind": "consent", "file": pdf("Clearer", "clear.pdf")}).status_code == 302
    shown = lead.get(case.get_absolute_url()).content.decode()
    assert "edition 2" in shown and "Earlier editions" in shown and address(first) in shown
    second = EthicsFile.objects.now().get()
    assert engineer.post(address(second, "_remove")).status_code == 403
    assert lead.post(address(second, "_remove")).url == f"{case.get_absolute_url()}#files"
    assert not EthicsFile.objects.now().exists()


def test_the_api_adds_replaces_lists_and_takes_off(panel):
    case = panel.case(FULL, submit=False)
    url, client = f"/api/v1/ethics-cases/{case.pk}/", api(panel.joint.lead)
    assert api(panel.joint.engineer).post(f"{url}files/", {"kind": "consent", "file": pdf()}).status_code == 403
    made = client.post(f"{url}files/", {"kind": "consent", "file": pdf(name="a.pdf")})
    assert made.status_code == 201
    [row] = made.json()["files"]
    assert (row["number"], row["edition"], row["current"], row["file_name"]) == (1, 1, True, "a.pdf")
    sent = {"kind": "consent", "file": pdf("Two", "b.pdf"), "replaces": row["id"]}
    rows = client.post(f"{url}files/", sent).json()["files"]
    assert [(one["file_name"], one["edition"], one["current"]) for one in rows] == [
        ("b.pdf", 2, True), ("a.pdf", 1, False),
    ]  # fmt: skip
    assert client.post(f"{url}files/", sent | {"file": pdf("Three")}).status_code == 409
    assert client.post(f"{url}files/", {"kind": "consent", "file": upload(b"", "a.pdf")}).status_code == 415
    assert client.post(f"{url}files/", {"kind": "x", "file": pdf("Four")}).json()["field"] == "kind"
    assert client.delete(f"{url}files/{rows[0]['id']}/").status_code == 204
    assert [one["current"] for one in client.get(url).json()["files"]] == [False]


def test_files_go_on_with_the_application_that_follows(panel):
    case = panel.case(SHORT, submit=False)
    row = add(panel, case)
    case = panel.approve(submit_case(case=case, number=1, by=panel.joint.lead))
    [copy] = follow_case(case=case, by=panel.joint.lead).files.all()
    assert (copy.sha256, copy.first_round, copy.last_round) == (row.sha256, 1, None)


def test_a_case_asks_as_often_with_many_files(panel):
    case = panel.case(FULL, submit=False)
    add(panel, case)
    url, lead = case.get_absolute_url(), signed_in(panel.joint.lead)

    def count(address: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert lead.get(address).status_code == 200
        return len(asked)

    addresses = (url, f"/api/v1/ethics-cases/{case.pk}/")
    before = [count(one) for one in addresses]
    for number in range(5):
        add(panel, case, pdf(f"{number}"))
    assert [count(one) for one in addresses] == before
