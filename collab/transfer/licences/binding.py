"""How a licence hangs on its agreement: terms are checked with each version and take effect when all have signed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import F, ProtectedError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from collab.access.policy import Missing
from collab.accounts.models import Organisation, User
from collab.agreements.acts import named
from collab.agreements.models import Agreement, AgreementKind, AgreementVersion
from collab.agreements.states import STANDING, VersionState
from collab.audit.services import record
from collab.kernel.errors import ConflictError, Fault, FaultyInputError, NotReadyError
from collab.projects.models import Project
from collab.transfer.disclosures.services import advance_case
from collab.transfer.disclosures.states import CaseState
from collab.transfer.licences.calendar import enter_duties
from collab.transfer.licences.conflicts import Reach, find_conflicts, spelled_out, told
from collab.transfer.licences.hooks import holds_on, kept_milestones
from collab.transfer.licences.licensable import Finding, Licensable, Wish, findings_on, licensables_named
from collab.transfer.licences.models import (
    Diligence,
    Grant,
    Licence,
    LicensedAsset,
    LicensedThing,
    LicensorShare,
    MilestonePayment,
    RoyaltyTier,
)
from collab.transfer.licences.obstacles import Obstacle, obstacles_of
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.sharing import shares_by_owners
from collab.transfer.licences.states import SHUTTING, SharesBy
from collab.transfer.licences.sublicensing import NoRoom, end_without_room, no_room_for, without_room
from collab.transfer.licences.terms import read_terms, say_terms, whole_terms

_PLAIN = (
    "exclusivity", "field_note", "commercial", "sublicensing", "academic_use", "currency", "issue_fee_days",
    "minimum_creditable", "royalty_basis", "tiers_by", "cap_by", "equity_note", "costs", "costs_of", "costs_days",
    "report_frequency", "report_days", "audit_right", "audit_notice_days", "convertible", "negotiation_days",
    "shares_by", "share_days",
)  # fmt: skip
_NUMBERS = (
    "issue_fee", "annual_minimum", "royalty_cap", "sublicence_percent", "equity_percent", "late_interest_percent",
    "costs_percent", "costs_cap", "audit_cost_percent",
)  # fmt: skip

LABEL_MAX = 200


class LicenceTerms:
    """The particulars of agreements that are options or licences (collab/agreements/particulars.py)."""

    def about(self, agreement: Agreement) -> bool:
        return Licence.objects.filter(agreement=agreement.pk).exists()

    def outsiders(self, agreement: Agreement) -> set[UUID]:
        """The licensee: a licence is often for somebody who takes no part in the project."""
        return set(Licence.objects.filter(agreement=agreement.pk).values_list("licensee", flat=True))

    def checked(
        self,
        agreement: Agreement,
        terms: Any,
        *,
        parties: Sequence[Organisation],
        starts_on: date,
        ends_on: date | None,
        by: User,
    ) -> dict[str, Any]:
        licence = Licence.objects.get(agreement=agreement.pk)
        signed = was_signed(agreement.pk)
        made = read_terms(terms, starts_on=licence.starts_on if signed else starts_on, ends_on=ends_on)
        _require_same_parties(licence, made, parties)
        if signed:
            _require_what_is_settled(licence, made)
        assets = _require_theirs(made)
        wish = wish_of(made, ends_on)
        forbidden = [one for asset in assets for one in findings_on(asset, wish) if one.forbids]
        faults = [Fault("assets", str(one.missing.sentence)) for one in forbidden]
        found = find_conflicts(reach_of(made, starts_on, ends_on), but=licence.pk)
        if found:
            faults.append(Fault("exclusivity", told(found, by)))
        if faults:
            raise FaultyInputError(faults, field=faults[0].path)
        for language, name in (("en", "label"), ("zh-hans", "label_zh")):  # as readers of each call them
            with override(language):
                named_so = licensables_named((row["subject_type"], row["subject_id"]) for row in made["assets"])
            for row in made["assets"]:
                row[name] = named_so[f"{row['subject_type']}:{row['subject_id']}"].label[:LABEL_MAX]
        if made["shares_by"] == SharesBy.ASSETS:
            made["shares"] = shares_by_owners(made, assets)
        return made

    def written(self, version: AgreementVersion) -> None:
        """While nothing was signed the licence shows what is on the table; from then on what was signed."""
        if not version.agreement.versions.standing().exists():
            follow(Licence.objects.get(agreement=version.agreement_id), version)
        else:
            Licence.objects.filter(agreement=version.agreement_id).update(version=F("version") + 1)

    def ready(self, version: AgreementVersion, by: User) -> None:
        """Nothing forbids it, and what somebody has to weigh was seen."""
        licence = Licence.objects.select_related("agreement__project", "case").get(agreement=version.agreement_id)
        require_grantable(licence, version, by)
        if held := [*held_back(licence, version, by), *_no_room(licence, version)]:
            raise NotReadyError(held)
        unseen = [one for one in obstacles(licence, version) if one.key not in licence.seen_obstacles]
        if unseen:
            raise NotReadyError(
                [Missing(f"obstacle.{one.kind}", one.sentence, licence.get_absolute_url()) for one in unseen]
            )

    def said(self, terms: dict[str, Any]) -> list[tuple[str, str]]:
        return list(say_terms(terms))


def take_effect(version: AgreementVersion, by: User) -> None:
    """All parties have signed: look again, with what it is about held, and let the tables say what was signed."""
    licence = (
        Licence.objects.select_for_update(of=("self",))
        .select_related("agreement__project", "licensor", "licensee", "case")
        .filter(agreement=version.agreement_id)
        .first()
    )
    if licence is None:
        return
    keys = [f"{row['subject_type']}:{row['subject_id']}" for row in version.particulars["assets"]]
    list(LicensedThing.objects.select_for_update().filter(name__in=keys).order_by("name"))  # one after the other
    others = AgreementVersion.objects.filter(agreement=version.agreement_id, state__in=STANDING).exclude(pk=version.pk)
    if others.exists() and version.effective_on > timezone.localdate():
        raise ConflictError(_("New terms of a licence begin on the day of the last signature at the latest."))
    require_grantable(licence, version, by)
    if held := held_back(licence, version, by):
        raise NotReadyError(held)
    leaving: list[NoRoom] = []
    if others.exists() or was_signed(version.agreement_id, but=version.pk):
        _require_what_is_settled(licence, version.particulars)
        _require_not_lost(licence, version)
        if missing := _no_room(licence, version):
            raise NotReadyError(missing)
        leaving = no_room_for(licence, whole_terms(version.particulars), days_of(version)[1])
    follow(licence, version)
    end_without_room(leaving, licence.ends_on, by)
    enter_duties(licence)
    if licence.case is not None:
        stage = CaseState.OPTIONED if licence.is_option else CaseState.LICENSED
        advance_case(case=licence.case, stage=stage, by=by)
    record(
        verb="licence.execute",
        subject=licence,
        by=by,
        project_id=licence.agreement.project_id,
        organisation_id=licence.licensor_id,
        data=named(licence.agreement) | {"licensee": licence.licensee.slug, "number": version.number},
    )


def was_signed(agreement: UUID, *, but: UUID | None = None) -> bool:
    """Whether terms of this licence were signed before, beside the version `but`, and not ended: others follow them."""
    rows = AgreementVersion.objects.filter(agreement=agreement, executed_at__isnull=False).exclude(pk=but)
    last = rows.order_by("-number").first()
    return last is not None and last.state != VersionState.TERMINATED


# --- what it would grant
def days_of(version: AgreementVersion) -> tuple[date, date | None]:
    """What renews itself has no end that is known."""
    return version.effective_on, None if version.auto_renews else version.expires_on


def reach_of(terms: dict[str, Any], starts_on: date, ends_on: date | None) -> Reach:
    return Reach(
        things=tuple(f"{row['subject_type']}:{row['subject_id']}" for row in terms["assets"]),
        fields=tuple(terms["fields"]),
        territories=tuple(terms["territories"]),
        shuts=terms["exclusivity"] in SHUTTING,
        starts_on=starts_on,
        ends_on=ends_on,
        licensee=UUID(terms["licensee"]),
    )


def wish_of(terms: dict[str, Any], ends_on: date | None) -> Wish:
    inside = Territory.objects.filter(code__in=terms["territories"])
    countries = {row.code for row in Territory.objects.overlapping(inside) if any(place.holds(row) for place in inside)}
    return Wish(
        licensee=Organisation.objects.get(pk=terms["licensee"]),
        commercial=terms["commercial"],
        territories=tuple(terms["territories"]),
        countries=frozenset(code for code in countries if len(code) == 2 and code != "EU"),
        ends_on=ends_on,
    )


def findings_of(terms: dict[str, Any], ends_on: date | None) -> list[Finding]:
    """What the assets' own terms say."""
    found = licensables_named((row["subject_type"], row["subject_id"]) for row in terms["assets"])
    wish = wish_of(terms, ends_on)
    return [one for asset in found.values() for one in findings_on(asset, wish)]


