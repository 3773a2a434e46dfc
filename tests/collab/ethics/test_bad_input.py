"""What programs should not send to the API of ethics: every field with values of a wrong type, far too large, of
somebody else or invisible. Each is refused in words or taken as it is; none is an error of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from collab.access.roles import Role
from collab.ethics.deciding import ConditionTerm, ask_applicants, assign, declare_conflict
from collab.ethics.questions import check_answers, check_form, scores, triage
from collab.ethics.services import begin_assessment, claim_condition, found_committee, report, write_form
from collab.kernel.errors import DomainError
from tests.cast import employ, person, token_for
from tests.collab.ethics.test_services import FULL, QUESTIONS, RULES, SHORT, Panel, day
from tests.turns import in_turn

pytestmark = pytest.mark.django_db
DEEP: Any = 1
for _level in range(20):
    DEEP = {"a": [DEEP]}
NOBODY = "00000000-0000-0000-0000-000000000000"
ODD: list[Any] = [
    None, True, -1, 2**53, 1e308, "", "a\u200bb", "\u202e", "\u0301" * 60, "x" * 20_000, "9999-12-31", NOBODY, [], {},
    [None], DEEP,
]  # fmt: skip
RAW = ['"a\\u0000b"', '"\\ud800"', "NaN", "1e400", "9" * 40, "{", '{"a": 1, "a": 2}', "[" * 40 + "]" * 40]
WITH_TAG = re.compile(r"(.*/[0-9a-f-]{36}/)(correct/|submit/)?")


@pytest.fixture
def panel(aurora) -> Panel:
    return Panel(aurora)


def requests_of(panel: Panel) -> Iterator[tuple[Any, str, str, dict[str, Any]]]:
    """(who, method, address, a body that would do) for every address that takes one."""
    lead, chair, admin, project = panel.joint.lead, panel.chair, panel.admin, panel.joint.project
    reviewer = panel.reviewers[0]
    draft = panel.case(FULL, submit=False)
    sent, short = panel.case(FULL), panel.case(SHORT)
    review, swayed = assign(case=sent, reviewers=panel.reviewers, by=chair)
    declare_conflict(review=swayed, kind="other", text="A cousin.", by=panel.reviewers[1])
    third = employ(person("Reviewer 3"), panel.joint.university, Role.ETHICS_REVIEWER)
    question = ask_applicants(case=sent, text="Why?", by=chair)
    approved = panel.conditional(ConditionTerm("Mask.", ["jobs"]))
    claim_condition(condition=approved.conditions.get(), evidence="Here.", by=lead)
    told = report(case=approved, kind="monitoring", text="Well.", by=lead)
    own = write_form(
        code="self",
        purpose="assessment",
        name="Own",
        questions=QUESTIONS,
        organisation=panel.joint.university,
        by=chair,
    )
    assessment = begin_assessment(project=project, form=own, by=lead)
    house, api = panel.joint.university.slug, "/api/v1/ethics-"
    yield (
        chair, "POST", f"{api}forms/",
        {"organisation": house, "code": "new", "purpose": "review", "name": "N", "name_zh": "新", "note": "n",
         "note_zh": "注", "questions": QUESTIONS, "rules": RULES},
    )  # fmt: skip
    yield chair, "PATCH", f"{api}forms/{panel.form.pk}/", {"name": "N", "name_zh": "新", "note": "n", "note_zh": "注"}
    yield chair, "POST", f"{api}forms/{panel.form.pk}/versions/", {"questions": QUESTIONS, "rules": RULES}
    firm = employ(person("Firm's Registrar"), panel.joint.company, Role.ORGANISATION_ADMIN)
    yield firm, "POST", f"{api}committees/", {"organisation": panel.joint.company.slug, "name": "B", "short_days": 3}
    yield (
        admin, "PATCH", f"{api}committees/{panel.committee.pk}/",
        {"name": "B", "name_zh": "会", "seals_reviews": True, "minimum_reviews": 1, "short_days": 3,
         "validity_months": 3, "holds_jobs": True},
    )  # fmt: skip
    yield (
        lead, "POST", f"{api}cases/",
        {"project": project.slug, "committee": str(panel.committee.pk), "form": panel.form.code, "title": "T"},
    )  # fmt: skip
    one = f"{api}cases/{draft.pk}/"
    yield lead, "PATCH", one, {"answers": FULL, "form_version": 1}
    yield lead, "POST", f"{one}submit/", {"form_version": 1, "note": "n"}
    one = f"{api}cases/{sent.pk}/"
    yield lead, "POST", f"{one}reply/", {"question": str(question.pk), "text": "So."}
    yield chair, "POST", f"{one}ask/", {"text": "Why?", "key": "aim"}
    yield chair, "POST", f"{one}assign/", {"reviewers": [str(third.pk)], "due_on": day(5).isoformat()}
    yield (
        chair, "POST", f"{api}cases/{short.pk}/decide/",
        {"decision": "approved_with_conditions", "reason": "R", "round": 1, "blocks": ["jobs"], "monitor_months": 3,
         "valid_until": day(9).isoformat(),
         "conditions": [{"text": "T", "blocks": ["jobs"], "due_on": day(5).isoformat()}]},
    )  # fmt: skip
    one = f"{api}cases/{approved.pk}/"
    yield lead, "POST", f"{one}follow/", {"title": "T"}
    yield lead, "POST", f"{one}appeal/", {"text": "No."}
    yield lead, "POST", f"{one}claim/", {"number": 1, "evidence": "E"}
    yield (
        lead, "POST", f"{one}report/",
        {"kind": "incident", "text": "T", "severity": "minor", "happened_on": day(0).isoformat()},
    )  # fmt: skip
    yield chair, "POST", f"{one}confirm/", {"number": 1, "evidence": "E"}
    yield chair, "POST", f"{one}refuse-claim/", {"number": 1, "reason": "R"}
    yield (
        chair, "POST", f"{one}correct/",
        {"reason": "R", "valid_until": day(50).isoformat(), "monitor_months": 3, "blocks": ["data"],
         "conditions": [{"number": 1, "due_on": day(5).isoformat(), "blocks": ["jobs"]}]},
    )  # fmt: skip
    yield chair, "POST", f"{one}hold/", {"move": "suspend", "reason": "R"}
    yield chair, "POST", f"{one}close/", {"report": str(told.pk), "outcome": "O"}
    one = f"{api}reviews/{review.pk}/"
    yield reviewer, "POST", f"{one}submit/", {"opinion": "favour", "text": "T"}
    yield reviewer, "POST", f"{one}conflict/", {"kind": "other", "text": "T"}
    yield chair, "POST", f"{api}reviews/{swayed.pk}/settle/", {"move": "recuse", "plan": "P"}
    yield lead, "POST", f"{api}assessments/", {"project": project.slug, "form": "self"}
    yield lead, "PATCH", f"{api}assessments/{assessment.pk}/", {"answers": FULL, "form_version": 1}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a body, at every depth."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def with_odd(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = json.loads(json.dumps(body))
    part = made
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return made


JSON_FIELDS = {"questions", "rules", "answers"}  # each is asked at every depth below, without the way through HTTP


def asked(client: Client, method: str, address: str, match: dict[str, str], sent: str) -> Any:
    """The answer; what it did is taken back."""
    with transaction.atomic():
        answer = client.generic(method, address, sent, "application/json", **match)
        transaction.set_rollback(True)
    return answer


def test_every_field_with_what_it_should_not_hold(panel, borealis):
    """A ninth of it in every run; `make matrix` asks all."""
    admin = employ(person("Their Registrar"), borealis.university, Role.ORGANISATION_ADMIN)
    foreign = found_committee(organisation=borealis.university, name="Theirs", by=admin)
    odd = [*ODD, str(foreign.pk), str(admin.pk), borealis.project.slug]
    wrong: list[Any] = []
    for number, (who, method, address, body) in enumerate(requests_of(panel)):
        client = Client(headers={"Authorization": f"Bearer {token_for(who)}"}, raise_request_exception=False)

        row = WITH_TAG.fullmatch(address)
        match = {"HTTP_IF_MATCH": client.get(row[1]).get("ETag", "")} if row else {}

        ask = partial(asked, client, method, address, match)
        good = ask(json.dumps(body))
        if good.status_code >= 300:
            wrong.append((method, address, "what would do", good.status_code, good.content[:300]))
        for path in places(body):
            if path[0] in JSON_FIELDS and len(path) > 1:
                continue
            for index, value in enumerate(odd):
                if not in_turn(f"{number} {path} {index}", of=9):
                    continue
                answer = ask(json.dumps(with_odd(body, path, value)))
                if answer.status_code >= 500:
                    wrong.append((method, address, path, repr(value)[:60], answer.status_code))
        for index, raw in enumerate(RAW):
            if not in_turn(f"{number} {index}", of=len(RAW)):
                continue
            answer = ask(f'{{"text": {raw}}}')
            if answer.status_code != 400:
                wrong.append((method, address, raw[:40], answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


def test_questions_rules_and_answers_at_every_depth():
    questions = [
        *QUESTIONS, {"key": "what", "type": "choice", "label": "What?", "label_zh": "什么？", "options": ["A", "B"],
        "options_zh": ["甲", "乙"], "help": "H", "section": "S", "weight": 2, "required": True, "advice": "D"},
    ]  # fmt: skip
    checked, rules = check_form(questions, RULES)
    given = FULL | {"burden": 3, "what": "A"}
    for path in places({"questions": questions, "rules": RULES}):
        for value in ODD:
            body = with_odd({"questions": questions, "rules": RULES}, path, value)
            with suppress(DomainError):
                asked, ruled = check_form(body["questions"], body["rules"])
                with suppress(DomainError):
                    triage(asked, ruled, check_answers(asked, given, complete=True))
    for path in [*places({"answers": given}), ("answers", "more")]:
        for value in ODD:
            for complete in (True, False):
                with suppress(DomainError):
                    found = check_answers(
                        checked, with_odd({"answers": given}, path, value)["answers"], complete=complete
                    )
                    triage(checked, rules, found)
                    scores(checked, found)
