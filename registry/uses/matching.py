"""The stated purpose of a job against the codes of its data: permitted, refused, or for a person to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.accounts.models import User
from collab.kernel.errors import Fault, FaultyInputError
from registry.datasets.models import Dataset
from registry.uses.models import UseCode
from registry.uses.vocabulary import OF_PEOPLE, QUESTIONS, Question, Use


class Verdict(StrEnum):
    PERMIT = "permit"
    REFUSE = "refuse"
    HUMAN = "human"


@dataclass(frozen=True)
class Statement:
    """What a person says a job is for. None and empty: not said."""

    commercial: bool | None = None
    methods: bool | None = None
    publish: bool | None = None
    collaborate: bool | None = None
    give_back: bool | None = None
    territory: str = ""
    ethics: str = ""
    about: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def said(self) -> dict[str, Any]:
        """Only what was said: how a job keeps it."""
        return {name: value for name, value in asdict(self).items() if value is not None and value != ""}


ANSWERS = ("commercial", "methods", "publish", "collaborate", "give_back")
TEXTS = {"territory": 2, "ethics": 120, "about": 500}


def statement_of(said: Mapping[str, Any] | None) -> Statement:
    """The statement; raises FaultyInputError naming every answer at fault."""
    said = said or {}
    known = {one.name for one in fields(Statement)}
    faults = [Fault(f"purpose.{name}", _("There is no such field.")) for name in sorted(set(said) - known)]
    given: dict[str, Any] = {}
    for name in ANSWERS:
        value = said.get(name)
        if value is not None and not isinstance(value, bool):
            faults.append(Fault(f"purpose.{name}", _("Write true or false.")))
        given[name] = value
    for name, length in TEXTS.items():
        value = said.get(name) or ""
        if not isinstance(value, str) or len(value) > length or not value.isprintable():
            faults.append(Fault(f"purpose.{name}", _("Write at most %(n)d characters in one line.") % {"n": length}))
            continue
        given[name] = value.strip()
    if given.get("territory"):
        given["territory"] = given["territory"].upper()
        if not (given["territory"].isascii() and given["territory"].isalpha() and len(given["territory"]) == 2):
            faults.append(Fault("purpose.territory", _("Write a country in two letters, as in ISO 3166.")))
    if faults:
        raise FaultyInputError(faults, field="purpose")
    return Statement(**given)


@dataclass(frozen=True)
class Match:
    """How one code takes the purpose, and why; `mend` says what would let a refused one through.

    `asks` is the answer of the purpose that it looks at, if it looks at one.
    """

    code: str
    label: str
    verdict: str
    reason: str
    mend: str = ""
    asks: str = ""

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def match(dataset: Dataset, statement: Statement, user: User, at: datetime | None = None) -> list[Match]:
    """Each code of the dataset against the purpose and the person: a constant number of queries."""
    at = at or timezone.now()
    codes = list(UseCode.objects.current().filter(terms__dataset=dataset).with_names())
    closed = set(
        UseCode.objects.current().filter(terms__dataset=dataset).closed_to(user, at).values_list("code", flat=True)
    ) if codes else set()  # fmt: skip
    return [_match(code, statement, code.code in closed, dataset) for code in codes]


def _match(code: UseCode, said: Statement, closed: bool, dataset: Dataset) -> Match:
    if code.code in OF_PEOPLE:
        verdict: str = Verdict.REFUSE if closed else Verdict.PERMIT
        reason = str(code.spec.explanation) + (f" ({code.parameter})" if code.parameter else "")
    else:
        verdict, reason = _purpose(code, said)
    asks = code.spec.asks
    mend = _mend(asks, said, dataset) if verdict == Verdict.REFUSE else ""
    return Match(code.code, str(code.spec.label), verdict, reason, mend, asks)


def _mend(asks: str, said: Statement, dataset: Dataset) -> str:
    """What a person can do about a refusal."""
    if asks and getattr(said, asks) in (None, ""):
        return _("Answer “%(question)s” in the purpose of the job.") % {"question": QUESTIONS[asks].label}
    if asks:
        text = _("Correct the answer if it is wrong, or ask %(owner)s, whose data it is, to permit this.")
        return text % {"owner": dataset.organisation}
    return _("Ask %(owner)s, whose data it is, to permit this.") % {"owner": dataset.organisation}


# code -> (what the answer must be, why it fits, why it does not)
def _answers() -> dict[str, tuple[bool, str, str]]:
    return {
        Use.NON_COMMERCIAL: (
            False,
            _("The job has no commercial aim."),
            _("The job has a commercial aim, which the owner does not permit."),
        ),
        Use.NO_METHODS: (
            False,
            _("The job does not develop methods in general."),
            _("The job develops methods in general, which the owner does not permit."),
        ),
        Use.PUBLICATION_REQUIRED: (
            True,
            _("The results will be published."),
            _("The owner requires that the results are published."),
        ),
        Use.COLLABORATION_REQUIRED: (
            True,
            _("The owner takes part in the work."),
            _("The owner requires to take part in the work."),
        ),
        Use.RETURN_RESULTS: (
            True,
            _("Derived data is given to the owner."),
            _("The owner requires that derived data is returned."),
        ),
    }


def _purpose(code: UseCode, said: Statement) -> tuple[str, str]:
    if code.code in (answers := _answers()):
        wanted, fits, fails = answers[code.code]
        value = getattr(said, code.spec.asks)
        if value is None:
            return Verdict.REFUSE, _("The purpose does not say this yet. %(why)s") % {"why": code.spec.explanation}
        return (Verdict.PERMIT, fits) if value == wanted else (Verdict.REFUSE, fails)
    if code.code == Use.GEOGRAPHY:
        facts = {"here": said.territory, "there": _(", ").join(code.territories)}
        if said.territory in code.territories:
            return Verdict.PERMIT, _("The job is run in %(here)s, which is among %(there)s.") % facts
        if not said.territory:
            return Verdict.REFUSE, _(
                "The purpose does not say where the job is run; the owner permits %(there)s."
            ) % facts
        return Verdict.REFUSE, _("The job is run in %(here)s; the owner permits %(there)s.") % facts
    if code.code == Use.ETHICS_REQUIRED:
        if not said.ethics:
            return Verdict.REFUSE, _("The purpose names no approval of an ethics board.")
        return Verdict.HUMAN, _("The owner looks at the approval “%(ref)s”.") % {"ref": said.ethics}
    if code.code in (Use.PROJECT_SPECIFIC, Use.TOPIC_SPECIFIC):
        if not said.about:
            return Verdict.REFUSE, _("The purpose does not describe the work; the owner permits only: %(text)s") % {
                "text": code.text
            }
        return Verdict.HUMAN, _("The owner says whether the job belongs to: %(text)s") % {"text": code.text}
    return Verdict.PERMIT, str(code.spec.explanation)


def refusals(dataset: Dataset, matches: list[Match]) -> list[Missing]:
    """What is refused, as a refusal names it."""
    url = reverse("registry:dataset_uses", args=[dataset.pk])
    text = _("The data-use code “%(code)s” refuses it: %(reason)s %(mend)s")
    return [
        Missing(f"use.{one.code}", text % {"code": one.label, "reason": one.reason, "mend": one.mend}, url)
        for one in matches
        if one.verdict == Verdict.REFUSE
    ]


Asked = tuple[Question, list[UseCode]]


def questions_of(datasets: Iterable[Dataset], said: Mapping[str, Any] | None = None) -> list[Asked]:
    """What a job on this data is asked, each with the codes that ask it, and what has been said already.

    Where no code asks anything, a line about the work is all there is to say.
    """
    codes = list(UseCode.objects.current().filter(terms__dataset__in=list(datasets)).with_names())
    asking = {name: [code for code in codes if code.spec.asks == name] for name in QUESTIONS}
    wanted = {name for name, those in asking.items() if those} | set(said or {}) & set(QUESTIONS) or {"about"}
    return [(question, asking[name]) for name, question in QUESTIONS.items() if name in wanted]


def told(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A purpose as questions and answers to read."""
    words = {True: _("Yes"), False: _("No")}
    rows = [(question, said.get(name)) for name, question in QUESTIONS.items()]
    return [
        (str(question.label), words[value] if isinstance(value, bool) else str(value))
        for question, value in rows
        if value not in (None, "")
    ]


def for_humans(matches: list[Match]) -> list[Match]:
    """What the owner must say."""
    return [one for one in matches if one.verdict == Verdict.HUMAN]


def missing_use(user: User, dataset: Dataset, at: datetime) -> Missing:
    """Which codes about who and when stand against the person."""
    rows = UseCode.objects.current().filter(terms__dataset=dataset).closed_to(user, at).with_names()
    said = _("; ").join(f"“{row}” {row.parameter}".strip() for row in rows)
    text = _("The owner's data-use codes close it to you: %(codes)s.") % {"codes": said}
    return Missing("use_code", text, reverse("registry:dataset_uses", args=[dataset.pk]))
