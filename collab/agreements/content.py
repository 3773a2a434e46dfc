"""What drafters write: the whole content of a version as one value, checked and written together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from collab.accounts.models import Organisation, User
from collab.agreements.assets import assets_of
from collab.agreements.duties import DutyTerm, SurvivingDuty
from collab.agreements.ip import IP_FIELDS, IPTerms
from collab.agreements.library import TemplateVersion
from collab.agreements.models import Agreement, AgreementKind, AgreementParty, AgreementVersion, Coverage, Purpose
from collab.agreements.particulars import particulars_of
from collab.kernel.errors import InvalidError
from collab.projects.models import ProjectParty

_YEARS = range(1900, 2201)
_PLAIN = (
    "text",
    "text_zh",
    "effective_on",
    "expires_on",
    "governing_law",
    "confidentiality_months",
    "auto_renews",
    "renewal_months",
    "notice_days",
    "requires_acceptance",
    "template_version",
    "template_values",
)


@dataclass(frozen=True)
class CoverageTerm:
    """`party` may use `asset_id` (None: every dataset of the project) for `purpose`."""

    party: Organisation
    purpose: str
    asset_id: UUID | None = None


@dataclass(frozen=True)
class Content:
    """All that a version says. `parties` None: those of the project. `signing_order`: who signs first; else any order.

    `ip` None: the version says nothing about intellectual property. `requires_acceptance`: whether each person accepts
    it before it covers them; None: as usual, for data use. `particulars`: terms that a room above adds.
    """

    text: str
    effective_on: date
    text_zh: str = ""
    expires_on: date | None = None
    governing_law: str = ""
    confidentiality_months: int | None = None
    auto_renews: bool = False
    renewal_months: int | None = None
    notice_days: int | None = None
    requires_acceptance: bool | None = None
    parties: Sequence[Organisation] | None = None
    signing_order: Sequence[Organisation] = ()
    coverage: Sequence[CoverageTerm] = ()
    ip: Mapping[str, Any] | None = None
    duties: Sequence[DutyTerm] = ()
    template_version: TemplateVersion | None = None
    template_values: Mapping[str, Any] | None = None
    particulars: Mapping[str, Any] | None = None


CONTENT_FIELDS = frozenset(field.name for field in fields(Content))


def content_of(version: AgreementVersion) -> dict[str, Any]:
    """What a version says, as the arguments of `Content`."""
    ip = getattr(version, "ip_terms", None)
    parties = list(version.parties.all())
    ordered = any(party.signing_order for party in parties)
    return {name: getattr(version, name) for name in _PLAIN} | {
        "parties": [party.organisation for party in parties],
        "signing_order": [party.organisation for party in parties] if ordered else [],
        "coverage": [CoverageTerm(row.party, row.purpose, row.asset_id) for row in version.coverage.all()],
        "ip": ip.facts() if ip else None,
        "particulars": version.particulars or None,
        "duties": [
            DutyTerm(duty.text, duty.text_zh, duty.party, duty.until, duty.months)
            for duty in version.duties.all()
            if not duty.added_at_end
        ],
    }


def checked(content: Content, agreement: Agreement, by: User) -> list[Organisation]:
    """The parties of the version; raises InvalidError naming the field when the content cannot be."""
    if not content.text.strip():
        raise InvalidError(_("Write the text of the agreement."), field="text")
    for name in ("effective_on", "expires_on"):
        day = getattr(content, name)
        if day is not None and day.year not in _YEARS:
            raise InvalidError(_("Write a year between 1900 and 2200."), field=name)
    if content.expires_on and content.expires_on <= content.effective_on:
        raise InvalidError(_("The agreement would expire before it is in force."), field="expires_on")
    if content.auto_renews and content.expires_on is None:
        raise InvalidError(_("What renews itself needs the end of its first term."), field="expires_on")
    if content.auto_renews and not content.renewal_months:
        raise InvalidError(_("Say by how many months it renews itself."), field="renewal_months")
    organisations = list(
        content.parties
        if content.parties is not None
        else Organisation.objects.filter(
            project_parties__project_id=agreement.project_id, project_parties__left_on=None
        )
    )
    room = particulars_of(agreement)
    _require_parties(agreement.project_id, organisations, room.outsiders(agreement) if room else set())
    _require_coverage(content.coverage, organisations, agreement.project_id, by)
    order = list(content.signing_order)
    if order and (set(order) != set(organisations) or len(order) != len(organisations)):
        raise InvalidError(_("The order of signing names each party once."), field="signing_order")
    for duty in content.duties:
        if duty.party is not None and duty.party not in organisations:
            raise InvalidError(_("%(name)s is not a party of this version.") % {"name": duty.party}, field="duties")
        if duty.until is not None and duty.months is not None:
            raise InvalidError(_("A duty ends on a day or some months after the end, not both."), field="duties")
    if room is None and content.particulars:
        raise InvalidError(_("This agreement has no particular terms."), field="particulars")
    return organisations


def particulars_checked(
    content: Content, agreement: Agreement, parties: Sequence[Organisation], by: User
) -> dict[str, Any]:
    """The terms that a room above adds, as they are kept."""
    room = particulars_of(agreement)
    if room is None:
        return {}
    ends_on = None if content.auto_renews else content.expires_on
    return room.checked(
        agreement, content.particulars, parties=parties, by=by, starts_on=content.effective_on, ends_on=ends_on
    )


def written(version: AgreementVersion, content: Content, parties: Sequence[Organisation], by: User) -> AgreementVersion:
    """Save the version with this content in place of what it said."""
    version.particulars = particulars_checked(content, version.agreement, parties, by)
    for name in _PLAIN:
        setattr(version, name, getattr(content, name))
    if content.requires_acceptance is None:
        version.requires_acceptance = version.agreement.kind == AgreementKind.DATA_USE
    version.template_values = dict(content.template_values or {})
    version.require_clean()
    version.save()
    AgreementParty.objects.filter(version=version).delete()
    Coverage.objects.filter(version=version).delete()
    SurvivingDuty.objects.filter(version=version).delete()
    IPTerms.objects.filter(version=version).delete()
    version.__dict__.get("_prefetched_objects_cache", {}).clear()
    version._state.fields_cache.pop("ip_terms", None)
    places = {party: place for place, party in enumerate(content.signing_order, 1)}
    AgreementParty.objects.bulk_create(
        AgreementParty(version=version, organisation=party, signing_order=places.get(party, 0)) for party in parties
    )
    Coverage.objects.bulk_create(Coverage(version=version, **asdict_of(term)) for term in content.coverage)
    for duty in content.duties:
        row = SurvivingDuty(version=version, **asdict_of(duty))
        row.require_clean(exclude={"version"})
        row.save()
    if content.ip is not None:
        _write_ip(version, content.ip)
    if room := particulars_of(version.agreement):
        room.written(version)
    return version


def asdict_of(term: CoverageTerm | DutyTerm) -> dict[str, Any]:
    """The fields of a term, without copying the rows in it."""
    return {field.name: getattr(term, field.name) for field in fields(term)}


def _write_ip(version: AgreementVersion, terms: Mapping[str, Any]) -> None:
    unknown = sorted(set(terms) - set(IP_FIELDS))
    if unknown:
        raise InvalidError(_("There is no such field."), field=unknown[0])
    row = IPTerms(version=version, **terms)
    if row.needs_periods and not (row.option_days and row.negotiation_days):
        raise InvalidError(_("An option needs its period and the time to negotiate."), field="option_days")
    if row.needs_field and not row.field_of_use.strip():
        raise InvalidError(_("A licence in the field needs the field."), field="field_of_use")
    row.require_clean(exclude={"version"})
    row.save()


def _require_parties(project_id: UUID, organisations: Sequence[Organisation], outsiders: set[UUID]) -> None:
    members = set(
        ProjectParty.objects.filter(project_id=project_id, left_on=None).values_list("organisation_id", flat=True)
    )
    strangers = [o for o in organisations if o.pk not in members | outsiders]
    if strangers:
        raise InvalidError(_("%(name)s is not a party of this project.") % {"name": strangers[0]}, field="parties")
    if len({o.pk for o in organisations}) != len(organisations) or not organisations:
        raise InvalidError(_("Name each party once."), field="parties")


def _require_coverage(
    coverage: Sequence[CoverageTerm], organisations: Sequence[Organisation], project_id: UUID, by: User
) -> None:
    for term in coverage:
        if term.party not in organisations:
            raise InvalidError(_("%(name)s is not a party of this version.") % {"name": term.party}, field="coverage")
        if term.purpose not in Purpose.values:
            raise InvalidError(_("“%(p)s” is no purpose.") % {"p": term.purpose}, field="coverage")
    if len(set(coverage)) != len(coverage):
        raise InvalidError(_("Name each party, purpose and dataset once."), field="coverage")
    assets = {asset.pk for asset in assets_of(by, project_id)} if coverage else set()
    if any(term.asset_id is not None and term.asset_id not in assets for term in coverage):
        raise InvalidError(_("The coverage names data that is not of this project."), field="coverage")