def obstacles(licence: Licence, version: AgreementVersion | None) -> list[Obstacle]:
    """What somebody has to weigh before the version is approved."""
    if version is None or not version.particulars:
        return []
    starts_on, ends_on = days_of(version)
    reach = reach_of(version.particulars, starts_on, ends_on)
    return obstacles_of(licence, reach, findings_of(version.particulars, ends_on))


def require_grantable(licence: Licence, version: AgreementVersion, by: User) -> None:
    """Raises ConflictError when the assets are not the licensors' (any more), or a grant stands against it."""
    starts_on, ends_on = days_of(version)
    terms = version.particulars
    try:
        _require_theirs(terms)
    except FaultyInputError as error:
        raise ConflictError(str(error), field="assets") from None
    forbidden = [one for one in findings_of(terms, ends_on) if one.forbids]
    if forbidden:
        raise ConflictError(" ".join(str(one.missing.sentence) for one in forbidden), field="assets")
    found = find_conflicts(reach_of(terms, starts_on, ends_on), but=licence.pk)
    if found:
        raise ConflictError(told(found, by), field="exclusivity")


def held_back(licence: Licence, version: AgreementVersion, by: User) -> list[Missing]:
    """What keeps the assets from being released, in the project of the licence and in those they came out of.

    An option opens nothing, so nothing holds it back.
    """
    if licence.agreement.kind != AgreementKind.LICENCE or not version.particulars:
        return []
    found = licensables_named((row["subject_type"], row["subject_id"]) for row in version.particulars["assets"])
    keys = {licence.agreement.project_id, *(asset.project_id for asset in found.values())} - {None}
    return holds_on(by, Project.objects.filter(pk__in=keys).order_by("created_at", "pk"))


