"""Forms of milestones, reports, outputs, closing and parties."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import User
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import (
    AttestationKind,
    ContributionKind,
    DataEnding,
    Output,
    OutputKind,
    ProgressReport,
    Project,
    ProjectParty,
    WorkItem,
    WorkKind,
)
from collab.projects.products import products_of
from collab.web.forms import DayInput, OnceForm, PageForm


def text(label: Any, rows: int = 4, most: int = 4000, **kwargs: Any) -> forms.CharField:
    """Several lines of text."""
    return forms.CharField(
        label=label,
        max_length=most,
        required=kwargs.pop("required", False),
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": rows}),
        **kwargs,
    )


class PartyChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.organisation)


def parties_of(project: Project) -> Any:
    return ProjectParty.objects.filter(project=project, left_on=None).select_related("organisation")


class WorkForm(OnceForm):
    """Plan a milestone or a deliverable."""

    kind = forms.ChoiceField(label=_("Kind"), choices=WorkKind.choices)
    title = forms.CharField(label=_("Title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = forms.CharField(
        label=_("Chinese title"), max_length=160, required=False, validators=[PlainTextValidator()]
    )
    party = PartyChoice(ProjectParty.objects.none(), label=_("Responsible"))
    milestone = forms.ModelChoiceField(
        WorkItem.objects.none(), label=_("Milestone"), required=False, help_text=_("Which milestone it belongs to.")
    )
    due_on = forms.DateField(label=_("Due on"), widget=DayInput)
    criteria = text(_("Acceptance criteria"), help_text=_("By what another party will see that it is done."))

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        party: Any = self.fields["party"]
        party.queryset = parties_of(project)
        milestone: Any = self.fields["milestone"]
        milestone.queryset = WorkItem.objects.filter(project=project, kind=WorkKind.MILESTONE)


class EditWorkForm(WorkForm):
    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def about(cls, item: WorkItem) -> dict[str, Any]:
        """What the form shows first."""
        return {name: getattr(item, name) for name in cls.base_fields if name != "once"}


class WorkMoveForm(PageForm):
    move = forms.CharField(max_length=20)
    note = text(_("Remark"), 2, 2000)
    evidence = text(_("Evidence"), 3)
    evidence_url = forms.URLField(label=_("Link to the evidence"), required=False, assume_scheme="https")


class ScheduleForm(OnceForm):
    every_months = forms.IntegerField(
        label=_("Months between reports"), min_value=1, max_value=36, required=False, help_text=_("Empty: none.")
    )
    due_days = forms.IntegerField(label=_("Days to write a report"), min_value=0, max_value=180, initial=30)
    version = forms.IntegerField(widget=forms.HiddenInput)


class ReportForm(PageForm):
    summary = text(_("What was done"), 8, 8000)
    deviations = text(_("What went otherwise than planned"), 4, 8000)
    outlook = text(_("What comes next"), 4, 8000)
    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def about(cls, report: ProgressReport) -> dict[str, Any]:
        return {name: getattr(report, name) for name in cls.base_fields}


class ReportMoveForm(PageForm):
    move = forms.CharField(max_length=20)
    note = text(_("Remark"), 2, 2000)


class OutputForm(OnceForm):
    """Enter a result into the register; one field for the share of each party."""

    kind = forms.ChoiceField(label=_("Kind"), choices=OutputKind.choices)
    row_id = forms.ChoiceField(
        label=_("Registered as"), required=False, help_text=_("For a model version or dataset of this project.")
    )
    title = forms.CharField(label=_("Title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = forms.CharField(
        label=_("Chinese title"), max_length=200, required=False, validators=[PlainTextValidator()]
    )
    description = text(_("Description"), 3)
    made_on = forms.DateField(label=_("Made on"), widget=DayInput, initial=timezone.localdate)
    doi = forms.CharField(label=_("DOI"), max_length=200, required=False)
    link = forms.CharField(label=_("Link"), max_length=500, required=False)
    creators = forms.ModelMultipleChoiceField(
        User.objects.none(), label=_("Creators"), required=False, widget=forms.CheckboxSelectMultiple
    )
    other_creators = forms.CharField(
        label=_("Creators without an account"), max_length=300, required=False, validators=[PlainTextValidator()]
    )
    confidential = forms.BooleanField(label=_("Confidential"), required=False)

    def __init__(self, *args: Any, project: Project, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parties = list(parties_of(project))
        creators: Any = self.fields["creators"]
        creators.queryset = User.objects.filter(memberships__project=project).distinct()
        row: Any = self.fields["row_id"]
        row.choices = [("", "—"), *((str(p.pk), p.name) for p in products_of(user, project.pk))]
        for party in self.parties:
            self.fields[f"share_{party.pk}"] = forms.DecimalField(
                label=_("Share of %(party)s, per cent") % {"party": party.organisation},
                min_value=0,
                max_value=100,
                max_digits=5,
                decimal_places=2,
                required=False,
            )
        self.order_fields([name for name in self.fields if name != "confidential"])

    def values(self) -> dict[str, Any]:
        """What the verb takes: shares by party."""
        given = {party: self.cleaned_data.get(f"share_{party.pk}") for party in self.parties}
        kept = {k: v for k, v in super().values().items() if not k.startswith("share_")}
        shares: dict[ProjectParty, Decimal] = {party: share for party, share in given.items() if share}
        return kept | {"shares": shares, "row_id": kept["row_id"] or None}

    def place_of(self, fault: Any, field: str | None) -> str | None:
        return super().place_of(fault, field)


class EditOutputForm(OutputForm):
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["row_id"]

    @staticmethod
    def about(output: Output) -> dict[str, Any]:
        """What the form shows first."""
        names = (
            "kind", "title", "title_zh", "description", "made_on", "doi", "link", "other_creators", "confidential",
            "version",
        )  # fmt: skip
        shown: dict[str, Any] = {name: getattr(output, name) for name in names}
        shares = {f"share_{share.party_id}": share.percent for share in output.shares.all()}
        return shown | shares | {"creators": list(output.creators.all())}

    def values(self) -> dict[str, Any]:
        self.cleaned_data.setdefault("row_id", "")
        return {name: value for name, value in super().values().items() if name != "row_id"}


class AttestForm(PageForm):
    """One party's word."""

    party = PartyChoice(ProjectParty.objects.none(), label=_("For"))
    kind = forms.ChoiceField(label=_("What is attested"), choices=AttestationKind.choices)
    ending = forms.ChoiceField(
        label=_("What became of the data"), choices=[("", "—"), *DataEnding.choices], required=False
    )
    note = text(_("Note"), 2, 2000)
    seen = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, parties: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        party: Any = self.fields["party"]
        party.queryset = parties


class ContributionForm(OnceForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=ContributionKind.choices)
    description = forms.CharField(
        label=_("What it is"), max_length=300, required=False, validators=[PlainTextValidator()]
    )
    amount = forms.DecimalField(label=_("Amount or value"), max_digits=14, decimal_places=2)
    currency = forms.CharField(label=_("Currency"), max_length=3, initial="EUR")


class PartyNoteForm(PageForm):
    lead = forms.EmailField(
        label=_("Leads its work"),
        required=False,
        help_text=_("The e-mail address of the principal investigator, or of whom the others turn to."),
    )
    accession_note = text(_("Accession note"), 3, 2000)
    version = forms.IntegerField(widget=forms.HiddenInput)
