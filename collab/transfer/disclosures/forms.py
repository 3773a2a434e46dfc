"""Forms of disclosures, cases and assessments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import django_filters
from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import party_of, visible_to
from collab.accounts.models import Membership, Organisation, OrganisationUnit, User
from collab.agreements.ip import PartnerRight
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import Project
from collab.transfer.disclosures.asking import holders_in
from collab.transfer.disclosures.board import label_of, searched
from collab.transfer.disclosures.models import Assessment, DisclosureKind, PriorArtKind, TransferCase
from collab.transfer.disclosures.prefill import ResultTerm
from collab.transfer.disclosures.states import (
    BOARD,
    CASE_DECISION_WORDS,
    ENDED,
    PIPELINE,
    PURSUED,
    CaseDecision,
    CaseState,
)
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm, SearchInput

DECISIONS = [(decision.value, CASE_DECISION_WORDS[decision]) for decision in CaseDecision]


def text(label: Any, rows: int = 4, most: int = 4000, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=most,
        required=more.pop("required", False),
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": rows}),
        **more,
    )


def line(label: Any, most: int, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=most, required=more.pop("required", False), validators=[PlainTextValidator()], **more
    )


class DisclosureForm(OnceForm):
    """What the inventors say; the inventors, funding and prior art have pages of their own."""

    title = forms.CharField(label=_("Title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = line(_("Chinese title"), 200)
    kind = forms.ChoiceField(label=_("Kind"), choices=DisclosureKind.choices)
    summary = text(
        _("Non-confidential summary"),
        4,
        help_text=_("What it does and what it is good for, without how. It may be shown to companies."),
    )
    description = text(
        _("Confidential description"),
        8,
        20000,
        help_text=_("How it works, what is new, what else was tried. Only the office and the inventors read it."),
    )
    conception_on = forms.DateField(label=_("Conceived on"), widget=DayInput, required=False)
    public_disclosure_on = forms.DateField(
        label=_("First made public on"),
        widget=DayInput,
        required=False,
        help_text=_("A paper, a talk, a preprint, a public repository. Empty: not yet."),
    )
    planned_disclosure_on = forms.DateField(
        label=_("Shall be made public on"),
        widget=DayInput,
        required=False,
        help_text=_("Publication may destroy a patent for good: say so before, not after."),
    )
    public_disclosure_note = line(_("Where"), 300)


class UnitField(forms.ModelChoiceField):
    """The units of some organisations, each with its name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(OrganisationUnit.objects.none(), label=_("Unit"), required=False, empty_label="–", **kwargs)

    def of(self, houses: Any) -> None:
        self.queryset = OrganisationUnit.objects.filter(organisation__in=houses).order_by("organisation__name", "name")