def _no_room(licence: Licence, version: AgreementVersion) -> list[Missing]:
    """Sublicences that further terms would cut off without saying so."""
    if not version.particulars or not was_signed(version.agreement_id, but=version.pk):
        return []
    return without_room(licence, whole_terms(version.particulars), days_of(version)[1])


def _require_same_parties(licence: Licence, terms: dict[str, Any], parties: Sequence[Organisation]) -> None:
    """Who licenses to whom stays: a licence to somebody else is another licence."""
    faults = []
    named_here = {*terms["licensors"], terms["licensee"]}
    if terms["licensee"] != str(licence.licensee_id):
        faults.append(Fault("licensee", _("A licence to somebody else is another licence.")))
    if terms["licensors"][0] != str(licence.licensor_id):
        faults.append(Fault("licensors", _("The first licensor stays the same.")))
    if named_here != {str(one.pk) for one in parties}:
        faults.append(Fault("parties", _("The parties of the agreement are the licensors and the licensee.")))
    if faults:
        raise FaultyInputError(faults, field=faults[0].path)


def _require_what_is_settled(licence: Licence, terms: dict[str, Any]) -> None:
    """What was reported, invoiced or received under a signed licence counts in its currency and by its milestones."""
    faults = []
    if licence.currency and terms["currency"] != licence.currency:
        text = _("A signed licence stays in its currency: %(currency)s.")
        faults.append(Fault("currency", text % {"currency": licence.currency}))
    titles = {row["title"] for row in terms["milestones"]}
    for title in sorted(kept_milestones(licence) - titles):
        text = _("“%(title)s” is invoiced or waived, so it stays in the terms, by this name.")
        faults.append(Fault("milestones", text % {"title": title}))
    if faults:
        raise FaultyInputError(faults, field=faults[0].path)


