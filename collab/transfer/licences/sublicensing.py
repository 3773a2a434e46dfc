"""Verbs on sublicences: the licensee registers who else uses what it holds, within the bounds of its licence.

Where the terms want the licensor's written consent it is asked through the inbox. With the licence they end as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, require
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.acts import named
from collab.audit.services import record
from collab.inbox.models import Request
from collab.inbox.services import ask, lapse_requests, notify
from collab.inbox.states import RequestState
from collab.kernel.errors import ConflictError, Fault, FaultyInputError, InvalidError
from collab.transfer.licences.models import Licence, Sublicence
from collab.transfer.licences.places import FieldOfUse, Place, Territory
from collab.transfer.licences.states import SUBLICENCE_MOVES, LicenceState, SublicenceState, Sublicensing

CONSENT = "sublicence"  # the topic of the licensor's consent


@transaction.atomic
def register_sublicence(
    *,
    licence: Licence,
    fields: Sequence[FieldOfUse],
    territories: Sequence[Territory],
    starts_on: date,
    by: User,
    ends_on: date | None = None,
    organisation: Organisation | None = None,
    name: str = "",
) -> Sublicence:
    """Enter who is granted a part of what the licence grants: an organisation of Tandem, or somebody by name.

    `ends_on` is the first day without effect; without one it ends with the licence. Raises ConflictError where
    sublicences are not allowed or the licence is not in force, FaultyInputError naming each bound that it oversteps.
    """
    require(by, "sublicence.register", licence)
    rows = Licence.objects.select_for_update(of=("self",)).select_related("agreement", "licensor", "licensee")
    locked = rows.get(pk=licence.pk)
    if locked.is_option or locked.sublicensing == Sublicensing.NONE:
        raise ConflictError(_("This licence does not allow sublicences."), code="sublicensing_not_allowed")
    if locked.state != LicenceState.ACTIVE:
        raise ConflictError(_("Only under a licence in force can sublicences be granted."))
    if (organisation is None) == (not name.strip()):
        raise InvalidError(_("Choose an organisation or write a name: one of the two."), field="name")
    if organisation is not None and organisation.pk in {locked.licensee_id, *(one.pk for one in locked.licensors())}:
        raise InvalidError(_("Licensor and licensee are no sublicensees."), field="organisation")
    ends_on = ends_on or locked.ends_on
    _require_within(locked, fields, territories, starts_on, ends_on)
    asks = locked.sublicensing == Sublicensing.CONSENT
    row = Sublicence(
        licence=locked,
        organisation=organisation,
        name=organisation.name if organisation else name.strip(),
        starts_on=starts_on,
        ends_on=ends_on,
        state=SublicenceState.ASKED if asks else SublicenceState.GRANTED,
        granted_on=None if asks else timezone.localdate(),
        registered_by=by,
    )
    row.require_clean()
    row.save()
    row.fields_of_use.set(fields)
    row.territories.set(territories)
    _note("sublicence.register", row, by)
    if asks:
        ask(
            topic=CONSENT,
            subject=row,
            organisation=locked.licensor,
            word="licence.end",
            title=format_lazy(gettext_lazy("Sublicence under {licence} to {name}"), licence=locked, name=row.name),
            by=by,
        )
    else:
        _tell(row, locked.licensor, gettext_lazy("{licensee} granted a sublicence to {name}: {licence}"), by)
    return row


@transaction.atomic
def end_sublicence(*, sublicence: Sublicence, by: User, version: int | None = None) -> Sublicence:
    """Say that it is over, from today on; one that still waits for consent is taken back."""
    require(by, "sublicence.register", sublicence)
    locked = _locked(sublicence)
    if version is not None and locked.version != version:
        raise ConflictError(_("Somebody changed it since you opened it. Read it again and repeat your change."))
    _end(locked, timezone.localdate(), by)
    _tell(locked, locked.licence.licensor, gettext_lazy("The sublicence to {name} ended: {licence}"), by)
    return locked


def end_all(licence: Licence, day: date, by: User | None) -> int:
    """The licence is over: nothing that hangs on it goes on. How many ended."""
    rows = Sublicence.objects.filter(licence=licence, state__in=SUBLICENCE_MOVES.sources("end")).order_by("pk")
    count = 0
    for row in rows:
        _end(_locked(row), day, by)
        count += 1
    return count


@dataclass(frozen=True)
class NoRoom:
    """A sublicence that further terms leave no room for; `faults` name each bound that it oversteps."""

    sublicence: Sublicence
    faults: list[Fault]

    @property
    def only_too_long(self) -> bool:
        return {one.path for one in self.faults} == {"ends_on"}


def no_room_for(licence: Licence, terms: Mapping[str, Any], ends_on: date | None) -> list[NoRoom]:
    """The sublicences, in force or asked for, that do not fit into terms that are to follow those that were signed.

    A sublicence covers whatever the licence does: where something licensed is taken out, it takes it from all of them.
    """
    fields = list(FieldOfUse.objects.filter(code__in=terms["fields"]))
    territories = list(Territory.objects.filter(code__in=terms["territories"]))
    kept = {(row["subject_type"], row["subject_id"]) for row in terms["assets"]}
    everywhere = [
        Fault("assets", _("“%(what)s” is no longer licensed.") % {"what": asset})
        for asset in licence.assets.all()
        if (asset.subject_type, asset.subject_id) not in kept
    ]
    if terms["sublicensing"] == Sublicensing.NONE:
        everywhere.append(Fault("sublicensing", _("Sublicences are no longer allowed.")))
    rows = licence.sublicences.filter(state__in=SUBLICENCE_MOVES.sources("end")).order_by("created_at", "pk")
    found = []
    for row in rows.prefetch_related("fields_of_use", "territories"):
        faults = [
            *everywhere,
            *_outside("fields", row.fields_of_use.all(), fields),
            *_outside("territories", row.territories.all(), territories),
            *_too_long(row.ends_on, ends_on),
        ]
        if faults:
            found.append(NoRoom(row, faults))
    return found


def without_room(licence: Licence, terms: Mapping[str, Any], ends_on: date | None) -> list[Missing]:
    """What keeps further terms from being approved and signed: sublicences in force that they leave no room for.

    A sublicensee relies on what it was granted, so it is not taken away in passing: the licensee ends the sublicence
    first, or the terms say, for both parties to sign, that such sublicences end with them.
    """
    if terms.get("sublicences_end"):
        return []
    text = _("The sublicence to %(name)s would no longer fit: %(why)s End it first, or let the terms end it.")
    return [
        Missing(
            "sublicence.no_room",
            text % {"name": one.sublicence, "why": " ".join(str(fault.text) for fault in one.faults)},
            licence.get_absolute_url(),
        )
        for one in no_room_for(licence, terms, ends_on)
        if one.sublicence.state == SublicenceState.GRANTED
    ]


def end_without_room(found: Sequence[NoRoom], ends_on: date | None, by: User) -> None:
    """The terms were signed: what does not fit into them ends today, or with the licence where it only lasts too long.

    What still waits for consent is taken back.
    """
    for one in found:
        row = _locked(one.sublicence)
        if (
            one.only_too_long
            and row.state == SublicenceState.GRANTED
            and ends_on is not None
            and ends_on > row.starts_on
        ):
            row.ends_on = ends_on
            row.version += 1
            row.save(update_fields=["ends_on", "version"])
            _note("sublicence.shorten", row, by)
            said = gettext_lazy("The sublicence to {name} ends earlier, with the licence: {licence}")
        else:
            _end(row, timezone.localdate(), by)
            said = gettext_lazy("The sublicence to {name} ended: {licence}")
        for side in (row.licence.licensee, row.licence.licensor):
            _tell(row, side, said, by)


def consent_decided(request: Request, by: User) -> None:
    """The licensor's answer, in its transaction. What was asked is looked at again: the licence may have changed."""
    locked = _locked(Sublicence.objects.get(pk=request.subject_id))
    refused = request.state == RequestState.REJECTED
    if not refused:
        fields, places = list(locked.fields_of_use.all()), list(locked.territories.all())
        if locked.licence.state != LicenceState.ACTIVE:
            raise ConflictError(_("Only under a licence in force can sublicences be granted."))
        _require_within(locked.licence, fields, places, locked.starts_on, locked.ends_on)
    move = "refuse" if refused else "consent"
    locked.state = SUBLICENCE_MOVES.require(move, locked.state, what=str(locked))
    locked.granted_on = None if refused else timezone.localdate()
    locked.version += 1
    locked.save(update_fields=["state", "granted_on", "version"])
    _note(f"sublicence.{move}", locked, by)
    said = gettext_lazy("The licensor refused the sublicence to {name}: {licence}")
    if not refused:
        said = gettext_lazy("The licensor consented to the sublicence to {name}: {licence}")
    _tell(locked, locked.licence.licensee, said, by)


