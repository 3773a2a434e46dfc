"""Pages on which both sides rank: students their choices, hosts the students."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404
from collab.internships.applications.deciding import rank_students
from collab.internships.applications.services import rank_choices
from collab.internships.applications.states import WAITING, ApplicationState
from collab.internships.models import Application, Cohort, Posting
from collab.internships.reading import ranked
from collab.web.badges import badge_of
from collab.web.csvs import csv_file
from collab.web.forms import PageForm, sent, show, submit
from collab.web.pagination import page_of

RANKED_TOGETHER = 300  # on one page, so that a ranking is sent whole; longer ones come by the API
RANK_MAX = 999


class RankForm(PageForm):
    """A number beside each application, the best has 1. What was typed comes back, with what is wrong at its row."""

    def __init__(self, *args: Any, rows: Iterable[Application], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_name = {f"rank_{row.pk}": row for row in rows}
        for name, row in self.by_name.items():
            self.fields[name] = self.field(row)

    def field(self, row: Application) -> forms.Field:
        said = {"aria-label": _("Rank of %(name)s") % {"name": row.candidate}}
        widget = forms.NumberInput(attrs={"class": "form-control form-control-sm rank-number", **said})
        return forms.IntegerField(min_value=1, max_value=RANK_MAX, required=False, initial=row.rank, widget=widget)

    def clean(self) -> dict[str, Any]:
        given = {name: number for name, number in self.cleaned_data.items() if number}
        often = Counter(given.values())
        twice = [name for name, number in given.items() if often[number] > 1]
        for name in twice:
            self.add_error(name, _("Give each number once."))
        if self.errors:
            self.add_error(None, _("Nothing is saved yet: look at the rows that are marked."))
        return self.cleaned_data

    def order(self) -> list[Application]:
        """The applications by their numbers; one without a number is left out."""
        given = [(number, name) for name, number in self.cleaned_data.items() if number]
        return [self.by_name[name] for _number, name in sorted(given)]

    def beside(self, rows: Iterable[Any]) -> None:
        """Give each row the field to be shown beside it, where there is one."""
        for row in rows:
            name = f"rank_{row.pk}"
            row.rank_field = self[name] if name in self.fields else None


class ChoiceForm(RankForm):
    """The choices of a student: as many numbers as the cohort lets one rank."""

    def __init__(self, *args: Any, most: int, **kwargs: Any) -> None:
        self.most = most
        super().__init__(*args, **kwargs)

    def field(self, row: Application) -> forms.Field:
        choices = [("", "–"), *((n, str(n)) for n in range(1, self.most + 1))]
        widget = forms.Select(attrs={"class": "form-select form-select-sm"})
        return forms.TypedChoiceField(
            choices=choices, coerce=int, empty_value=None, required=False, initial=row.choice, widget=widget,
            label=str(row.posting),
        )  # fmt: skip


def cohort_rank(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A student's own order of choices."""
    row = get_or_404(request.user, "programme.rank", Cohort.objects.select_related("programme__organisation"), pk=pk)
    mine = Application.objects.filter(cohort=row, candidate=request.user).with_names()
    rows = list(mine.filter(state__in=[*WAITING, ApplicationState.OFFERED]).order_by("choice", "created_at"))
    form = ChoiceForm(sent(request), rows=rows, most=row.choices_max)

    def rank() -> str:
        rank_choices(cohort=row, order=form.order(), by=request.user)
        messages.success(request, _("Your choices are saved; you can change them until ranking ends."))
        return row.get_absolute_url()

    done = submit(request, form, rank)
    form.beside(rows)
    context = {
        "cohort": row, "rows": rows, "form": form, "title": _("Rank your choices"), "back": row.get_absolute_url(),
    }  # fmt: skip
    return done or show(request, "collab/internships/rank.html", context, form)


def posting_board(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The applications for a posting, with the board's scores; the host ranks them here."""
    row: Posting = get_or_404(request.user, "posting.manage", Posting.objects.with_names(), pk=pk)
    rows = _board_of(row)
    page = page_of(request, rows, size=RANKED_TOGETHER)
    page.object_list = list(page.object_list)
    takes = row.cohort.takes_rankings(timezone.now()) and page.paginator.num_pages == 1
    # what was typed is read also when the list has grown beyond one page since it was shown
    waiting = rows.filter(state__in=WAITING) if request.method == "POST" else page.object_list if takes else []
    form = RankForm(sent(request), rows=[one for one in waiting if one.state in WAITING])

    def rank() -> str:
        rank_students(posting=row, order=form.order(), by=request.user)
        messages.success(request, _("The ranking is saved."))
        return f"{row.get_absolute_url()}board/"

    done = submit(request, form, rank)
    form.beside(page.object_list)
    context = {"posting": row, "page": page, "form": form, "may_rank": takes}
    return done or show(request, "collab/internships/posting_board.html", context, form)


def posting_board_file(request: HttpRequest, pk: UUID) -> HttpResponse:
    row: Posting = get_or_404(request.user, "posting.manage", Posting.objects.with_names(), pk=pk)
    head = [_("Student"), _("University"), _("State"), _("Score"), _("Reviews"), _("Sent"), _("Rank")]
    lines = [
        [
            one.candidate, one.university, badge_of(one.shown_state, "application").word,
            None if one.score is None else f"{one.score:.1f}", one.given,
            f"{timezone.localtime(one.submitted_at):%Y-%m-%d %H:%M}", one.rank,
        ]
        for one in _board_of(row)
    ]  # fmt: skip
    return csv_file("applications.csv", [head, *lines])


def _board_of(posting: Posting) -> Any:
    return ranked(posting.applications.sent().select_related("candidate", "university", "posting"))