def _require_not_lost(licence: Licence, version: AgreementVersion) -> None:
    """Terms written before the exclusivity was lost do not bring it back."""
    lost = licence.converted_on
    if lost is None or version.particulars["exclusivity"] not in SHUTTING:
        return
    if timezone.localdate(version.created_at) <= lost:
        raise ConflictError(
            _("The exclusivity was lost on %(day)s; terms written until that day do not bring it back.")
            % {"day": date_format(lost)},
            field="exclusivity",
        )


def _require_theirs(terms: dict[str, Any]) -> list[Licensable]:
    """The assets; raises FaultyInputError for one that does not exist or is no licensor's, or a licensor with none."""
    found = licensables_named((row["subject_type"], row["subject_id"]) for row in terms["assets"])
    licensors = {UUID(key) for key in terms["licensors"]}
    signing = licensors | {UUID(terms["licensee"])}  # an owner who is the licensee consents by signing
    faults = []
    names = {row.pk: str(row) for row in Organisation.objects.filter(pk__in=licensors)}
    for number, row in enumerate(terms["assets"], 1):
        asset = found.get(f"{row['subject_type']}:{row['subject_id']}")
        if asset is None or asset.kind != row["kind"]:
            faults.append(Fault(f"assets.{number}", _("There is no such asset.")))
            continue
        facts = {
            "asset": asset.label,
            "who": _(", ").join(sorted(names.values())),
            "why": asset.because,
            "owners": _(", ").join(sorted(map(str, Organisation.objects.filter(pk__in=asset.owners - signing)))),
        }
        if not asset.owners & licensors:
            facts["owners"] = _(", ").join(sorted(map(str, Organisation.objects.filter(pk__in=asset.owners))))
            text = _("%(asset)s is not %(who)s's to license: it belongs to %(owners)s. %(why)s")
            faults.append(Fault(f"assets.{number}", (text % facts).strip()))
        elif asset.jointly and asset.owners - signing:
            text = _("%(asset)s is owned jointly, so %(owners)s must license it too. %(why)s")
            faults.append(Fault(f"assets.{number}", (text % facts).strip()))
    strangers = licensors - {key for asset in found.values() for key in asset.owners}
    if strangers and not faults:
        who = _(", ").join(sorted(names[key] for key in strangers))
        faults.append(Fault("licensors", _("Nothing of what is licensed is %(who)s's to license.") % {"who": who}))
    if faults:
        raise FaultyInputError(faults, field="assets")
    return list(found.values())