def consent_withdrawn(request: Request, by: User) -> None:
    """Whoever asked takes it back."""
    _end(_locked(Sublicence.objects.get(pk=request.subject_id)), timezone.localdate(), by, lapse=False)


def facts_of_consent(request: Request) -> list[tuple[str, str]]:
    """What one reads before one consents."""
    row = Sublicence.objects.filter(pk=request.subject_id).select_related("licence__agreement").first()
    if row is None:
        return []
    last = date_format(row.ends_on) if row.ends_on else "–"
    return [
        (_("Licence"), str(row.licence)),
        (_("Sublicensee"), row.name),
        (_("Field of use"), _(", ").join(map(str, row.fields_of_use.all()))),
        (_("Territory"), _(", ").join(map(str, row.territories.all()))),
        (_("Term"), f"{date_format(row.starts_on)} – {last}"),
    ]


# --- what they share
def _require_within(
    licence: Licence, fields: Sequence[Place], territories: Sequence[Place], starts_on: date, ends_on: date | None
) -> None:
    """Nobody grants more than they hold; every bound that is overstepped is named."""
    faults = []
    for path, wanted, held in (
        ("fields", fields, list(licence.fields_of_use.all())),
        ("territories", territories, list(licence.territories.all())),
    ):
        if not wanted:
            faults.append(Fault(path, _("Choose at least one.")))
        faults += _outside(path, wanted, held)
    if starts_on < licence.starts_on:
        text = _("The licence begins only on %(day)s.") % {"day": date_format(licence.starts_on)}
        faults.append(Fault("starts_on", text))
    faults += _too_long(ends_on, licence.ends_on)
    if ends_on is not None and ends_on <= starts_on:
        faults.append(Fault("ends_on", _("It ends before it begins.")))
    if faults:
        raise FaultyInputError(faults, field=faults[0].path)


