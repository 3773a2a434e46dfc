"""Verbs of the inventors: disclose, write, name each other with shares, sign.

Each signs exactly what the page showed, by its hash. Whoever changes it afterwards asks for every signature anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, allowed, party_of, require
from collab.accounts.models import Membership, Organisation, OrganisationUnit, User
from collab.agreements.models import AgreementVersion
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, RefusedError, StaleError
from collab.projects.models import Project
from collab.transfer.disclosures.asking import tell
from collab.transfer.disclosures.models import (
    WHOLE,
    CaseStage,
    DisclosedResult,
    Disclosure,
    DisclosureSignature,
    Funding,
    Inventor,
    PriorArt,
    TransferCase,
)
from collab.transfer.disclosures.prefill import ResultTerm, prefill_of
from collab.transfer.disclosures.rights import rights_of
from collab.transfer.disclosures.states import WRITABLE, CaseState

FIELDS = (
    "title",
    "title_zh",
    "summary",
    "description",
    "kind",
    "conception_on",
    "public_disclosure_on",
    "planned_disclosure_on",
    "public_disclosure_note",
)
_SMALLEST = Decimal("0.0001")


@dataclass(frozen=True)
class InventorTerm:
    """One inventor as written down: a person here, or somebody by name; `pk` names the row that is changed."""

    share_percent: Decimal
    person: User | None = None
    name: str = ""
    email: str = ""
    employer: Organisation | None = None
    employer_name: str = ""
    contribution: str = ""
    pk: UUID | None = None


@dataclass(frozen=True)
class FundingTerm:
    sponsor: Organisation | None = None
    sponsor_name: str = ""
    award: str = ""
    agreement: AgreementVersion | None = None
    right: str = "none"
    note: str = ""


@dataclass(frozen=True)
class PriorArtTerm:
    kind: str
    reference: str
    link: str = ""
    difference: str = ""


def equal_shares(count: int) -> list[Decimal]:
    """Shares that make 100 exactly; what does not divide goes to the first ones."""
    if count < 1:
        return []
    units, more = divmod(int(WHOLE / _SMALLEST), count)
    return [(units + (1 if place < more else 0)) * _SMALLEST for place in range(count)]


@transaction.atomic
def disclose(
    *,
    organisation: Organisation,
    kind: str,
    title: str,
    by: User,
    project: Project | None = None,
    unit: OrganisationUnit | None = None,
    inventors: Sequence[InventorTerm] = (),
    results: Iterable[ResultTerm] = (),
    **facts: Any,
) -> TransferCase:
    """Begin a disclosure for the office of an organisation. Without inventors, whoever writes it is the only one.

    Without a unit it is that of the first inventor who works in one of this organisation.

    Sponsors and their rights are filled in from the project's agreements that the person may read.
    """
    if project is not None:
        require(by, "disclosure.create", project)
        if not party_of(by, project.pk).filter(pk=organisation.pk).exists():
            raise InvalidError(
                _("Disclose to an organisation for which you work in this project."), field="organisation"
            )
    else:
        require(by, "disclosure.begin", organisation)
    case = TransferCase(organisation=organisation, project=project, unit=unit, created_by=by)
    if unit is not None and unit.organisation_id != organisation.pk:
        raise InvalidError(_("This unit is not of %(name)s.") % {"name": organisation}, field="unit")
    case.require_clean()
    case.save()
    disclosure = Disclosure(case=case, kind=kind, title=title, **facts)
    _check(disclosure)
    disclosure.save()
    CaseStage.objects.create(case=case, state=case.state, entered_at=case.stage_since, by=by)
    _write_inventors(disclosure, inventors or [InventorTerm(WHOLE, person=by, employer=organisation)], by)
    if case.unit is None:
        case.unit = _unit_of(disclosure)
        case.save(update_fields=["unit"])
    for term in results:
        row = DisclosedResult(case=case, **vars(term))
        row.require_clean()
        row.save()
    for right in rights_of(case.project_id, organisation.pk, by):
        Funding.objects.create(disclosure=disclosure, sponsor=right.party, agreement=right.version, right=right.right)
    _record("disclosure.begin", case, by, kind=kind)
    people = [row.person for row in disclosure.inventors.select_related("person") if row.person]
    tell(case, gettext_lazy("You are named as an inventor: “{case}”"), people, but=by)
    return case


@transaction.atomic
def edit_disclosure(*, case: TransferCase, by: User, version: int, **changes: Any) -> TransferCase:
    """Change what it says. Raises StaleError when somebody was faster; asks those who had signed to sign anew."""
    locked = _locked(case, by, version)
    disclosure = locked.disclosure
    for name, value in changes.items():
        if name not in FIELDS:
            raise InvalidError(_("There is no such field."), field=name)
        setattr(disclosure, name, value)
    _check(disclosure)
    disclosure.version += 1
    disclosure.save()
    return _changed(locked, by, "disclosure.edit", fields=sorted(changes))


@transaction.atomic
def set_inventors(*, case: TransferCase, inventors: Sequence[InventorTerm], by: User, version: int) -> TransferCase:
    """Write down who made it, all at once. The shares make 100 per cent exactly; nobody who signed is taken out."""
    locked = _locked(case, by, version)
    _write_inventors(locked.disclosure, inventors, by)
    return _changed(locked, by, "disclosure.set_inventors", inventors=len(inventors))


@transaction.atomic
def set_funding(*, case: TransferCase, funding: Sequence[FundingTerm], by: User, version: int) -> TransferCase:
    """Write down who paid; what was found in the agreements of the project stays."""
    locked = _locked(case, by, version)
    locked.disclosure.funding.filter(agreement=None).delete()
    for term in funding:
        if term.agreement is None:
            row = Funding(disclosure=locked.disclosure, **vars(term))
            row.require_clean()
            if row.sponsor is None and not row.sponsor_name.strip():
                raise InvalidError(_("Say who paid."), field="sponsor_name")
            row.save()
    return _changed(locked, by, "disclosure.set_funding")


@transaction.atomic
def find_funding(*, case: TransferCase, by: User, version: int) -> TransferCase:
    """Read the agreements of the project again, as far as the person may, and write down what they give sponsors."""
    locked = _locked(case, by, version)
    found = rights_of(locked.project_id, locked.organisation_id, by)
    locked.disclosure.funding.exclude(agreement=None).delete()
    for right in found:
        Funding.objects.create(
            disclosure=locked.disclosure, sponsor=right.party, agreement=right.version, right=right.right
        )
    return _changed(locked, by, "disclosure.find_funding", found=len(found))


@transaction.atomic
def set_prior_art(*, case: TransferCase, prior_art: Sequence[PriorArtTerm], by: User, version: int) -> TransferCase:
    """Write down what was known before."""
    locked = _locked(case, by, version)
    locked.disclosure.prior_art.all().delete()
    for term in prior_art:
        row = PriorArt(disclosure=locked.disclosure, **vars(term))
        row.require_clean()
        row.save()
    return _changed(locked, by, "disclosure.set_prior_art", count=len(prior_art))


@transaction.atomic
def set_results(*, case: TransferCase, results: Sequence[ResultTerm], by: User, version: int) -> TransferCase:
    """Write down which models and datasets of the project are disclosed with it; those that stay keep their names."""
    locked = _locked(case, by, version)
    known = {(row.subject_type, row.subject_id): row for row in locked.results.all()}
    wanted = {(term.subject_type, term.subject_id): term for term in results}
    for key, row in known.items():
        if key not in wanted:
            row.delete()
    for key, term in wanted.items():
        if key in known:
            continue
        if prefill_of(by, *key).project.pk != locked.project_id:
            raise InvalidError(_("It came out of another project."), field="results")
        added = DisclosedResult(case=locked, **vars(term))
        added.require_clean()
        added.save()
    return _changed(locked, by, "disclosure.set_results", count=len(wanted))


@transaction.atomic
def step_back(*, case: TransferCase, by: User, reason: str) -> TransferCase:
    """An inventor says that they are none, also after signing; their share goes to the others in proportion."""
    require(by, "disclosure.sign", case)
    locked = _lock(case)
    _require_writable(locked)
    rows = list(locked.disclosure.inventors.all())
    mine = next((row for row in rows if row.person_id == by.pk), None)
    rest = [row for row in rows if row is not mine]
    if mine is None:
        raise ConflictError(_("You are not named as an inventor."))
    if not rest:
        raise ConflictError(_("You are the only inventor: withdraw the disclosure instead."))
    if not reason.strip():
        raise InvalidError(_("Say why you are no inventor."), field="reason")
    mine.signatures.all().delete()
    mine.delete()
    _spread(rest)
    return _changed(locked, by, "disclosure.step_back", reason=reason.strip()[:500])


@transaction.atomic
def sign_disclosure(*, case: TransferCase, typed_name: str, document_sha256: str, by: User) -> Inventor:
    """Sign what was shown, by its hash and one's name. Raises ConflictError when it has changed since."""
    require(by, "disclosure.sign", case)
    locked = _lock(case)
    _require_writable(locked)
    inventor = locked.disclosure.inventors.filter(person=by).first()
    if inventor is None:
        raise RefusedError([Missing("not_inventor", _("Only the inventors sign, each for themselves."))])
    if " ".join(typed_name.split()).casefold() != " ".join(inventor.name.split()).casefold():
        raise InvalidError(
            _("Type your name as the disclosure has it: %(name)s.") % {"name": inventor.name}, field="typed_name"
        )
    return _sign(locked, inventor, typed_name, document_sha256, by)