# --- tables that follow the terms
def follow(licence: Licence, version: AgreementVersion) -> None:
    """Let the rows of the licence say what the version says."""
    terms = whole_terms(version.particulars)
    for name in _PLAIN:
        setattr(licence, name, terms[name])
    for name in _NUMBERS:
        setattr(licence, name, Decimal(terms[name]) if terms[name] is not None else None)
    licence.minimum_from = _day(terms["minimum_from"])
    starts_on, licence.ends_on = days_of(version)
    if not was_signed(version.agreement_id, but=version.pk):  # further terms go on from the first day of the licence
        licence.starts_on, licence.converted_on = starts_on, None
    elif licence.is_shutting:
        licence.converted_on = None
    licence.option_id = UUID(terms["option"]) if terms["option"] else None
    licence.version += 1
    licence.require_clean()
    licence.save()
    licence.co_licensors.set([UUID(key) for key in terms["licensors"][1:]])
    fields = list(FieldOfUse.objects.filter(code__in=terms["fields"]))
    territories = list(Territory.objects.filter(code__in=terms["territories"]))
    licence.fields_of_use.set(fields)
    licence.territories.set(territories)
    things = _things(terms["assets"])
    found = licensables_named((row["subject_type"], row["subject_id"]) for row in terms["assets"])
    home = licence.agreement.project_id
    elsewhere = {key: asset.project_id for key, asset in found.items() if asset.project_id != home}
    _follow(
        LicensedAsset,
        licence,
        "thing_id",
        [
            {
                "thing_id": things[f"{row['subject_type']}:{row['subject_id']}"].pk,
                "kind": row["kind"],
                "subject_type": row["subject_type"],
                "subject_id": row["subject_id"],
                **_labels(row),
                "project_id": elsewhere.get(f"{row['subject_type']}:{row['subject_id']}"),
                "allocation_percent": Decimal(row["percent"]),
                "position": place,
            }
            for place, row in enumerate(terms["assets"])
        ],
    )
    _follow(
        LicensorShare,
        licence,
        "organisation_id",
        [
            {"organisation_id": UUID(row["licensor"]), "percent": Decimal(row["percent"]), "position": place}
            for place, row in enumerate(terms["shares"])
        ],
    )
    _follow(
        RoyaltyTier,
        licence,
        "from_amount",
        [
            {
                "from_amount": Decimal(row["from"]),
                "rate_percent": _number(row["rate"]),
                "per_unit": _number(row["per_unit"]),
            }
            for row in terms["tiers"]
        ],
    )
    for model, rows in ((MilestonePayment, terms["milestones"]), (Diligence, terms["diligence"])):
        titled: list[dict[str, Any]] = [
            {name: row[name] for name in ("title", "title_zh")} | {"due_on": _day(row["due_on"])} for row in rows
        ]
        if model is MilestonePayment:
            titled = [made | {"amount": Decimal(row["amount"])} for made, row in zip(titled, rows, strict=True)]
        _follow(model, licence, "title", titled)
    Grant.objects.filter(licence=licence).delete()
    Grant.objects.bulk_create(spelled_out(licence, [row.pk for row in things.values()], fields, territories))
    licence.__dict__.get("_prefetched_objects_cache", {}).clear()


def _labels(row: dict[str, Any]) -> dict[str, str]:
    return {"label": row["label"], "label_zh": row.get("label_zh", "")}


def _things(assets: Iterable[dict[str, Any]]) -> dict[str, LicensedThing]:
    found = {}
    for row in assets:
        key = f"{row['subject_type']}:{row['subject_id']}"
        found[key], _made = LicensedThing.objects.get_or_create(name=key, defaults=_labels(row))
    return found


def _follow(model: type[models.Model], licence: Licence, key: str, rows: Sequence[dict[str, Any]]) -> None:
    """Change, add and take away rows; one that money was paid for is not taken away."""
    manager = model._default_manager
    known = {getattr(row, key): row for row in manager.filter(licence=licence)}
    for facts in rows:
        row = known.pop(facts[key], None) or model(licence=licence)
        for name, value in facts.items():
            setattr(row, name, value)
        row.save()
    try:
        manager.filter(pk__in=[row.pk for row in known.values()]).delete()
    except ProtectedError:
        text = _("“%(what)s” cannot be taken out of the terms: payments or reports hang on it.")
        raise ConflictError(text % {"what": next(iter(known.values()))}) from None


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
