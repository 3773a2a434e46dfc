"""Reading cases: the board, how long each stage takes, and the lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from collab.kernel.words import with_words
from collab.transfer.disclosures.models import CaseStage, Inventor, TransferCase
from collab.transfer.disclosures.states import BOARD, ENDED, PIPELINE, CaseDecision, CaseState

CARDS_SHOWN = 6


@dataclass
class Column:
    """One stage of the board: how many, the ones that have been there longest, and how long it usually takes."""

    state: str
    count: int = 0
    mean_days: int | None = None
    cards: list[TransferCase] = field(default_factory=list)

    @property
    def label(self) -> str:
        return label_of(self.state)

    @property
    def more(self) -> int:
        return self.count - len(self.cards)


def label_of(state: str) -> str:
    """As the badges say it."""
    return pgettext("state", state.replace("_", " ").capitalize())


def searched(rows: QuerySet[TransferCase], words: str) -> QuerySet[TransferCase]:
    """Cases with all these words in docket, title, summary or the name of an inventor."""
    names = ("docket", "disclosure__title", "disclosure__title_zh", "disclosure__summary")
    return with_words(rows, words, names, also=_by_inventor)


def _by_inventor(word: str) -> Q:
    return Q(pk__in=Inventor.objects.filter(name__icontains=word).values("disclosure__case"))


def board_of(rows: QuerySet[TransferCase]) -> list[Column]:
    """The columns of these cases: three queries, whatever their number."""
    columns = {state.value: Column(state) for state in BOARD}
    plain = rows.order_by()
    for state, count in plain.values_list("state").annotate(n=Count("pk")):
        if state in columns:
            columns[state].count = count
    for state, days in mean_days(plain):
        if state in columns:
            columns[state].mean_days = days
    place = Window(RowNumber(), partition_by=F("state"), order_by=[F("stage_since"), F("pk")])
    first = plain.filter(state__in=list(columns)).annotate(place=place).filter(place__lte=CARDS_SHOWN)
    for case in first.with_rows().order_by("stage_since", "pk"):  # type: ignore[attr-defined]
        columns[case.state].cards.append(case)
    return list(columns.values())


def mean_days(rows: QuerySet[TransferCase]) -> Iterator[tuple[str, int]]:
    """How long cases stayed in each stage that they have left; one query."""
    lasted = ExpressionWrapper(F("left_at") - F("entered_at"), output_field=DurationField())
    stages = CaseStage.objects.filter(case__in=rows.values("pk"), left_at__isnull=False).order_by()
    for state, mean in stages.values_list("state").annotate(mean=Avg(lasted)):
        yield state, round(mean / timedelta(days=1))


@dataclass(frozen=True)
class StageFigures:
    """One line of the report on stages."""

    state: str
    now: int
    passed: int
    mean_days: int | None
    longest: int | None

    @property
    def label(self) -> str:
        return label_of(self.state)


def stage_figures(rows: QuerySet[TransferCase]) -> list[StageFigures]:
    """For each stage: how many are in it now, how many have passed it, and how long that took. Three queries."""
    plain = rows.order_by()
    now = dict(plain.values_list("state").annotate(n=Count("pk")))
    stages = CaseStage.objects.filter(case__in=plain.values("pk")).order_by()
    passed = dict(stages.filter(left_at__isnull=False).values_list("state").annotate(n=Count("pk")))
    means = dict(mean_days(plain))
    today = timezone.now()
    waiting: dict[str, int] = {}
    for state, since in plain.values_list("state", "stage_since"):
        waiting[state] = max(waiting.get(state, 0), (today - since).days)
    return [
        StageFigures(state, now.get(state, 0), passed.get(state, 0), means.get(state), waiting.get(state))
        for state in (CaseState.DRAFT, *BOARD, *sorted(ENDED))
    ]


# --- where a case stands, in one row of steps
_STEPS = (
    ("disclosed", {CaseState.DRAFT, CaseState.RETURNED}),
    ("checked", {CaseState.SUBMITTED, CaseState.COMPLETENESS_CHECK}),
    ("assessed", {CaseState.UNDER_ASSESSMENT}),
    ("decided", {CaseState.DECIDED}),
    ("secured", {CaseState.SECURED}),
    ("marketed", {CaseState.MARKETED, CaseState.OPTIONED}),
    ("licensed", {CaseState.LICENSED}),
    ("income", {CaseState.INCOME}),
)


def steps_of(case: TransferCase) -> list[dict[str, Any]]:
    """The way of a case, for the row of steps on its page; an ended one shows how far it came."""
    words = {
        "disclosed": _("Disclosed"), "checked": _("Checked"), "assessed": _("Assessed"), "decided": _("Decided"),
        "secured": _("Secured"), "marketed": _("Marketed"), "licensed": _("Licensed"), "income": _("Income"),
    }  # fmt: skip
    seen = {stage.state for stage in case.stages.all()} if case.state in ENDED else {case.state}
    here = max((number for number, (_code, states) in enumerate(_STEPS) if seen & states), default=0)
    steps = list(_STEPS)
    if case.decision in {CaseDecision.RETURN_TO_INVENTORS, CaseDecision.HOLD}:
        steps = steps[:4]
    return [
        {
            "label": words[code],
            "done": number < here or (case.state in ENDED and number == here),
            "current": number == here and case.state not in ENDED,
        }
        for number, (code, _states) in enumerate(steps)
    ]


CSV_HEAD = (
    "docket", "title", "kind", "state", "decision", "organisation", "project", "officer", "inventors", "disclosed on",
    "in stage since", "days in stage", "decided on",
)  # fmt: skip


def csv_rows(rows: QuerySet[TransferCase]) -> Iterator[Sequence[Any]]:
    """The lines of the file: every case that one may see, with the codes that programs read."""
    yield CSV_HEAD
    loaded = rows.select_related("organisation", "project", "officer", "disclosure").prefetch_related(
        "disclosure__inventors"
    )
    for case in loaded.order_by("disclosed_on", "docket", "pk").iterator(chunk_size=500):
        yield (
            case.docket,
            case.disclosure.title,
            case.disclosure.kind,
            case.state,
            case.decision,
            case.organisation.slug,
            case.project.slug if case.project else "",
            str(case.officer or ""),
            "; ".join(f"{row.name} {row.share_percent.normalize():f}" for row in case.disclosure.inventors.all()),
            _iso(case.disclosed_on),
            _iso(timezone.localdate(case.stage_since)),
            case.days_in_stage,
            _iso(timezone.localdate(case.decided_at) if case.decided_at else None),
        )


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


def is_pursued(case: TransferCase) -> bool:
    """Decided, and on its way to others."""
    return case.state in PIPELINE and case.decision in {CaseDecision.PROTECT, CaseDecision.RELEASE_OPENLY}
