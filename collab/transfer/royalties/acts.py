"""What the verbs on royalties share: locks, the row of history, sums in words, numbers without gaps."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Max
from django.utils.translation import gettext as _

from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.agreements.acts import named
from collab.audit.services import record
from collab.inbox.services import notify
from collab.kernel.errors import ConflictError, StaleError
from collab.transfer.licences.models import Licence
from collab.transfer.royalties.money import from_minor


def note(verb: str, subject: models.Model, by: User | None, licence: Licence, **data: Any) -> None:
    """One row of history about a licence; the licensor's admins read it."""
    record(
        verb=verb,
        subject=subject,
        by=by,
        organisation_id=licence.licensor_id,
        data=named(licence.agreement) | data,
    )


def note_books(verb: str, subject: models.Model, by: User | None, organisation: Organisation, **data: Any) -> None:
    """One row of history about the books of an organisation."""
    record(verb=verb, subject=subject, by=by, organisation_id=organisation.pk, data=data)


def tell(organisation: Organisation, word: str, *, title: Any, url: str, by: User) -> None:
    """Notify whoever holds the word for the organisation, but the one who did it."""
    held = Membership.objects.filter(organisation=organisation, project=None, role__in=roles_with(word)).active()
    people = User.objects.filter(pk__in=held.values("user"), is_active=True).exclude(pk=by.pk).order_by("pk")
    notify(people=people, kind="royalty", title=title, url=url)


def said(minor: int, currency: str) -> str:
    """A sum in words: 1,234.50 EUR."""
    return f"{from_minor(minor, currency):,f} {currency}"


def next_number(rows: models.QuerySet[Any], organisation: Organisation) -> int:
    """The number after the last one of the organisation, whose row is held: none is left out, none is used twice."""
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    return (rows.filter(organisation=organisation).aggregate(last=Max("number"))["last"] or 0) + 1


def is_executed(licence: Licence) -> bool:
    """Whether any of its versions was signed by all: an agreement under way binds nobody."""
    return licence.agreement.versions.filter(executed_at__isnull=False).exists()


def require_executed(licence: Licence) -> None:
    """Raises ConflictError, naming the licence, while nobody owes anything under it."""
    if not is_executed(licence):
        text = _("%(licence)s is not signed by all parties yet, so nothing is owed under it.")
        raise ConflictError(text % {"licence": licence.agreement.reference}, code="not_executed")


def require_version(row: Any, version: int | None, now: dict[str, object] | None = None) -> None:
    """Raises StaleError when somebody changed the row since `version`."""
    if version is not None and row.version != version:
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)
