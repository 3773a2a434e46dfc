"""Verbs on offers and interested companies. The public reads only what was written for it."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.audit.services import record
from collab.inbox.services import notify
from collab.kernel.errors import (
    ConflictError,
    Fault,
    FaultyInputError,
    InvalidError,
    NotFoundError,
    NotReadyError,
    StaleError,
)
from collab.kernel.names import slug_of
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.states import ENDED, PIPELINE, PURSUED, CaseState
from collab.transfer.protection.offers import Interest, Offer
from collab.transfer.protection.pipeline import bring_to
from collab.transfer.protection.states import INTEREST_MOVES, OFFER_MOVES, InterestState, OfferState

_FACTS = frozenset(
    {"title", "title_zh", "field", "field_zh", "text", "text_zh", "advantages", "advantages_zh", "readiness"}
    | {"sought", "sought_zh", "more", "contact"}
)
_PUBLIC = ("title", "title_zh", "text", "text_zh", "advantages", "advantages_zh", "sought", "sought_zh")
_SENTENCE = re.compile(r"[.!?。！？\n]+")
_TELLING = 30  # characters of a sentence from which on repeating it tells something


@transaction.atomic
def write_offer(*, case: TransferCase, by: User, title: str, text: str, contact: User, **facts: Any) -> Offer:
    """Write an offer of what a case is about; nobody outside the office reads it before it is published."""
    require(by, "offer.manage", case)
    TransferCase.objects.select_for_update().get(pk=case.pk)
    _require_pursued(case)
    unknown = set(facts) - _FACTS
    if unknown:
        raise TypeError(f"an offer has no {sorted(unknown)}")
    offer = Offer(case=case, title=title, text=text, contact=contact, created_by=by, **facts)
    _strip(offer)
    offer.slug = _free_slug(offer.title)
    _check(offer)
    offer.save()
    _told("offer.write", offer, by)
    return offer


@transaction.atomic
def edit_offer(*, offer: Offer, by: User, version: int, **facts: Any) -> Offer:
    """Change it; a published one changes for everybody at once. Raises StaleError when somebody was faster."""
    locked = _locked(offer, by)
    unknown = set(facts) - _FACTS
    if unknown:
        raise TypeError(f"an offer has no {sorted(unknown)}")
    if locked.version != version:
        now = {name: getattr(locked, name) for name in facts}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)
    for name, value in facts.items():
        setattr(locked, name, value)
    _strip(locked)
    _check(locked)
    _save(locked)
    _told("offer.edit", locked, by)
    return locked


@transaction.atomic
def publish_offer(*, offer: Offer, by: User) -> Offer:
    """Let everybody read it, without signing in. That markets the case."""
    locked = _locked(offer, by)
    locked.state = OFFER_MOVES.require("publish", locked.state, what=str(locked))
    case = locked.case
    _require_pursued(case)
    _check(locked)
    locked.published_on = timezone.localdate()
    _save(locked)
    _told("offer.publish", locked, by)
    bring_to(case, CaseState.MARKETED, by)
    return locked


@transaction.atomic
def withdraw_offer(*, offer: Offer, by: User) -> Offer:
    """From now on nobody outside the office finds it."""
    locked = _locked(offer, by)
    locked.state = OFFER_MOVES.require("withdraw", locked.state, what=str(locked))
    _save(locked)
    _told("offer.withdraw", locked, by)
    return locked


@transaction.atomic
def leave_interest(
    *,
    offer: Offer,
    company: str,
    name: str,
    email: str,
    message: str = "",
    country: str = "",
    person: User | None = None,
    organisation: Organisation | None = None,
) -> Interest:
    """A company says that it is interested; anybody may, without an account. Saying it twice changes nothing.

    `organisation`: for somebody who is signed in, the organisation for which they speak here.
    """
    Offer.objects.select_for_update().get(pk=offer.pk)
    found = Offer.objects.published().with_names().filter(pk=offer.pk).first()
    if found is None:
        raise NotFoundError
    if person is not None and organisation is not None:
        _require_belongs(person, organisation)
    address = email.strip().lower()
    before = Interest.objects.going_on().filter(offer=found, email=address).first()
    if before is not None:
        return before  # whoever asks is not told whether somebody asked before
    interest = Interest(
        offer=found,
        company=company.strip(),
        name=name.strip(),
        email=address,
        country=country.strip().upper(),
        message=message.strip(),
        person=person,
        organisation=organisation if person is not None else None,
    )
    interest.require_clean()
    interest.save()
    _told("offer.interest", found, person, company=interest.company, subject=interest)
    notify(
        people={found.contact, *([found.case.officer] if found.case.officer else [])},
        kind="offer",
        title=format_lazy(
            gettext_lazy("{company} is interested in “{title}”"), company=interest.company, title=found.title
        ),
        url=found.get_absolute_url(),
    )
    return interest


@transaction.atomic
def add_interest(
    *,
    offer: Offer,
    company: str,
    name: str,
    email: str,
    by: User,
    country: str = "",
    message: str = "",
    organisation: Organisation | None = None,
    note: str = "",
) -> Interest:
    """Enter a company that asked the office itself, at a fair or by telephone, also before the offer is public.

    Whoever enters it looks after it.
    """
    require(by, "offer.manage", offer)
    Offer.objects.select_for_update().get(pk=offer.pk)
    if organisation is not None and organisation.pk == offer.case.organisation_id:
        raise InvalidError(_("This is the organisation that offers it."), field="organisation")
    address = email.strip().lower()
    if Interest.objects.going_on().filter(offer=offer, email=address).exists():
        raise ConflictError(_("Somebody with this address is noted already."), field="email")
    interest = Interest(
        offer=offer,
        company=company.strip(),
        name=name.strip(),
        email=address,
        country=country.strip().upper(),
        message=message.strip(),
        organisation=organisation,
        note=note.strip(),
        handled_by=by,
    )
    interest.require_clean()
    interest.save()
    _told("offer.add_interest", offer, by, company=interest.company, subject=interest)
    return interest


@transaction.atomic
def edit_interest(
    *, interest: Interest, by: User, version: int, organisation: Organisation | None, note: str = ""
) -> Interest:
    """Say which organisation here the company is, and keep remarks of the office."""
    locked = _locked_interest(interest, by, version)
    if organisation is not None and organisation.pk == locked.offer.case.organisation_id:
        raise InvalidError(_("This is the organisation that offers it."), field="organisation")
    if organisation is None and locked.state == InterestState.UNDER_NDA:
        raise InvalidError(_("Under an agreement it must be known which organisation it is."), field="organisation")
    locked.organisation, locked.note, locked.handled_by = organisation, note.strip(), by
    _save(locked)
    _told("offer.edit_interest", locked.offer, by, company=locked.company, subject=locked)
    return locked


@transaction.atomic
def move_interest(*, interest: Interest, move: str, by: User, version: int | None = None) -> Interest:
    """Say how far one is with a company. Raises NotReadyError while the agreement that it needs is not in force."""
    locked = _locked_interest(interest, by, version)
    if move not in INTEREST_MOVES.table:
        raise InvalidError(_("Choose one of the moves offered."), field="move")
    state = INTEREST_MOVES.require(move, locked.state, what=str(locked))
    if move == "nda":
        missing = nda_missing(locked)
        if missing:
            raise NotReadyError(missing)
    locked.state, locked.handled_by = state, by
    _save(locked)
    _told("offer.move_interest", locked.offer, by, company=locked.company, state=state.value, subject=locked)
    return locked


@transaction.atomic
def open_more(*, offer: Offer, by: User) -> Offer:
    """Who was shown the confidential part, and when, is history."""
    require(by, "offer.read", offer)
    _told("offer.read", offer, by)
    return offer


def nda_missing(interest: Interest) -> list[Missing]:
    """What is needed before the confidential part may be shown to the company."""
    if interest.organisation is None:
        sentence = _("Say which organisation here %(company)s is.") % {"company": interest.company}
        return [Missing("organisation", sentence, reverse("collab:interest", args=[interest.pk]))]
    if not Interest.objects.under_nda().filter(pk=interest.pk).exists():
        sentence = _("A non-disclosure agreement in force between %(owner)s and %(company)s.") % {
            "owner": interest.offer.case.organisation,
            "company": interest.organisation,
        }
        return [Missing("nda", sentence, reverse("collab:agreements"))]
    return []


# --- what the verbs share
def _locked(offer: Offer, by: User) -> Offer:
    require(by, "offer.manage", offer)
    Offer.objects.select_for_update().get(pk=offer.pk)
    return Offer.objects.with_names().get(pk=offer.pk)


def _locked_interest(interest: Interest, by: User, version: int | None) -> Interest:
    require(by, "offer.manage", interest)
    Interest.objects.select_for_update().get(pk=interest.pk)
    locked = Interest.objects.select_related("offer__case__organisation", "organisation").get(pk=interest.pk)
    if version is not None and locked.version != version:
        now = {"organisation": locked.organisation, "note": locked.note}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)
    return locked


def _require_pursued(case: TransferCase) -> None:
    if case.state in ENDED or case.state not in PIPELINE:
        raise ConflictError(_("Only what the office has decided to pursue is offered; this case is not there."))
    if case.decision not in PURSUED:
        raise ConflictError(
            _("The decision was “%(decision)s”, so it is not offered.") % {"decision": case.get_decision_display()}
        )


def _require_belongs(person: User, organisation: Organisation) -> None:
    if not Membership.objects.of(person).active().filter(organisation=organisation).exists():
        raise InvalidError(_("You do not belong to this organisation."), field="organisation")


def _strip(offer: Offer) -> None:
    for name in _FACTS:
        value = getattr(offer, name)
        if isinstance(value, str):
            setattr(offer, name, value.strip())


def _check(offer: Offer) -> None:
    faults = []
    disclosure = getattr(offer.case, "disclosure", None)
    secret = disclosure.description if disclosure else ""
    for name in _PUBLIC:
        told = repeated(getattr(offer, name), secret, offer.more)
        if told:
            faults.append(
                Fault(
                    name,
                    _("Everybody would read what is confidential: “%(text)s”") % {"text": told},
                )
            )
    if not _holders(offer).filter(user=offer.contact_id).exists():
        faults.append(Fault("contact", _("Choose somebody who manages offers of this organisation.")))
    if faults:
        raise FaultyInputError(faults, field=faults[0].path)
    offer.require_clean()


def repeated(public: str, *secrets: str) -> str:
    """The first sentence of the public text that a confidential one holds as well; empty when there is none."""
    known = {_plain(part) for text in secrets for part in _SENTENCE.split(text)}
    for part in _SENTENCE.split(public):
        if len(part.strip()) >= _TELLING and _plain(part) in known:
            return part.strip()[:120]
    return ""


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _holders(offer: Offer) -> Any:
    return Membership.objects.active().filter(
        organisation=offer.case.organisation_id, project=None, role__in=roles_with("offer.manage")
    )


def _free_slug(title: str) -> str:
    base = slug_of(title, fallback="technology", max_length=50)
    taken = set(Offer.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(
        name for number in range(1, 10_000) if (name := base if number == 1 else f"{base}-{number}") not in taken
    )


def _save(row: Any) -> None:
    row.version += 1
    row.require_clean()
    row.save()


def _told(verb: str, offer: Offer, by: User | None, *, subject: Any = None, **data: Any) -> None:
    record(
        verb=verb,
        subject=subject or offer,
        by=by,
        organisation_id=offer.case.organisation_id,
        data={"title": offer.title, **({"title_zh": offer.title_zh} if offer.title_zh else {}), **data},
    )


def offers_of(case: TransferCase) -> list[Missing]:
    """Offers of a case that everybody reads."""
    rows = Offer.objects.filter(case=case, state=OfferState.PUBLISHED)
    text = _("The offer “%(title)s” is public; withdraw it first.")
    return [Missing("offer_public", text % {"title": row.title}, row.get_absolute_url()) for row in rows]
