"""Forms about agreements."""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import django_filters
from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation, User
from collab.agreements.approvals import ApprovalStep
from collab.agreements.assets import assets_of
from collab.agreements.background import BackgroundItem
from collab.agreements.duties import DutyTerm, SurvivingDuty
from collab.agreements.ip import IP_FIELDS, AccessCondition, IPTerms
from collab.agreements.ip_questions import QUESTIONS
from collab.agreements.library import TemplateVersion
from collab.agreements.models import Agreement, AgreementKind, AgreementVersion, Purpose
from collab.agreements.particulars import open_kinds
from collab.agreements.reading import STATE_WORDS
from collab.agreements.services import CoverageTerm
from collab.agreements.states import STANDING, VersionState
from collab.kernel.errors import InvalidError
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.projects.models import Project
from collab.web.forms import DayInput, ListFilter, OnceForm, PageForm

EVERY = "all"
VERIFIED_BYTES_MAX = 25 * 1024**2


class AgreementForm(OnceForm):
    """Begin an agreement; its text comes with the first version."""

    reference = forms.CharField(
        label=_("Reference"),
        max_length=40,
        validators=[DisplayNameValidator()],
        help_text=_("Short, and used everywhere the agreement is named. For example DUA-3."),
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=open_kinds,
        help_text=_("Options and licences begin with their terms, among the licences of technology transfer."),
    )
    title = forms.CharField(label=_("Title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = forms.CharField(
        label=_("Chinese title"), max_length=160, required=False, validators=[PlainTextValidator()]
    )
    amends = forms.ModelChoiceField(
        Agreement.objects.none(),
        label=_("Amends"),
        required=False,
        empty_label=_("nothing: it is no amendment"),
        help_text=_("Only for an amendment: the signed agreement that it changes."),
    )
    parent = forms.ModelChoiceField(
        Agreement.objects.none(),
        label=_("Under the agreement"),
        required=False,
        empty_label=_("none"),
        help_text=_("The agreement that this one belongs to, such as a collaboration."),
    )
    confidential = forms.BooleanField(
        label=_("Confidential"),
        required=False,
        help_text=_("Only those who draft, approve, sign or end it for one of its parties may read it."),
    )

    def __init__(self, *args: Any, project: Project, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Agreement.objects.filter(project=project).visible_to(user)
        parent: Any = self.fields["parent"]
        amends: Any = self.fields["amends"]
        parent.queryset = mine
        amends.queryset = mine.filter(versions__state__in=STANDING, versions__replaced_on=None)


class AgreementEditForm(OnceForm):
    """What may change until a version is sent for signature."""

    title = AgreementForm.base_fields["title"]
    title_zh = AgreementForm.base_fields["title_zh"]
    parent = AgreementForm.base_fields["parent"]
    confidential = AgreementForm.base_fields["confidential"]
    edit = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, agreement: Agreement, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parent: Any = self.fields["parent"]
        parent.queryset = Agreement.objects.filter(project=agreement.project).visible_to(user).exclude(pk=agreement.pk)
        self.initial |= {name: getattr(agreement, name) for name in ("title", "title_zh", "parent", "confidential")}
        self.initial["edit"] = agreement.version

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in super().values().items() if name != "edit"}


class VersionForm(OnceForm):
    """Text, dates, parties, and what each party may do with which data."""

    text = forms.CharField(
        label=_("Text"),
        max_length=200_000,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 14}),
        strip=False,
    )
    text_zh = forms.CharField(
        label=_("Chinese text"),
        max_length=200_000,
        required=False,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 10}),
        strip=False,
    )
    effective_on = forms.DateField(label=_("In force from"), widget=DayInput, initial=timezone.localdate)
    expires_on = forms.DateField(
        label=_("Expires on"),
        widget=DayInput,
        required=False,
        help_text=_("The first day on which it is no longer in force. Empty: it has no end."),
    )
    governing_law = forms.CharField(
        label=_("Governing law"), max_length=120, required=False, validators=[PlainTextValidator()]
    )
    confidentiality_months = forms.IntegerField(
        label=_("Months of confidentiality after the end"), required=False, min_value=0, max_value=1200
    )
    auto_renews = forms.BooleanField(
        label=_("Renews itself"),
        required=False,
        help_text=_("It goes on after its last day until a party says in time that it does not want another term."),
    )
    renewal_months = forms.IntegerField(label=_("Months of a renewal"), required=False, min_value=1, max_value=1200)
    notice_days = forms.IntegerField(
        label=_("Days of notice before the end of a term"), required=False, min_value=0, max_value=3650
    )
    requires_acceptance = forms.NullBooleanField(
        label=_("Each person accepts it"),
        required=False,
        widget=forms.Select(choices=[("", _("as usual: for data use")), ("true", _("yes")), ("false", _("no"))]),
    )
    parties = forms.ModelMultipleChoiceField(
        Organisation.objects.none(),
        label=_("Parties that sign"),
        widget=forms.CheckboxSelectMultiple,
    )
    signing_order = forms.CharField(
        label=_("Order of signing"),
        required=False,
        max_length=800,
        help_text=_("Short names of the parties, who signs first at the beginning. Empty: in any order."),
    )
    duties = forms.CharField(
        label=_("Duties that outlive it"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_(
            "One a line: party | duty | until. Party: a short name or “all”. Until: 2030-05-31, 24 months, or nothing."
        ),
    )
    edit = forms.IntegerField(required=False, widget=forms.HiddenInput)
    coverage = forms.MultipleChoiceField(label=_("What it lets the parties do"), required=False)

    def __init__(self, *args: Any, agreement: Agreement, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = Organisation.objects.filter(
            project_parties__project_id=agreement.project_id, project_parties__left_on=None
        ).order_by("project_parties__role", "name")
        self.members = list(members)
        self.assets = assets_of(user, agreement.project_id)
        parties: Any = self.fields["parties"]
        parties.queryset = members
        if not self.is_bound:
            parties.initial = self.initial.get("parties", self.members)
        coverage: Any = self.fields["coverage"]
        coverage.choices = [(cell["value"], cell["label"]) for row in self.grid() for cell in row["cells"]]

    @staticmethod
    def like(version: AgreementVersion | None) -> dict[str, Any]:
        """What a further version starts from: the one before."""
        if version is None:
            return {}
        return {
            "text": version.text,
            "text_zh": version.text_zh,
            "governing_law": version.governing_law,
            "confidentiality_months": version.confidentiality_months,
            "auto_renews": version.auto_renews,
            "renewal_months": version.renewal_months,
            "notice_days": version.notice_days,
            "requires_acceptance": version.requires_acceptance,
            "signing_order": " ".join(p.organisation.slug for p in version.parties.all() if p.signing_order),
            "duties": "\n".join(_duty_line(duty) for duty in version.duties.all() if not duty.added_at_end),
            "parties": [party.organisation_id for party in version.parties.all()],
            "coverage": [_value(row.party_id, row.purpose, row.asset_id) for row in version.coverage.all()],
        }

    def grid(self) -> list[dict[str, Any]]:
        """Rows of check boxes: first for every dataset, then for each; a column for each party and purpose."""
        chosen = set(self["coverage"].value() or []) if "coverage" in self.fields else set()
        things: list[tuple[UUID | None, str]] = [(None, _now("Every dataset, also later ones"))]
        things += [(asset.pk, asset.name) for asset in self.assets]
        return [
            {"name": name, "cells": [self._cell(party, purpose, key, name, chosen) for party, purpose in self.columns]}
            for key, name in things
        ]

    @property
    def columns(self) -> list[tuple[Organisation, Purpose]]:
        return [(party, purpose) for party in self.members for purpose in Purpose]

    def _cell(
        self, party: Organisation, purpose: Purpose, asset: UUID | None, name: str, chosen: set[str]
    ) -> dict[str, Any]:
        value = _value(party.pk, purpose, asset)
        label = f"{party}: {purpose.label}: {name}"
        return {"value": value, "label": label, "checked": value in chosen}

    def values(self) -> dict[str, Any]:
        given = super().values()
        by_key = {str(party.pk): party for party in self.members}
        terms = [choice.split("|") for choice in given["coverage"]]
        by_slug = {party.slug: party for party in self.members}
        given["signing_order"] = [self._party(by_slug, name) for name in given["signing_order"].split()]
        given["duties"] = [_duty(line, by_slug) for line in given["duties"].splitlines() if line.strip()]
        given.pop("edit")
        given["coverage"] = [
            CoverageTerm(by_key[party], purpose, None if asset == EVERY else UUID(asset))
            for party, purpose, asset in terms
        ]
        return given | {"parties": list(given["parties"])}

    @staticmethod
    def _party(by_slug: dict[str, Organisation], name: str) -> Organisation:
        if name not in by_slug:
            raise InvalidError(
                _now("“%(name)s” is the short name of no party.") % {"name": name}, field="signing_order"
            )
        return by_slug[name]


_LATER = re.compile(r"(\d{1,4}) *(?:months?|个月)")


def _duty_line(duty: SurvivingDuty) -> str:
    until = duty.until.isoformat() if duty.until else (f"{duty.months} months" if duty.months is not None else "")
    text = f"{duty.text} / {duty.text_zh}" if duty.text_zh else duty.text
    return f"{duty.party.slug if duty.party else 'all'} | {text} | {until}"


def _duty(line: str, by_slug: dict[str, Organisation]) -> DutyTerm:
    """“northwind | Return the data / 返还数据 | 24 months”; raises InvalidError that says which line."""
    name, text, until = ([part.strip() for part in line.split("|")] + ["", ""])[:3]
    english, _slash, chinese = text.partition(" / ")
    months = _LATER.fullmatch(until)
    try:
        day = date.fromisoformat(until) if until and not months else None
    except ValueError:
        day, name = None, "?"
    if (name not in by_slug and name not in {"all", ""}) or not english:
        raise InvalidError(_now("Read this line again: %(line)s") % {"line": line[:120]}, field="duties")
    return DutyTerm(english, chinese, by_slug.get(name), day, int(months[1]) if months else None)


def _value(party: UUID, purpose: str, asset: UUID | None) -> str:
    return f"{party}|{purpose}|{asset or EVERY}"


class SignForm(PageForm):
    """Sign for a party. The hidden hash binds the signature to the document on the page."""

    party = forms.ModelChoiceField(Organisation.objects.none(), label=_("Sign for"), empty_label=None)
    typed_name = forms.CharField(
        label=_("Your full name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    capacity = forms.CharField(
        label=_("Your capacity"),
        max_length=120,
        validators=[DisplayNameValidator()],
        help_text=_("In which you may sign for this party, such as “Vice-Chancellor”."),
    )
    read = forms.BooleanField(label=_("I have read this version and may sign for this party."))
    document_sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, parties: list[Organisation], version: AgreementVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        party: Any = self.fields["party"]
        party.queryset = Organisation.objects.filter(pk__in=[one.pk for one in parties])
        self.initial["document_sha256"] = version.document_sha256
        if len(parties) == 1:
            party.initial = parties[0]

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("party", "typed_name", "capacity", "document_sha256")}


class VerifyForm(PageForm):
    """A hash, or the file whose hash is meant. The file is only read, never kept."""

    sha256 = forms.CharField(
        label=_("Hash (SHA-256)"),
        max_length=200,
        required=False,
        help_text=_("64 hexadecimal digits, as they stand at the foot of every page."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    file = forms.FileField(
        label=_("Or the sealed PDF"),
        required=False,
        help_text=_("Only its hash is taken; the file is not kept."),
        widget=forms.FileInput(attrs={"accept": "application/pdf"}),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        file = data.get("file")
        written = re.sub(r"[\s:]", "", data.get("sha256") or "").lower()
        if file is not None and file.size > VERIFIED_BYTES_MAX:
            self.add_error("file", _now("This file is larger than any sealed document."))
        elif file is not None:
            digest = hashlib.sha256()
            for piece in file.chunks():
                digest.update(piece)
            written = digest.hexdigest()
        if not self.errors and not re.fullmatch("[0-9a-f]{64}", written):
            self.add_error("sha256", _now("Write the hash as 64 hexadecimal digits."))
        self.sha256 = written
        return data


class ReasonForm(PageForm):
    """Why something is suspended or not signed."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, validators=[PlainTextValidator()], widget=forms.Textarea(attrs={"rows": 4})
    )

    def values(self) -> dict[str, Any]:
        return {"reason": self.cleaned_data["reason"]}


class EndForm(ReasonForm):
    """End an agreement for good, with the duties that the parties agree on at its end."""

    duties = forms.CharField(
        label=_("Duties that go on"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "One on each line, beside those that the agreement names itself: short name of the party or “all” | the "
            "duty / 中文 | until a day or for months, such as “24 months”."
        ),
    )
    word = forms.CharField(max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, reference: str, parties: list[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reference, self.by_slug = reference, {party.slug: party for party in parties}
        self.fields["word"].label = _now("To confirm, write %(word)s") % {"word": reference}

    def clean_word(self) -> str:
        word: str = self.cleaned_data["word"].strip()
        if word != self.reference:
            raise forms.ValidationError(_now("Write %(word)s, as it stands here.") % {"word": self.reference})
        return word

    def values(self) -> dict[str, Any]:
        lines = self.cleaned_data["duties"].splitlines()
        return super().values() | {"duties": [_duty(line, self.by_slug) for line in lines if line.strip()]}


class DeclineForm(ReasonForm):
    """Say no for a party."""

    party = forms.ModelChoiceField(Organisation.objects.none(), label=_("For"), empty_label=None)

    def __init__(self, *args: Any, parties: list[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        party: Any = self.fields["party"]
        party.queryset = Organisation.objects.filter(pk__in=[one.pk for one in parties])

    def values(self) -> dict[str, Any]:
        return super().values() | {"party": self.cleaned_data["party"]}


class CommentForm(OnceForm):
    """A remark on a version, for one's party."""

    text = forms.CharField(
        label=_("Comment"), max_length=4000, validators=[PlainTextValidator()], widget=forms.Textarea(attrs={"rows": 3})
    )


class QuestionsForm(PageForm):
    """The guided questions; sent by GET, since they change nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for question in QUESTIONS:
            self.fields[question.name] = forms.ChoiceField(
                label=question.text, choices=question.answers, widget=forms.RadioSelect
            )


class IPForm(forms.ModelForm, PageForm):
    """The terms themselves, each editable."""

    edit = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = IPTerms
        fields = IP_FIELDS

    def _post_clean(self) -> None:
        """The verb checks the row as a whole."""

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in IP_FIELDS}

    def __init__(self, *args: Any, reasons: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, reason in reasons.items():
            self.fields[name].help_text = reason


class TemplateForm(OnceForm):
    """The blanks of a template, and the dates of the version."""

    effective_on = forms.DateField(label=_("In force from"), widget=DayInput, initial=timezone.localdate)
    expires_on = forms.DateField(label=_("Expires on"), widget=DayInput, required=False)

    def __init__(self, *args: Any, template: TemplateVersion, parties: list[Organisation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.blanks = template.field_list()
        for blank in self.blanks:
            self.fields[f"v_{blank.name}"] = blank_field(blank, parties)

    def values(self) -> dict[str, Any]:
        given = super().values()
        values = {blank.name: plain_value(given.pop(f"v_{blank.name}")) for blank in self.blanks}
        return given | {"values": values}

    def place_of(self, fault: Any, field: str | None) -> str | None:
        return f"v_{fault.path}" if f"v_{fault.path}" in self.fields else super().place_of(fault, field)


def plain_value(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else ("" if value is None else str(value))


def blank_field(blank: Any, parties: list[Organisation]) -> forms.Field:
    """The input for one blank; what it holds is checked by the verb, which names the blank at fault."""
    given: dict[str, Any] = {
        "label": blank.shown_label,
        "help_text": blank.shown_help,
        "required": blank.required,
        "initial": blank.default,
    }
    if blank.type == "date":
        return forms.DateField(widget=DayInput, **given)
    if blank.type == "number":
        return forms.DecimalField(min_value=blank.minimum, max_value=blank.maximum, **given)
    if blank.type == "party":
        return forms.ChoiceField(choices=[(str(party.pk), str(party)) for party in parties], **given)
    if blank.type == "choice":
        return forms.ChoiceField(choices=blank.shown_choices, **given)
    return forms.CharField(max_length=2000, validators=[PlainTextValidator()], **given)


class OwnTemplateForm(OnceForm):
    """A text of one's own house, in the file that every template is downloaded as."""

    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("Organisation"), empty_label=None)
    file = forms.FileField(
        label=_("File"),
        max_length=4096,
        help_text=_("Download a template, change its texts and blanks, and send it here. Its code names it."),
        widget=forms.FileInput(attrs={"accept": ".toml,application/toml,text/plain"}),
    )

    def __init__(self, *args: Any, organisations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organisation: Any = self.fields["organisation"]
        organisation.queryset = organisations


class BackgroundForm(OnceForm):
    """What a party brings along."""

    owner = forms.ModelChoiceField(Organisation.objects.none(), label=_("Owner"), empty_label=None)
    title = forms.CharField(label=_("What it is"), max_length=160, validators=[DisplayNameValidator()])
    description = forms.CharField(
        label=_("Description"),
        max_length=4000,
        required=False,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    asset_id = forms.TypedChoiceField(label=_("Dataset"), required=False, coerce=UUID, empty_value=None)
    reference = forms.URLField(label=_("Where it is registered"), max_length=400, required=False, assume_scheme="https")
    restrictions = forms.CharField(
        label=_("Restrictions"),
        max_length=2000,
        required=False,
        validators=[PlainTextValidator()],
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    usable_in_project = forms.BooleanField(label=_("May be used in the project"), required=False, initial=True)
    exploitation = forms.ChoiceField(
        label=_("When it is needed to use results"),
        required=False,
        choices=[("", _("nothing said")), *AccessCondition.choices],
    )
    edit = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, project: Project, user: User, item: BackgroundItem | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        owner: Any = self.fields["owner"]
        owner.queryset = Organisation.objects.filter(
            project_parties__project=project, project_parties__left_on=None
        ).order_by("name")
        asset: Any = self.fields["asset_id"]
        asset.choices = [("", _("none")), *((str(one.pk), one.name) for one in assets_of(user, project.pk))]
        if item is not None:
            del self.fields["owner"]
            self.initial |= {name: getattr(item, name) for name in self.fields if hasattr(item, name)}
            self.initial["edit"] = item.version

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in super().values().items() if name != "edit"}


class StepForm(OnceForm):
    """A step of an organisation's own procedure."""

    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=_("Organisation"), empty_label=None)
    name = forms.CharField(
        label=_("Step"), max_length=80, validators=[DisplayNameValidator()], help_text=_("For example: legal, finance.")
    )
    name_zh = forms.CharField(label=_("Step in Chinese"), max_length=80, required=False)
    kind = forms.ChoiceField(
        label=_("Kind of agreement"), required=False, choices=[("", _("every kind")), *AgreementKind.choices]
    )
    position = forms.IntegerField(
        label=_("Position"),
        min_value=1,
        max_value=50,
        initial=1,
        help_text=_("Steps of the same position run side by side."),
    )
    receiver = forms.EmailField(
        label=_("Who decides"),
        required=False,
        help_text=_("An e-mail address. Empty: everybody who may approve for the organisation."),
    )
    due_days = forms.IntegerField(label=_("Days to decide"), min_value=1, max_value=365, initial=10)

    def __init__(self, *args: Any, organisations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        organisation: Any = self.fields["organisation"]
        organisation.queryset = organisations


class StepEditForm(StepForm):
    """What may change of a step that is in use: whose it is and for which agreements stays."""

    edit = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, step: ApprovalStep, **kwargs: Any) -> None:
        super().__init__(*args, organisations=Organisation.objects.none(), **kwargs)
        for fixed in ("organisation", "kind"):
            del self.fields[fixed]
        self.initial |= {name: getattr(step, name) for name in ("name", "name_zh", "position", "due_days")}
        self.initial |= {"receiver": step.receiver.email if step.receiver else "", "edit": step.version}

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in super().values().items() if name != "edit"}


class AgreementListFilter(ListFilter):
    """Above the list of all agreements."""

    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=AgreementKind.choices, empty_label=_("every kind"))
    state = django_filters.ChoiceFilter(
        label=_("State"),
        method="of_state",
        choices=[(state.value, STATE_WORDS[state]) for state in VersionState],
        empty_label=_("every state"),
    )
    ends = django_filters.ChoiceFilter(
        label=_("Ends"),
        method="ending",
        choices=[("30", _("within 30 days")), ("90", _("within 90 days")), ("0", _("has ended"))],
        empty_label=_("any time"),
    )

    class Meta:
        model = Agreement
        fields: list[str] = []

    def of_state(self, rows: Any, name: str, value: str) -> Any:
        return rows.filter(versions__state=value).distinct()

    def ending(self, rows: Any, name: str, value: str) -> Any:
        day = timezone.localdate() + timedelta(days=int(value))
        versions = AgreementVersion.objects.ending_until(day)
        return rows.filter(versions__in=versions).distinct()
