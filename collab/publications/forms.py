"""Forms of publication notices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from collab.access.policy import party_of
from collab.accounts.models import Organisation, User
from collab.agreements.background import BackgroundItem
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import Output, Project
from collab.projects.products import products_of
from collab.publications.models import Ground, PublicationKind, PublicationNotice, PublicationObjection
from collab.publications.states import ObjectionState
from collab.web.forms import DayInput, OnceForm, PageForm

OUTCOMES = (
    (ObjectionState.REVISED.value, _("The revised manuscript settles it")),
    (ObjectionState.WITHDRAWN.value, _("We take the objection back")),
)


def _text(label: Any, rows: int, most: int, **more: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=most,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": rows}),
        **more,
    )


def _several(label: Any, rows: Any, **more: Any) -> forms.ModelMultipleChoiceField:
    return forms.ModelMultipleChoiceField(
        rows, label=label, required=False, widget=forms.CheckboxSelectMultiple, **more
    )


class PartyField(forms.ModelChoiceField):
    """Hidden while there is nothing to choose."""

    def offer(self, parties: Iterable[Organisation]) -> None:
        found = [party.pk for party in parties]
        self.queryset = Organisation.objects.filter(pk__in=found).order_by("name")
        if len(found) == 1:
            self.widget, self.initial = forms.HiddenInput(), found[0]


class ManuscriptFields(PageForm):
    file = forms.FileField(
        label=_("Manuscript"), required=False, max_length=4096, allow_empty_file=True, help_text=_("As PDF.")
    )
    link = forms.URLField(
        label=_("… or a link to it"),
        max_length=500,
        required=False,
        assume_scheme="https",
        help_text=_("Where all parties can read it."),
    )


class NoticeForm(OnceForm, ManuscriptFields):
    """What one wants to publish, with what of the project is in it."""

    organisation = PartyField(Organisation.objects.none(), label=_("Publishing party"), empty_label=None)
    title = forms.CharField(label=_("Title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = forms.CharField(
        label=_("Chinese title"), max_length=200, required=False, validators=[PlainTextValidator()]
    )
    authors = _text(_("Authors"), 3, 2000, help_text=_("One on each line."))
    kind = forms.ChoiceField(label=_("Kind"), choices=PublicationKind.choices)
    venue = forms.CharField(
        label=_("Where it shall appear"), max_length=200, required=False, validators=[PlainTextValidator()]
    )
    submit_on = forms.DateField(label=_("Planned submission"), widget=DayInput)
    abstract = _text(_("Abstract"), 4, 5000, required=False)
    outputs = _several(_("Outputs of the project in it"), Output.objects.none())
    products = forms.MultipleChoiceField(
        label=_("Models and datasets in it"), required=False, widget=forms.CheckboxSelectMultiple
    )
    background = _several(_("Background it touches"), BackgroundItem.objects.none())
    field_order = (
        "organisation", "title", "title_zh", "authors", "kind", "venue", "submit_on", "file", "link", "abstract",
        "outputs", "products", "background",
    )  # fmt: skip

    def __init__(self, *args: Any, project: Project, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        party: Any = self.fields["organisation"]
        party.offer(party_of(user, project.pk))
        for name, rows in (
            ("outputs", Output.objects.filter(project=project)),
            ("background", BackgroundItem.objects.filter(project=project).visible_to(user).declared()),
        ):
            field: Any = self.fields[name]
            field.queryset = rows.select_related("owner") if name == "background" else rows
        products: Any = self.fields["products"]
        products.choices = [(str(product.pk), product.name) for product in products_of(user, project.pk)]
        for name in ("outputs", "products", "background"):
            if not list(self.fields[name].choices):  # type: ignore[attr-defined]
                del self.fields[name]

    def values(self) -> dict[str, Any]:
        given = super().values()
        return given | {"products": [UUID(key) for key in given.get("products", ())]}


class ReplanForm(PageForm):
    submit_on = forms.DateField(label=_("Planned submission"), widget=DayInput)
    venue = forms.CharField(
        label=_("Where it shall appear"), max_length=200, required=False, validators=[PlainTextValidator()]
    )
    version = forms.IntegerField(widget=forms.HiddenInput)


class ReviseForm(OnceForm, ManuscriptFields):
    note = _text(_("What is different"), 4, 2000, required=False)
    field_order = ("file", "link", "note")


class ObjectForm(OnceForm):
    party = PartyField(Organisation.objects.none(), label=_("For"), empty_label=None)
    ground = forms.ChoiceField(label=_("Ground"), choices=Ground.choices, widget=forms.RadioSelect)
    text = _text(_("What must change or wait"), 5, 4000, help_text=_("Name the passages, so that they can be mended."))
    delay_until = forms.DateField(label=_("Not before"), required=False, widget=DayInput)

    def __init__(self, *args: Any, notice: PublicationNotice, parties: Iterable[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        party: Any = self.fields["party"]
        party.offer(parties)
        self.fields["delay_until"].help_text = _(
            "Only where results must be protected first: the agreement lets it wait until %(day)s at most."
        ) % {"day": date_format(notice.delay_ends_on)}


class WaitForm(OnceForm):
    until = forms.DateField(label=_("We do not publish before"), widget=DayInput)


class LiftForm(OnceForm):
    outcome = forms.ChoiceField(label=_("Outcome"), choices=OUTCOMES, widget=forms.RadioSelect)
    remark = _text(_("Remark"), 3, 2000, required=False)

    def __init__(
        self, *args: Any, objection: PublicationObjection, newest: int, instead: bool = False, **kwargs: Any
    ) -> None:
        """`instead`: the party has left, and another one judges the revised manuscript."""
        super().__init__(*args, **kwargs)
        outcome: Any = self.fields["outcome"]
        outcome.choices = OUTCOMES[newest <= objection.manuscript : 1 if instead else 2]
        if instead:
            self.fields["remark"].required = True
            self.fields["remark"].label = _("Why it settles the objection")


class PublishForm(OnceForm):
    published_on = forms.DateField(label=_("Published on"), widget=DayInput, initial=timezone.localdate)
    doi = forms.CharField(label=_("DOI"), max_length=200, required=False, help_text=_("Alone, such as 10.1000/xyz123."))
    link = forms.URLField(label=_("Link"), max_length=500, required=False, assume_scheme="https")


class WithdrawForm(PageForm):
    reason = forms.CharField(max_length=1000, required=False, validators=[PlainTextValidator()])
