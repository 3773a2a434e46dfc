"""The history that concerns one: scoped, filtered, said in both languages, with CSV; anchors for everybody."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collab.access.roles import Role
from collab.audit.models import AuditEvent
from collab.audit.sentences import ACTS, KINDS
from collab.audit.services import make_anchor, record
from tests.cast import employ, person

pytestmark = pytest.mark.django_db


def page(client, user, query=""):
    client.force_login(user)
    return client.get(f"/history/{query}")


def test_one_reads_what_concerns_one(client, aurora, borealis):
    text = page(client, aurora.lead).content.decode()
    assert "Began the project" in text and "Aurora Lead" in text and "Borealis" not in text


def test_admins_read_the_history_of_their_organisation(client, aurora, borealis):
    admin = employ(person("Registrar"), aurora.university, Role.ORGANISATION_ADMIN)
    record(verb="organisation.found", subject=aurora.university, by=admin, data={"name": "Riverside marker"})
    record(verb="organisation.found", subject=borealis.university, by=None, data={"name": "Hillside marker"})
    text = page(client, admin, f"?organisation={aurora.university.slug}").content.decode()
    assert "Riverside marker" in text and "Hillside marker" not in text
    assert "marker" not in page(client, aurora.lead).content.decode()


def test_filters(client, aurora):
    aurora.cover(reference="DUA-9")
    shown = lambda query: page(client, aurora.lead, query).content.decode()  # noqa: E731
    assert "Signed DUA-9" in shown("?kind=agreement") and "Began the project" not in shown("?kind=agreement")
    assert "Signed DUA-9" in shown("?person=Chancellor") and "Sent DUA-9" not in shown("?person=Chancellor")
    assert "No act fits" in shown("?since=2200-01-01") and "Signed DUA-9" in shown("?since=2000-01-01")
    assert "Began the project" in shown(f"?object={aurora.project.pk}") and "DUA-9" not in shown(
        f"?object={aurora.project.pk}"
    )
    assert "Began the project" in shown("?kind=nonsense&since=yesterday")  # an old bookmark still shows rows


def test_pages_take_the_same_queries_however_long(client, aurora):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert page(client, aurora.lead).status_code == 200
        return len(seen)

    page(client, aurora.lead)
    before = queries()
    for _number in range(60):
        record(verb="job.submit", subject=aurora.project, by=aurora.lead, project_id=aurora.project.pk, data={"n": 1})
    assert queries() == before
    assert "page=2" in page(client, aurora.lead).content.decode()


def test_csv_holds_all_of_it_and_no_formula(client, aurora):
    for _number in range(60):
        record(
            verb="job.submit",
            subject=aurora.project,
            by=aurora.lead,
            project_id=aurora.project.pk,
            data={"name": "=HYPERLINK(1)"},
        )
    record(verb="=cmd", subject=aurora.project, by=None, project_id=aurora.project.pk)
    client.force_login(aurora.lead)
    response = client.get("/history.csv")
    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    mine = AuditEvent.objects.filter(project_id=aurora.project.pk)
    assert len(lines) == mine.count() + 1 and lines[0].startswith("number,at,by,act,sentence")
    assert "'=cmd" in lines[1] and mine.first().digest in lines[1]


def test_history_in_chinese(client, aurora):
    client.force_login(aurora.lead)
    text = client.get("/history/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "历史" in text and "Began the project" not in text


def test_anchors_are_for_everybody(client, aurora):
    made = make_anchor()
    assert made.digest in client.get("/audit/anchors/").content.decode()
    assert client.get("/audit/anchors.json").json()["anchors"] == [
        {"event": made.event_id, "digest": made.digest, "made_at": made.made_at.isoformat()}
    ]


def verbs_written() -> set[str]:
    """Every verb that the code gives `record` as it stands."""
    found = set()
    for room in ("collab", "registry", "training"):
        for path in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "record":
                    found |= {
                        word.value.value
                        for word in node.keywords
                        if word.arg == "verb" and isinstance(word.value, ast.Constant)
                    }
    return found


def test_every_act_has_its_sentence_and_kind():
    written = verbs_written()
    assert len(written) > 15
    assert written - set(ACTS) == set(), "say these acts in collab/audit/sentences.py"
    assert {verb.partition(".")[0] for verb in ACTS} <= set(KINDS), "and name their kinds there"