@transaction.atomic
def sign_on_paper(*, case: TransferCase, inventor: Inventor, paper: str, document_sha256: str, by: User) -> Inventor:
    """The office enters the signature of an inventor who has no account here, and where the paper lies."""
    require(by, "case.manage", case)
    locked = _lock(case)
    _require_writable(locked)
    mine = locked.disclosure.inventors.filter(pk=inventor.pk).first()
    if mine is None or mine.person_id is not None:
        raise ConflictError(_("Whoever has an account here signs in person."))
    if not paper.strip():
        raise InvalidError(_("Say where the signed paper is."), field="paper")
    return _sign(locked, mine, mine.name, document_sha256, by, paper=paper.strip())


# --- what the verbs share
def _lock(case: TransferCase) -> TransferCase:
    TransferCase.objects.select_for_update().get(pk=case.pk)
    return TransferCase.objects.with_all().get(pk=case.pk)


def _locked(case: TransferCase, by: User, version: int) -> TransferCase:
    require(by, "disclosure.edit", case)
    locked = _lock(case)
    if locked.version != version:
        now = {name: getattr(locked.disclosure, name) for name in FIELDS}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)
    _require_writable(locked)
    return locked


def _require_writable(case: TransferCase) -> None:
    if case.state not in WRITABLE:
        raise ConflictError(_("It is submitted; the office must return it before anything in it changes."))


