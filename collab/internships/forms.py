"""Forms of internships."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, OrganisationKind, User
from collab.agreements.models import Agreement, AgreementKind
from collab.internships.applications.models import DocumentKind
from collab.internships.models import Application, Placement, Posting
from collab.internships.placements.models import NoteKind, Verdict
from collab.internships.placements.services import fields_for
from collab.internships.programmes.models import Audience, CheckKind
from collab.internships.programmes.questions import ANSWER_MAX, criteria_of, said_label
from collab.kernel.errors import Fault
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import Project
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm, SearchInput


def text(label: Any, rows: int = 3, most: int = 2000, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=most, validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": rows}), **more,
    )  # fmt: skip


def line(label: Any, most: int = 120, **more: Any) -> forms.CharField:
    checks = [DisplayNameValidator()] if more.get("required", True) else [PlainTextValidator()]
    return forms.CharField(label=label, max_length=most, validators=checks, **more)


def moment(label: Any, **more: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, widget=widget, **more)


def day(label: Any, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=DayInput, **more)


def _version() -> forms.IntegerField:
    return forms.IntegerField(widget=forms.HiddenInput)


class ReasonForm(OnceForm):
    reason = text(_("Reason"), most=500)


class ProgrammeForm(OnceForm):
    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("University"), empty_label=None)
    name = line(_("Name"))
    name_zh = line(_("Chinese name"), required=False)
    about = text(_("About"), 4, 4000, required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows: Any = visible_to(user, "programme.manage", Organisation.objects.filter(kind=OrganisationKind.UNIVERSITY))
        self.fields["organisation"].queryset = rows  # type: ignore[attr-defined]


class ProgrammeEditForm(OnceForm):
    """Criteria: one on each line, with its weight."""

    name = line(_("Name"))
    name_zh = line(_("Chinese name"), required=False)
    about = text(_("About"), 4, 4000, required=False)
    about_intern = text(
        _("What mentors evaluate"), 5, 4000, help_text=_("One on each line: label | Chinese label | weight.")
    )
    about_host = text(
        _("What interns evaluate"), 5, 4000, help_text=_("One on each line: label | Chinese label | weight.")
    )
    version = _version()

    def __init__(self, *args: Any, criteria: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.criteria = criteria

    def clean_about_intern(self) -> list[dict[str, Any]]:
        return criteria_of(self.cleaned_data["about_intern"], "intern", self.criteria)

    def clean_about_host(self) -> list[dict[str, Any]]:
        return criteria_of(self.cleaned_data["about_host"], "host", self.criteria)

    def values(self) -> dict[str, Any]:
        given = super().values()
        given["criteria"] = given.pop("about_intern") + given.pop("about_host")
        return given


class CohortForm(OnceForm):
    name = line(_("Name"))
    name_zh = line(_("Chinese name"), required=False)
    publishes_at = moment(_("Postings are shown from"))
    opens_at = moment(_("Applications from"))
    closes_at = moment(_("Applications until"), help_text=_("The last second counts; what comes later is too late."))
    ranking_ends_at = moment(_("Ranking until"))
    starts_on = day(_("Placements begin"))
    ends_on = day(_("Placements end"))
    choices_max = forms.IntegerField(label=_("Choices a student may rank"), min_value=1, max_value=50, initial=5)
    offer_days = forms.IntegerField(label=_("Days to answer an offer"), min_value=1, max_value=90, initial=7)


class CohortEditForm(CohortForm):
    version = _version()


class CheckPointForm(OnceForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=CheckKind.choices)
    name = line(_("Name"))
    due_on = day(_("Due on"))


class CheckPointEditForm(PageForm):
    name = line(_("Name"))
    due_on = day(_("Due on"))
    version = forms.IntegerField(widget=forms.HiddenInput)

    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class PointMoveForm(PageForm):
    """Another day for one intern."""

    due_on = day(_("Due for this intern on"))
    reason = text(_("Reason"), most=500)


class PostingForm(OnceForm):
    """What a host offers. Questions: one on each line; a line that begins with * must be answered."""

    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("Host"), empty_label=None)
    title = line(_("Title"), 160)
    title_zh = line(_("Chinese title"), 160, required=False)
    duties = text(_("Duties"), 5, 6000)
    skills = text(_("Skills"), required=False)
    eligibility = text(_("Who may apply"), required=False)
    places = forms.IntegerField(label=_("Places"), min_value=1, max_value=500, initial=1)
    starts_on = day(_("Starts on"))
    ends_on = day(_("Last day"))
    place = line(_("Place of work"))
    remote = forms.BooleanField(label=_("May be done remotely"), required=False)
    pay = forms.DecimalField(label=_("Pay a month"), min_value=0, max_digits=10, decimal_places=2, initial=0)
    currency = forms.RegexField("^[A-Z]{3}$", label=_("Currency"), initial="EUR")
    hours = forms.IntegerField(label=_("Hours a week"), min_value=1, max_value=60, initial=35)
    credits = forms.IntegerField(label=_("Credits"), min_value=0, max_value=120, initial=0)
    closes_at = moment(_("Applications until"), required=False, help_text=_("Empty: as the cohort says."))
    audience = forms.ChoiceField(label=_("Shown to"), choices=Audience.choices)
    universities = forms.ModelMultipleChoiceField(
        Organisation.objects.filter(kind=OrganisationKind.UNIVERSITY), label=_("Chosen universities"), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    project = forms.ModelChoiceField(
        Project.objects.none(), label=_("Joint project"), required=False,
        help_text=_("Interns get access to it from the first day to the last, less than its members have."),
    )  # fmt: skip
    question_lines = text(
        _("Questions to applicants"), 4, 4000, required=False,
        help_text=_("One on each line. Begin a line with * where an answer is required."),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = visible_to(user, "posting.manage", Organisation.objects.all())  # type: ignore[attr-defined]
        self.fields["project"].queryset = Project.objects.visible_to(user)  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        given = super().values()
        given["questions"] = questions_of(given.pop("question_lines"))
        return given


class PostingEditForm(PostingForm):
    version = _version()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["organisation"]


class PostingFilter(ListFilter):
    """Above a list of postings, signed in or not."""

    q = django_filters.CharFilter(
        method="search", label=_("Search"), widget=SearchInput(_("Title, skill, host or place"))
    )
    open = django_filters.ChoiceFilter(
        method="taking", choices=[("now", _("takes applications now"))], label=_("Applications"),
        empty_label=_("open or closed"),
    )  # fmt: skip

    class Meta:
        model = Posting
        fields: list[str] = []

    def search(self, rows: Any, name: str, value: str) -> Any:
        return rows.matching(value)

    def taking(self, rows: Any, name: str, value: str) -> Any:
        return rows.open_at(timezone.now())


def questions_of(lines: str) -> list[dict[str, Any]]:
    """`* Why?` -> a question that must be answered."""
    found = [row.strip() for row in lines.splitlines() if row.strip().lstrip("*").strip()]
    return [
        {"key": f"q{number}", "label": row.lstrip("*").strip(), "required": row.startswith("*")}
        for number, row in enumerate(found, 1)
    ]


def lines_of(questions: Iterable[dict[str, Any]]) -> str:
    return "\n".join(f"{'* ' if row['required'] else ''}{row['label']}" for row in questions)


class ApplyForm(OnceForm):
    """For which of one's universities one applies."""

    university = forms.ModelChoiceField(
        Organisation.objects.none(), label=_("University"), empty_label=None,
        help_text=_("You belong to several: the host reads for which of them you apply."),
    )  # fmt: skip

    def __init__(self, *args: Any, universities: Sequence[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = [row.pk for row in universities]
        self.fields["university"].queryset = Organisation.objects.filter(pk__in=keys).order_by("name")  # type: ignore[attr-defined]


class ApplicationForm(PageForm):
    """The statement, and an answer to each question of the posting."""

    statement = text(_("Why this place?"), 6, 6000, required=False)
    version = _version()
    questions_version = _version()

    def __init__(self, *args: Any, application: Application, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keys = []
        for row in application.posting.questions:
            name = f"answer_{row['key']}"
            self.keys.append(row["key"])
            label = row["label"] if row["required"] else _now("%(question)s (as you like)") % {"question": row["label"]}
            self.fields[name] = text(label, 3, ANSWER_MAX, required=False)
            self.fields[name].initial = application.answers.get(row["key"], "")

    def place_of(self, fault: Fault, field: str | None) -> str | None:
        name = f"answer_{fault.path}"
        return name if name in self.fields else super().place_of(fault, field)

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        answers = {key: given[f"answer_{key}"] for key in self.keys}
        return {name: given[name] for name in ("statement", "version", "questions_version")} | {"answers": answers}


class DocumentForm(PageForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=DocumentKind.choices)
    file = forms.FileField(
        label=_("File"),
        max_length=4096,
        allow_empty_file=True,
        help_text=_("PDF, PNG or JPEG; only the host reads it."),
    )


DECISION_WORDS = {
    "shortlist": _("Put on the short list"),
    "offer": _("Offer a place"),
    "reject": _("Refuse"),
    "renew": _("Offer the place again"),
    "retract": _("Take the offer back"),
    "reconsider": _("Consider it again"),
}


class DecideForm(OnceForm):
    move = forms.ChoiceField(label=_("Decision"), widget=forms.RadioSelect)
    reason = text(_("Reason"), most=1000, required=False, help_text=_("The student reads it."))

    def __init__(self, *args: Any, moves: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["move"].choices = [(move, DECISION_WORDS[move]) for move in moves]  # type: ignore[attr-defined]


class InterviewForm(OnceForm):
    where = line(_("Where"), 200, required=False, help_text=_("A room, or a link."))
    first = moment(_("Proposed time"))
    second = moment(_("… or"), required=False)
    third = moment(_("… or"), required=False)

    def values(self) -> dict[str, Any]:
        given = super().values()
        times: list[datetime] = [given[name] for name in ("first", "second", "third") if given[name]]
        return {"where": given["where"], "times": times}


class OtherTimesForm(OnceForm):
    reason = text(_("What would suit you"), most=1000, help_text=_("The host reads it and proposes other times."))


class ReviewersForm(OnceForm):
    people = forms.ModelMultipleChoiceField(
        User.objects.none(), label=_("People of the host"), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["people"].queryset = people_of(organisation)  # type: ignore[attr-defined]


class ScoreForm(PageForm):
    score = forms.IntegerField(label=_("Score"), min_value=1, max_value=10, help_text=_("1 to 10; 10 is best."))
    comment = text(_("Comment"), required=False)


class PairForm(OnceForm):
    forced = forms.TypedChoiceField(
        label=_("This student and this place"),
        choices=[("yes", _("must come together")), ("no", _("must not come together"))],
        coerce=lambda value: value == "yes", widget=forms.RadioSelect,
    )  # fmt: skip
    reason = text(_("Reason"), most=500)


def people_of(organisation: Organisation) -> Any:
    """People with a role in the organisation today."""
    from collab.accounts.models import Membership

    rows = Membership.objects.filter(organisation=organisation, project=None).active(timezone.now())
    return User.objects.filter(pk__in=rows.values("user"), is_active=True).order_by("name")


class PlacementListFilter(ListFilter):
    """Above the list of placements."""

    q = django_filters.CharFilter(method="named", label=_("Search"), widget=SearchInput(_("Intern, guide or host")))
    going = django_filters.ChoiceFilter(
        method="is_open", label=_("Placements"), empty_label=_("open and ended"),
        choices=[("open", pgettext_lazy("placements", "open")), ("ended", pgettext_lazy("placements", "ended"))],
    )  # fmt: skip

    class Meta:
        model = Placement
        fields: list[str] = []

    def named(self, rows: Any, name: str, value: str) -> Any:
        return rows.named(value)

    def is_open(self, rows: Any, name: str, value: str) -> Any:
        return rows.going_on() if value == "open" else rows.ended()


_KINDS = [AgreementKind.INTERNSHIP, AgreementKind.COLLABORATION, AgreementKind.CONSORTIUM, AgreementKind.DATA_USE]


class PlacementForm(PageForm):
    """What this person writes down of a placement; the other fields are somebody else's."""

    mentor = forms.ModelChoiceField(User.objects.none(), label=_("Mentor"), required=False)
    tasks = text(_("Tasks"), 4, 2000, required=False)
    hours = forms.IntegerField(label=_("Hours a week"), min_value=1, max_value=60)
    pay = forms.DecimalField(label=_("Pay a month"), min_value=0, max_digits=10, decimal_places=2)
    currency = forms.RegexField("^[A-Z]{3}$", label=_("Currency"))
    supervisor = forms.ModelChoiceField(User.objects.none(), label=_("Supervisor"), required=False)
    outcomes = text(_("Learning outcomes"), 4, 2000, required=False)
    monitoring = text(_("How the university follows it"), 3, 2000, required=False)
    credits = forms.IntegerField(label=_("Credits"), min_value=0, max_value=120)
    starts_on = day(_("Starts on"))
    ends_on = day(_("Last day"))
    dates_reason = text(_("Why other dates than the cohort's"), 2, 500, required=False)
    project = forms.ModelChoiceField(Project.objects.none(), label=_("Joint project"), required=False)
    gives_access = forms.BooleanField(label=_("The intern gets access to the project"), required=False)
    host_agreement = forms.ModelChoiceField(Agreement.objects.none(), label=_("Host agreement"), required=False)
    insurer = line(_("Insured with"), required=False)
    insured_until = day(_("Insured until"), required=False)
    contact_name = line(_("Whom to call in an emergency"), required=False)
    contact_phone = line(_("Telephone"), 30, required=False)
    version = _version()

    def __init__(self, *args: Any, placement: Placement, user: User, **kwargs: Any) -> None:
        names = fields_for(placement, user)
        kwargs.setdefault("initial", {name: getattr(placement, name) for name in [*names, "version"]})
        super().__init__(*args, **kwargs)
        for name in set(self.fields) - {*names, "version"}:
            del self.fields[name]
        offered = {
            "mentor": lambda: people_of(placement.host),
            "supervisor": lambda: people_of(placement.university),
            "project": lambda: Project.objects.visible_to(user).filter(parties__organisation=placement.host),
            "host_agreement": lambda: Agreement.objects.visible_to(user).filter(
                kind__in=_KINDS, versions__parties__organisation=placement.host
            ).distinct(),
        }  # fmt: skip
        for name, rows in offered.items():
            if name in self.fields:
                self.fields[name].queryset = rows()  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class LearningForm(OnceForm):
    governing_law = line(_("Governing law"))


class SignForm(PageForm):
    typed_name = line(_("Type your name to sign"))
    document_sha256 = forms.CharField(widget=forms.HiddenInput, max_length=64)


class MoveForm(OnceForm):
    move = forms.ChoiceField(label=_("What happens"), widget=forms.RadioSelect)
    reason = text(_("Reason"), most=1000, required=False)

    def __init__(self, *args: Any, moves: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["move"].choices = moves  # type: ignore[attr-defined]


class ChangeForm(OnceForm):
    starts_on = day(_("Starts on"))
    ends_on = day(_("Last day"))
    hours = forms.IntegerField(label=_("Hours a week"), min_value=1, max_value=60)
    pay = forms.DecimalField(label=_("Pay a month"), min_value=0, max_digits=10, decimal_places=2)
    credits = forms.IntegerField(label=_("Credits"), min_value=0, max_value=120)
    tasks = text(_("Tasks"), 4, 2000)
    outcomes = text(_("Learning outcomes"), 4, 2000)
    monitoring = text(_("How the university follows it"), 3, 2000)
    reason = text(_("Reason"), most=500)


class MentorForm(OnceForm):
    mentor = forms.ModelChoiceField(User.objects.none(), label=_("New mentor"))
    reason = text(_("Reason"), most=1000)

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["mentor"].queryset = people_of(organisation)  # type: ignore[attr-defined]


class SupervisorForm(OnceForm):
    supervisor = forms.ModelChoiceField(User.objects.none(), label=_("New supervisor"))
    reason = text(_("Reason"), most=1000)

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["supervisor"].queryset = people_of(organisation)  # type: ignore[attr-defined]


class LogForm(PageForm):
    day = day(_("Day"), initial=timezone.localdate)
    hours = forms.DecimalField(label=_("Hours"), min_value=0, max_value=16, max_digits=4, decimal_places=2)
    text = text(_("What was done"))


class NoteForm(OnceForm):
    kind = forms.ChoiceField(label=_("Kind"), widget=forms.RadioSelect)
    text = text(_("What happened"), 4, 4000)
    verdict = forms.ChoiceField(
        label=_("The placement"), choices=[("", "–"), *Verdict.choices], required=False,
        help_text=_("Only for a milestone feedback."),
    )  # fmt: skip
    weeks = forms.IntegerField(label=_("Extended by weeks"), min_value=1, max_value=52, required=False)
    paid = forms.NullBooleanField(label=_("With pay"), required=False)
    confidential = forms.BooleanField(
        label=_("Confidential incident"), required=False,
        help_text=_("Only the coordinators of the student's university read it, neither host nor mentor."),
    )  # fmt: skip

    def __init__(self, *args: Any, guides: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [NoteKind.CHECK_IN, NoteKind.INCIDENT, *([NoteKind.FEEDBACK] if guides else [])]
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in kinds]  # type: ignore[attr-defined]
        if not guides:
            for name in ("verdict", "weeks", "paid"):
                del self.fields[name]


class SettleForm(OnceForm):
    """A feedback that asks for an extension or the end is followed or not; nothing else has anything to follow."""

    settlement = text(_("What was done"), most=1000)
    follow = forms.BooleanField(label=_("Do as the feedback asks"), required=False, initial=True)

    def __init__(self, *args: Any, verdict: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if verdict not in {Verdict.EXTEND, Verdict.END}:
            del self.fields["follow"]


class EvaluationForm(PageForm):
    """A score for each criterion about the other side."""

    comment = text(_("Comment"), 4, 4000, required=False)

    def __init__(self, *args: Any, criteria: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = [row["key"] for row in criteria]
        for row in criteria:
            label = _now("%(criterion)s (weight %(n)d)") % {"criterion": said_label(row), "n": row["weight"]}
            self.fields[f"score_{row['key']}"] = forms.TypedChoiceField(
                label=label, choices=[(str(n), str(n)) for n in range(1, 6)], coerce=int, widget=forms.RadioSelect
            )
        self.order_fields([*(f"score_{name}" for name in self.names), "comment"])

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {"scores": {name: given[f"score_{name}"] for name in self.names}, "comment": given["comment"]}