def _outside(path: str, wanted: Iterable[Place], held: Sequence[Place]) -> list[Fault]:
    text = _("“%(what)s” is outside of what the licence grants: %(held)s.")
    return [
        Fault(path, text % {"what": one, "held": _(", ").join(map(str, held))})
        for one in wanted
        if not any(outer.holds(one) for outer in held)
    ]


def _too_long(ends_on: date | None, last: date | None) -> list[Fault]:
    """Nothing lasts longer than the licence, which ends on `last`."""
    if last is None or (ends_on is not None and ends_on <= last):
        return []
    text = _("The licence ends on %(day)s; a sublicence does not last longer.")
    return [Fault("ends_on", text % {"day": date_format(last)})]


def _locked(row: Sublicence) -> Sublicence:
    rows = Sublicence.objects.select_for_update(of=("self",))
    return rows.select_related("licence__agreement", "licence__licensor", "licence__licensee").get(pk=row.pk)


def _end(row: Sublicence, day: date, by: User | None, *, lapse: bool = True) -> None:
    row.state = SUBLICENCE_MOVES.require("end", row.state, what=str(row))
    first = row.starts_on + timedelta(days=1)
    row.ends_on = max(first, min(day, row.ends_on) if row.ends_on else day)
    row.version += 1
    row.save(update_fields=["state", "ends_on", "version"])
    if lapse:
        lapse_requests(topic=CONSENT, subjects=[row], by=by)
    _note("sublicence.end", row, by)


def _note(verb: str, row: Sublicence, by: User | None) -> None:
    """Both sides find it with the licence; the licensor's admins read it."""
    record(
        verb=verb,
        subject=row,
        by=by,
        organisation_id=row.licence.licensor_id,
        data=named(row.licence.agreement) | {"name": row.name},
    )


def _tell(row: Sublicence, organisation: Organisation, title: object, by: User) -> None:
    held = Membership.objects.filter(
        organisation=organisation, project=None, role__in=roles_with("licence.view")
    ).active()  # fmt: skip
    notify(
        people=User.objects.filter(pk__in=held.values("user"), is_active=True).exclude(pk=by.pk).order_by("pk"),
        kind="agreement",
        title=format_lazy(title, name=row.name, licence=row.licence, licensee=row.licence.licensee),  # type: ignore[call-overload]
        url=row.get_absolute_url(),
    )