def _check(disclosure: Disclosure) -> None:
    disclosure.require_clean()
    today = timezone.localdate()
    conceived, public, planned = (
        disclosure.conception_on,
        disclosure.public_disclosure_on,
        disclosure.planned_disclosure_on,
    )
    if conceived and conceived > today:
        raise InvalidError(_("This day has not come yet."), field="conception_on")
    if public and public > today:
        raise InvalidError(
            _("This day has not come yet; write it as the day on which it shall be made public."),
            field="public_disclosure_on",
        )
    if conceived and public and public < conceived:
        raise InvalidError(_("It was conceived before it was made public."), field="public_disclosure_on")
    if planned and planned < today and planned != _known(disclosure):
        raise InvalidError(
            _("This day has passed; write it as the day on which it was made public."), field="planned_disclosure_on"
        )


def _known(disclosure: Disclosure) -> date | None:
    """The planned day as it is stored: one that passes meanwhile does not keep other fields from being changed."""
    return Disclosure.objects.filter(pk=disclosure.pk).values_list("planned_disclosure_on", flat=True).first()


def _write_inventors(disclosure: Disclosure, terms: Sequence[InventorTerm], by: User) -> None:
    if not terms:
        raise InvalidError(_("Name at least one inventor."), field="inventors")
    total = sum((term.share_percent for term in terms), Decimal(0))
    if total != WHOLE:
        raise InvalidError(
            _("The shares make %(sum)s per cent; they must make 100 exactly.") % {"sum": f"{total.normalize():f}"},
            field="inventors",
        )
    known = {row.pk: row for row in disclosure.inventors.all()}
    by_person = {row.person_id: row for row in known.values() if row.person_id}
    by_name = {row.name.casefold(): row for row in known.values() if not row.person_id}
    kept: list[Inventor] = []
    for term in terms:
        row = (
            known.get(term.pk)
            if term.pk
            else by_person.get(term.person.pk)
            if term.person
            else by_name.get(term.name.strip().casefold())
        ) or Inventor(disclosure=disclosure)
        if row in kept:
            raise InvalidError(_("%(name)s is named twice.") % {"name": row.name}, field="inventors")
        if row.first_signed_at and row.person_id != (term.person.pk if term.person else None):
            raise _signed(row)
        _fill(row, term, disclosure)
        row.require_clean()
        kept.append(row)
    people = [row.person_id for row in kept if row.person_id]
    if len(people) != len(set(people)):
        raise InvalidError(_("Somebody is named twice."), field="inventors")
    for row in known.values():
        if row not in kept:
            if row.first_signed_at:
                raise _signed(row)
            row.delete()
    for row in kept:
        row.save()


def _fill(row: Inventor, term: InventorTerm, disclosure: Disclosure) -> None:
    row.person, row.share_percent = term.person, term.share_percent
    row.name = term.person.name if term.person else term.name.strip()
    row.email = term.person.email if term.person else term.email.strip()
    row.employer, row.employer_name = term.employer, "" if term.employer else term.employer_name.strip()
    row.contribution = term.contribution.strip()
    if row.employer is None and not row.employer_name:
        found = _employer_of(term.person, disclosure.case) if term.person else None
        if found is None:
            raise InvalidError(_("Say who employed %(name)s then.") % {"name": row.name or "?"}, field="inventors")
        row.employer = found


