"""Forms about agreements."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Organisation, User
from collab.agreements.assets import assets_of
from collab.agreements.models import Agreement, AgreementKind, AgreementVersion, Purpose
from collab.agreements.services import CoverageTerm
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.web.forms import DayInput, OnceForm, PageForm

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
    kind = forms.ChoiceField(label=_("Kind"), choices=AgreementKind.choices)
    title = forms.CharField(label=_("Title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = forms.CharField(
        label=_("Chinese title"), max_length=160, required=False, validators=[PlainTextValidator()]
    )


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
    parties = forms.ModelMultipleChoiceField(
        Organisation.objects.none(),
        label=_("Parties that sign"),
        widget=forms.CheckboxSelectMultiple,
    )
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
        given["coverage"] = [
            CoverageTerm(by_key[party], purpose, None if asset == EVERY else UUID(asset))
            for party, purpose, asset in terms
        ]
        return given | {"parties": list(given["parties"])}


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
