"""The library of templates: bilingual texts with typed fields, one numbered version after the other.

Both languages are rendered from the same values. A value is put in as it is: nothing inside it is ever evaluated.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import Missing, visible_to
from collab.accounts.models import Organisation, User
from collab.audit.services import record
from collab.kernel.errors import Fault, FaultyInputError, InvalidError, RefusedError
from collab.kernel.names import DisplayNameValidator, PlainTextValidator, faulty_character
from collab.kernel.records import Record

FIELD_TYPES = {
    "text": _("a text"),
    "date": _("a date"),
    "number": _("a number"),
    "party": _("a party"),
    "choice": _("one of several"),
}
_PLACEHOLDER = re.compile(r"\{\{ *([a-z][a-z0-9_]*) *\}\}")
_MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]


@dataclass(frozen=True)
class Field:
    """One blank of a template."""

    name: str
    type: str
    label: str
    label_zh: str
    required: bool = True
    default: str = ""
    help: str = ""
    help_zh: str = ""
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[tuple[str, str, str], ...] = ()  # value, English, Chinese

    @property
    def shown_label(self) -> str:
        return self.label_zh if _chinese() and self.label_zh else self.label

    @property
    def shown_type(self) -> str:
        return str(FIELD_TYPES[self.type])

    @property
    def shown_help(self) -> str:
        return self.help_zh if _chinese() and self.help_zh else self.help

    @property
    def shown_choices(self) -> list[tuple[str, str]]:
        return [(value, zh if _chinese() else en) for value, en, zh in self.choices]


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")


class TemplateQuerySet(models.QuerySet["AgreementTemplate"]):
    def offered_to(self, user: User) -> TemplateQuerySet:
        """What somebody may draft from: the texts for everybody, and those of their own house, which come first."""
        seen: Any = visible_to(user, "organisation.view", self.filter(is_active=True))
        return seen.order_by(models.F("organisation").asc(nulls_last=True), "kind", "name")


class AgreementTemplate(Record):
    """A text to begin from. It is no legal advice: whoever uses it reads it with their own counsel."""

    code = models.SlugField(_("code"), max_length=100, unique=True)
    organisation = models.ForeignKey(
        "collab.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="agreement_templates",
        verbose_name=_("organisation"),
        help_text=_("Whose own text it is; empty: one for everybody."),
    )
    kind = models.CharField(_("kind"), max_length=20)
    name = models.CharField(_("name"), max_length=160, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=160, blank=True)
    is_active = models.BooleanField(_("offered"), default=True)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("agreement template")
        verbose_name_plural = _("agreement templates")
        ordering = ["kind", "name"]

    def __str__(self) -> str:
        return self.name_zh if self.name_zh and _chinese() else self.name

    def get_absolute_url(self) -> str:
        return reverse("collab:template", args=[self.code])


class TemplateVersion(Record):
    """A numbered version of a template; it never changes, so a contract always knows what it was written from."""

    template = models.ForeignKey(AgreementTemplate, models.PROTECT, related_name="versions", verbose_name=_("template"))
    number = models.PositiveIntegerField(_("version"))
    text = models.TextField(_("text"), max_length=200_000, validators=[PlainTextValidator()])
    text_zh = models.TextField(_("Chinese text"), max_length=200_000, validators=[PlainTextValidator()])
    fields = models.JSONField(_("fields"), default=list, blank=True)
    sha256 = models.CharField(_("sha256"), max_length=64, editable=False)
    published_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("published by")
    )

    class Meta:
        verbose_name = _("version of a template")
        verbose_name_plural = _("versions of templates")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="template_version_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"

    def field_list(self) -> list[Field]:
        """The blanks, in the order in which people fill them."""
        return [_field(row) for row in self.fields]


@transaction.atomic
def publish_template(
    *,
    code: str,
    kind: str,
    name: str,
    name_zh: str,
    text: str,
    text_zh: str,
    fields: list[dict[str, Any]],
    by: User | None,
    organisation: Organisation | None = None,
) -> TemplateVersion:
    """Add a version, unless the newest one says the same. Raises FaultyInputError when text and fields disagree.

    Called for an organisation's own text by `own_templates.publish_own`, which asks the policy.
    """
    if organisation is None and by is not None and not by.is_superuser:
        raise RefusedError([Missing("not_platform", _now("Only the platform's administrators publish templates."))])
    faults = faults_of(text, text_zh, fields)
    if faults:
        raise FaultyInputError(faults)
    template, _created = AgreementTemplate.objects.get_or_create(
        code=code, defaults={"kind": kind, "name": name, "name_zh": name_zh, "organisation": organisation}
    )
    template = AgreementTemplate.objects.select_for_update().get(pk=template.pk)
    if template.organisation_id != (organisation.pk if organisation else None) or template.kind != kind:
        raise InvalidError(_now("A template of another kind has this code; choose another code."), field="code")
    template.name, template.name_zh = name, name_zh
    template.is_active = template.is_active or organisation is not None
    template.require_clean()
    template.save()
    digest = hashlib.sha256(
        json.dumps([text, text_zh, fields], sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()
    newest = template.versions.first()
    if newest is not None and newest.sha256 == digest:
        return newest
    version = TemplateVersion(
        template=template,
        number=(newest.number if newest else 0) + 1,
        text=text,
        text_zh=text_zh,
        fields=fields,
        sha256=digest,
        published_by=by,
    )
    version.require_clean()
    version.save()
    record(
        verb="template.publish",
        subject=version,
        by=by,
        organisation_id=organisation.pk if organisation else None,
        data={"template": code, "number": version.number},
    )
    return version


def faults_of(text: str, text_zh: str, fields: list[dict[str, Any]]) -> list[Fault]:
    """What is wrong with a template: unknown types, blanks without a field, fields that a text never uses."""
    faults = []
    names = [str(row.get("name", "")) for row in fields]
    for row in fields:
        name = str(row.get("name", ""))
        if row.get("type") not in FIELD_TYPES or names.count(name) > 1 or not re.fullmatch("[a-z][a-z0-9_]*", name):
            faults.append(Fault(f"fields.{name}", _now("A field has a name of its own and one of the known types.")))
    for path, body in (("text", text), ("text_zh", text_zh)):
        used = set(_PLACEHOLDER.findall(body))
        for name in sorted(used ^ set(names)):
            faults.append(Fault(path, _now("The blank “%(name)s” and the fields do not fit.") % {"name": name}))
    return faults


def read_values(fields: list[Field], given: Mapping[str, Any], parties: list[Organisation]) -> dict[str, Any]:
    """The values as plain JSON; raises FaultyInputError that names each field at fault, all at once."""
    values: dict[str, Any] = {}
    faults = [
        Fault(name, _now("There is no such field.")) for name in sorted(set(given) - {field.name for field in fields})
    ]
    for field in fields:
        raw = given.get(field.name)
        text = str(raw if raw is not None else "").strip()
        if not text:
            if field.required:
                faults.append(Fault(field.name, _now("Fill in “%(label)s”.") % {"label": field.shown_label}))
            values[field.name] = ""
            continue
        try:
            values[field.name] = _READERS[field.type](field, text, parties)
        except (InvalidError, ValidationError) as fault:
            sentence = fault.messages[0] if isinstance(fault, ValidationError) else str(fault)
            faults.append(Fault(field.name, f"{field.shown_label}: {sentence}"))
    if faults:
        raise FaultyInputError(faults, field=faults[0].path)
    return values


def _text(field: Field, text: str, parties: list[Organisation]) -> str:
    if len(text) > 2000:
        raise InvalidError(_now("Write at most 2,000 characters."))
    if faulty_character(text, allow="\n\r\t") is not None:
        raise InvalidError(_now("Remove the invisible characters."))
    return text


def _date(field: Field, text: str, parties: list[Organisation]) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidError(_now("Write a day as 2027-05-31.")) from None
    if not 1900 <= day.year <= 2200:
        raise InvalidError(_now("Write a year between 1900 and 2200."))
    return day.isoformat()


def _number(field: Field, text: str, parties: list[Organisation]) -> int | str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise InvalidError(_now("Write a number.")) from None
    if not number.is_finite() or abs(number) >= 10**12:
        raise InvalidError(_now("Write a number."))
    if field.minimum is not None and number < field.minimum:
        raise InvalidError(_now("At least %(n)s.") % {"n": field.minimum})
    if field.maximum is not None and number > field.maximum:
        raise InvalidError(_now("At most %(n)s.") % {"n": field.maximum})
    return int(number) if number == number.to_integral_value() else str(number.normalize())


def _party(field: Field, text: str, parties: list[Organisation]) -> str:
    found = next((party for party in parties if text in {str(party.pk), party.slug}), None)
    if found is None:
        raise InvalidError(_now("Choose a party of the project."))
    return str(found.pk)


def _choice(field: Field, text: str, parties: list[Organisation]) -> str:
    if text not in {value for value, _en, _zh in field.choices}:
        raise InvalidError(_now("Choose one of the list."))
    return text


_READERS: dict[str, Any] = {"text": _text, "date": _date, "number": _number, "party": _party, "choice": _choice}


def rendered(version: TemplateVersion, values: Mapping[str, Any], parties: list[Organisation]) -> tuple[str, str]:
    """The English and the Chinese text with the same values in both."""
    fields = {field.name: field for field in version.field_list()}
    known = {str(party.pk): party for party in parties}

    def fill(body: str, chinese: bool) -> str:
        return _PLACEHOLDER.sub(lambda m: _said(fields[m[1]], values.get(m[1], ""), known, chinese), body)

    return fill(version.text, False), fill(version.text_zh, True)


def _said(field: Field, value: Any, parties: Mapping[str, Organisation], chinese: bool) -> str:
    if value == "":
        return "—"
    if field.type == "party":
        party = parties[str(UUID(str(value)))]
        return party.name_zh if chinese and party.name_zh else party.name
    if field.type == "date":
        day = date.fromisoformat(value)
        return f"{day.year}年{day.month}月{day.day}日" if chinese else f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    if field.type == "choice":
        return next((zh if chinese else en for key, en, zh in field.choices if key == value), str(value))
    return str(value)


def _field(row: Mapping[str, Any]) -> Field:
    choices = tuple((str(value), str(en), str(zh)) for value, en, zh in row.get("choices", ()))
    return Field(**{**row, "choices": choices})