def _employer_of(person: User, case: TransferCase) -> Organisation | None:
    """For whom the person works in the project, or where they work at all, when that is one place."""
    if case.project_id:
        found = party_of(person, case.project_id).first()
        if found is not None:
            return found
    held = Membership.objects.of(person).in_organisations().active().values("organisation")
    houses = list(Organisation.objects.filter(pk__in=held)[:2])
    return houses[0] if len(houses) == 1 else None


def _unit_of(disclosure: Disclosure) -> OrganisationUnit | None:
    """Where the first of the inventors works in the organisation that the case belongs to."""
    rows = Membership.objects.active().filter(
        organisation=disclosure.case.organisation_id, project=None, unit__isnull=False
    )
    units = {
        row.user_id: row.unit
        for row in rows.filter(user__in=disclosure.inventors.values("person")).select_related("unit")
    }
    people = disclosure.inventors.order_by("-share_percent", "created_at", "pk").values_list("person", flat=True)
    return next((units[key] for key in people if key in units), None)


def _signed(row: Inventor) -> ConflictError:
    return ConflictError(
        _("%(name)s has signed, so only they themselves can step back.") % {"name": row.name}, field="inventors"
    )


def _spread(rest: list[Inventor]) -> None:
    """Make the shares of those who stay 100 again, each in proportion; what does not divide goes to the largest."""
    rest.sort(key=lambda row: (-row.share_percent, str(row.pk)))
    total = sum((row.share_percent for row in rest), Decimal(0))
    for row in rest:
        row.share_percent = (row.share_percent * WHOLE / total).quantize(_SMALLEST)
    rest[0].share_percent += WHOLE - sum((row.share_percent for row in rest), Decimal(0))
    for row in rest:
        row.save(update_fields=["share_percent"])


def _sign(
    case: TransferCase, inventor: Inventor, typed_name: str, document_sha256: str, by: User, paper: str = ""
) -> Inventor:
    text, digest = case.disclosure.document_text(), case.disclosure.document_sha256()
    if document_sha256 != digest:
        raise ConflictError(_("It has changed since you read it. Read it again, then sign."), field="document_sha256")
    if inventor.signed_hash == digest:
        raise ConflictError(_("%(name)s has signed this already.") % {"name": inventor.name})
    now = timezone.now()
    signature, made = DisclosureSignature.objects.get_or_create(
        inventor=inventor,
        document_sha256=digest,
        defaults={"document": text, "typed_name": typed_name.strip(), "paper": paper, "by": by, "at": now},
    )
    if made:
        signature.require_clean()
    inventor.signed_at, inventor.signed_hash = now, digest
    inventor.first_signed_at = inventor.first_signed_at or now
    inventor.save(update_fields=["signed_at", "signed_hash", "first_signed_at"])
    _record("disclosure.sign", case, by, sha256=digest, inventor=inventor.name)
    left = case.disclosure.inventors.exclude(signed_hash=digest).count()
    if not left:
        tell(case, gettext_lazy("All inventors have signed: “{case}” can be submitted"), [case.created_by], but=by)
    return inventor


def _changed(case: TransferCase, by: User, verb: str, **data: Any) -> TransferCase:
    """Count the change, and take the signatures on the text before it back."""
    case.version += 1
    case.save(update_fields=["version"])
    case = TransferCase.objects.with_all().get(pk=case.pk)
    digest = case.disclosure.document_sha256()
    stale = [row for row in case.disclosure.inventors.all() if row.signed_hash and row.signed_hash != digest]
    for row in stale:
        row.signed_at, row.signed_hash = None, ""
        row.save(update_fields=["signed_at", "signed_hash"])
    _record(verb, case, by, reopened=len(stale), **data)
    people = [row.person for row in stale if row.person]
    tell(case, gettext_lazy("It has changed, so please sign it again: “{case}”"), people, but=None)
    return case


def _record(verb: str, case: TransferCase, by: User, **data: Any) -> None:
    """In the history of the organisation, not of the project: the other parties do not read it."""
    record(verb=verb, subject=case, by=by, organisation_id=case.organisation_id, data=told(case) | data)


def told(case: TransferCase) -> dict[str, Any]:
    """How an act names the case."""
    words = {"title": case.disclosure.title, "docket": case.docket or "–", "case": str(case.pk)}
    return words | ({"title_zh": case.disclosure.title_zh} if case.disclosure.title_zh else {})


def may_write(user: User, case: TransferCase) -> bool:
    return case.state in {CaseState.DRAFT, CaseState.RETURNED} and "disclosure.edit" in allowed(
        user, case, "disclosure.edit"
    )