class NewDisclosureForm(DisclosureForm):
    """Whose office it goes to, and who else worked on it."""

    organisation = forms.ModelChoiceField(
        Organisation.objects.none(), label=_("Disclose to"), empty_label=None, help_text=_("The office of your house.")
    )
    contributors = forms.ModelMultipleChoiceField(
        User.objects.none(),
        label=_("Inventors"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Who had a part in what is new. The shares are equal at first; change them on the next page."),
    )
    unit = UnitField(help_text=_("The faculty or institute that it comes from. Empty: that of the first inventor."))
    field_order = ("organisation", "unit", "title", "title_zh", "kind", "contributors", "summary", "description")

    def __init__(
        self, *args: Any, user: User, project: Project | None, contributors: Iterable[User] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        house: Any = self.fields["organisation"]
        if project is not None:
            house.queryset = party_of(user, project.pk).order_by("name").distinct()
        else:
            house.queryset = visible_to(user, "disclosure.begin", Organisation.objects.all()).order_by("name")
        if house.queryset.count() == 1:
            house.widget, house.initial = forms.HiddenInput(), house.queryset.first().pk
        unit: Any = self.fields["unit"]
        unit.of(house.queryset.values("pk"))
        if not unit.queryset.exists():
            del self.fields["unit"]
        people: Any = self.fields["contributors"]
        people.queryset = people_near(user, project, contributors)
        people.initial = [user.pk, *(person.pk for person in contributors)]


class EditDisclosureForm(DisclosureForm):
    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def about(cls, case: TransferCase) -> dict[str, Any]:
        own = {"once", "version"}
        facts = {name: getattr(case.disclosure, name) for name in cls.base_fields if name not in own}
        return facts | {"version": case.version}


def people_near(user: User, project: Project | None, more: Iterable[User] = ()) -> Any:
    """Who can be named as an inventor: the people of the project, and colleagues."""
    mine = Membership.objects.of(user).in_organisations().active().values("organisation")
    near = Q(project=None, organisation__in=mine)
    if project is not None:
        near |= Q(project=project)
    held = Membership.objects.active().filter(near).values("user")
    known = [person.pk for person in more]
    return User.objects.filter(Q(pk__in=held) | Q(pk__in=known), is_active=True).order_by("name", "pk")


Columns = Mapping[str, Callable[[], forms.Field]]


class RowsForm(PageForm):
    """Lines of the same columns: those that are there, and a few empty ones. A line without its `key` is left out."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    columns: Columns = {}
    keys: Sequence[str] = ()
    spare = 3
    most = 40

    def __init__(self, *args: Any, lines: Sequence[Mapping[str, Any]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sent = self.data.get("lines", "") if self.is_bound else ""
        count = min(int(sent), self.most) if sent.isascii() and sent.isdigit() else len(lines) + self.spare
        self.count = count
        for number in range(count):
            for name, make in self.columns.items():
                made = make()
                made.required = False
                if number < len(lines):
                    made.initial = lines[number].get(name)
                made.widget.attrs |= {
                    "class": "form-select form-select-sm" if isinstance(made.widget, forms.Select) else (
                        "form-control form-control-sm"
                    ),
                    "aria-label": str(made.label),
                }  # fmt: skip
                self.fields[f"{name}_{number}"] = made

    def heads(self) -> list[str | Promise]:
        return [make().label or "" for make in self.columns.values()]

    def lines(self) -> list[list[Any]]:
        """The bound fields, line by line, for the table."""
        return [[self[f"{name}_{number}"] for name in self.columns] for number in range(self.count)]

    def filled(self) -> list[dict[str, Any]]:
        """The lines that say something."""
        found = []
        for number in range(self.count):
            row = {name: self.cleaned_data.get(f"{name}_{number}") for name in self.columns}
            if any(row[key] for key in self.keys):
                found.append(row)
        return found


class InventorsForm(RowsForm):
    keys = ("person", "name")

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        houses = Organisation.objects.order_by("name")
        self.columns = {
            "person": lambda: forms.ModelChoiceField(people, label=_("Person"), empty_label="–"),
            "name": lambda: line(_("… or a name"), 120),
            "email": lambda: forms.EmailField(label=_("E-mail of whom you named"), max_length=254),
            "employer": lambda: forms.ModelChoiceField(houses, label=_("Employer then"), empty_label="–"),
            "employer_name": lambda: line(_("… or its name"), 160),
            "share_percent": lambda: forms.DecimalField(
                label=_("Share, %"), max_digits=7, decimal_places=4, min_value=Decimal("0.0001"), max_value=100
            ),
            "contribution": lambda: line(_("What they contributed"), 500),
        }
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for number in range(self.count):
            named = data.get(f"person_{number}") or data.get(f"name_{number}")
            if named and data.get(f"share_percent_{number}") is None and f"share_percent_{number}" not in self.errors:
                self.add_error(f"share_percent_{number}", _now("Give a share."))
        return data


class FundingForm(RowsForm):
    keys = ("sponsor", "sponsor_name")
    columns = {
        "sponsor": lambda: forms.ModelChoiceField(
            Organisation.objects.order_by("name"), label=_("Sponsor"), empty_label="–"
        ),
        "sponsor_name": lambda: line(_("… or its name"), 160),
        "award": lambda: line(_("Award number"), 80),
        "right": lambda: forms.ChoiceField(label=_("Its right"), choices=PartnerRight.choices, initial="none"),
        "note": lambda: line(_("Remark"), 500),
    }


class ResultsForm(PageForm):
    """The models and datasets of the project, those that are disclosed ticked."""

    results = forms.MultipleChoiceField(
        label=_("Disclosed with it"), required=False, widget=forms.CheckboxSelectMultiple
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, offered: Iterable[ResultTerm], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = {term.key: term for term in offered}
        chosen: Any = self.fields["results"]
        chosen.choices = [(key, term.label) for key, term in self.offered.items()]

    def terms(self) -> list[ResultTerm]:
        return [self.offered[key] for key in self.cleaned_data["results"]]


class PriorArtForm(RowsForm):
    keys = ("reference",)
    columns = {
        "kind": lambda: forms.ChoiceField(label=_("Kind"), choices=PriorArtKind.choices),
        "reference": lambda: line(_("Reference"), 500),
        "link": lambda: forms.URLField(label=_("Link"), max_length=500, assume_scheme="https"),
        "difference": lambda: line(_("How this differs"), 1000),
    }


class SignForm(PageForm):
    typed_name = forms.CharField(label=_("Your name"), max_length=120)
    document_sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)


class PaperForm(PageForm):
    inventor = forms.ModelChoiceField(None, label=_("Inventor"), empty_label=None)
    paper = line(_("Where the signed paper is"), 300, required=True)
    document_sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, inventors: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["inventor"]
        chosen.queryset = inventors


class ReasonForm(OnceForm):
    reason = text(_("Reason"), 4, required=True)


class VersionForm(OnceForm):
    version = forms.IntegerField(widget=forms.HiddenInput)


class ReturnForm(VersionForm):
    reason = text(_("What is missing"), 5, required=True)


class ReopenForm(VersionForm):
    reason = text(_("Reason"), 4, required=True)


class LeadForm(VersionForm):
    officer = forms.ModelChoiceField(User.objects.none(), label=_("Officer in charge"), empty_label=None)
    decide_by = forms.DateField(
        label=_("To be decided by"), widget=DayInput, required=False, help_text=_("It stands in the calendar.")
    )
    unit = UnitField(help_text=_("The faculty or institute whose figures count it."))

    def __init__(self, *args: Any, case: TransferCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        officer: Any = self.fields["officer"]
        officer.queryset = User.objects.filter(pk__in=[user.pk for user in holders_in(case, "case.manage")])
        unit: Any = self.fields["unit"]
        unit.of([case.organisation_id])
        unit.initial = case.unit_id


class AssessorForm(OnceForm):
    assessor = forms.ModelChoiceField(User.objects.none(), label=_("Assessor"))
    due_on = forms.DateField(label=_("Due on"), widget=DayInput, required=False)

    def __init__(self, *args: Any, case: TransferCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assessor: Any = self.fields["assessor"]
        held = Membership.objects.active().filter(organisation=case.organisation_id, project=None).values("user")
        named = case.disclosure.inventors.filter(person__isnull=False).values("person")
        asked = case.assessments.filter(round=case.round).values("assessor")
        people = User.objects.filter(pk__in=held, is_active=True).exclude(pk__in=named).exclude(pk__in=asked)
        assessor.queryset = people.order_by("name", "pk")


class ProposeForm(VersionForm):
    decision = forms.ChoiceField(label=_("Decision"), choices=DECISIONS, widget=forms.RadioSelect)
    reason = text(_("Reason"), 5, required=True)


class DecideForm(VersionForm):
    agrees = forms.TypedChoiceField(
        label=_("Your decision"),
        choices=[("yes", _("Yes, so decided")), ("no", _("No, back to the assessment"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    reason = text(_("Remark"), 3, 1000)


class MoveCaseForm(VersionForm):
    stage = forms.ChoiceField(label=_("Stage"))
    reason = text(_("Reason"), 3, help_text=_("Needed where it ends."))

    def __init__(self, *args: Any, case: TransferCase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ways = [state for state in PIPELINE[1:] if case.decision in PURSUED]
        ways += [CaseState.EXPIRED, CaseState.ABANDONED, CaseState.CLOSED]
        stage: Any = self.fields["stage"]
        stage.choices = [(state.value, label_of(state)) for state in ways if state != case.state]


class DeclareForm(OnceForm):
    has = forms.ChoiceField(
        label=_("Does anything tie you to it?"),
        choices=[("no", _("No: I can judge it freely")), ("yes", _("Yes, and this is what"))],
        widget=forms.RadioSelect,
    )
    conflict = text(_("What ties you to it"), 3, 2000)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("has") == "yes" and not data.get("conflict", "").strip():
            self.add_error("conflict", _now("Say what ties you to it."))
        return data

    def said(self) -> str:
        return self.cleaned_data["conflict"] if self.cleaned_data["has"] == "yes" else ""


class WaiveForm(OnceForm):
    plan = text(_("How the conflict is dealt with"), 4, 2000, required=True)


class AssessmentForm(PageForm):
    """A score and a remark on each criterion, and what one recommends."""

    recommendation = forms.ChoiceField(
        label=_("Recommendation"), choices=[("", "–"), *DECISIONS], required=False, widget=forms.Select
    )
    comment = text(_("Comment"), 5, 8000)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, assessment: Assessment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = list(assessment.scores.select_related("criterion"))
        for row in self.rows:
            key = row.criterion_id
            self.fields[f"score_{key}"] = forms.TypedChoiceField(
                label=str(row.criterion),
                choices=[("", "–"), *((str(n), str(n)) for n in range(11))],
                coerce=int,
                empty_value=None,
                required=False,
                initial="" if row.score is None else str(row.score),
                widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
            )
            self.fields[f"remark_{key}"] = line(
                _("Remark"),
                1000,
                initial=row.comment,
                widget=forms.TextInput(attrs={"class": "form-control form-control-sm"}),
            )

    def lines(self) -> list[dict[str, Any]]:
        return [
            {"row": row, "score": self[f"score_{row.criterion_id}"], "remark": self[f"remark_{row.criterion_id}"]}
            for row in self.rows
        ]

    def scores(self) -> dict[Any, tuple[int | None, str]]:
        data = self.cleaned_data
        return {row.criterion_id: (data[f"score_{row.criterion_id}"], data[f"remark_{row.criterion_id}"])
                for row in self.rows}  # fmt: skip


class CriterionForm(OnceForm):
    name = forms.CharField(label=_("Name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = line(_("Chinese name"), 120)
    guidance = line(_("What to look at"), 500)
    guidance_zh = line(_("What to look at, in Chinese"), 500)
    weight = forms.DecimalField(label=_("Weight"), max_digits=6, decimal_places=2, min_value=Decimal("0.01"))


class WeightForm(PageForm):
    weight = forms.DecimalField(max_digits=6, decimal_places=2, min_value=Decimal("0.01"), required=False)
    version = forms.IntegerField(required=False)


def units_seen(request: Any) -> Any:
    """The units of the organisations whose cases the person sees."""
    houses = visible_to(request.user, "case.view", Organisation.objects.all())
    return OrganisationUnit.objects.filter(organisation__in=houses.values("pk")).order_by("name")


class CaseFilter(ListFilter):
    """The filters above the board and the list."""

    q = django_filters.CharFilter(label=_("Search"), method="search", widget=SearchInput(_("Docket, title, inventor")))
    state = django_filters.ChoiceFilter(
        label=_("Stage"),
        empty_label=_("Every stage"),
        choices=lambda: [(state.value, label_of(state)) for state in (CaseState.DRAFT, *BOARD, *sorted(ENDED))],
    )
    kind = django_filters.ChoiceFilter(
        label=_("Kind"), field_name="disclosure__kind", choices=DisclosureKind.choices, empty_label=_("Every kind")
    )
    officer = django_filters.ChoiceFilter(
        label=_("Officer"), method="led", choices=[("me", _("Those that I lead")), ("none", _("Nobody leads them"))],
        empty_label=_("Every officer"),
    )  # fmt: skip

    unit = django_filters.ModelChoiceFilter(
        label=_("Unit"), queryset=lambda request: units_seen(request), empty_label=_("Every unit")
    )

    class Meta:
        model = TransferCase
        fields: list[str] = []

    def search(self, rows: Any, name: str, value: str) -> Any:
        return searched(rows, value)

    def led(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(officer=self.request.user) if value == "me" else rows.filter(officer=None)


class CaseNoteForm(OnceForm):
    """What the office notes, and a file that it keeps with it."""

    noted_on = forms.DateField(label=_("About the day"), widget=DayInput, initial=timezone.localdate)
    text = forms.CharField(
        label=_("Note"), max_length=8000, required=False, validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 6}),
    )  # fmt: skip
    file = forms.FileField(
        label=_("File"), required=False, max_length=4096, allow_empty_file=True,
        help_text=_("A PDF, a picture (PNG, JPEG) or a ZIP."),
    )  # fmt: skip
