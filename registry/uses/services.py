"""The verb on data-use codes: set them anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import Membership, Organisation, User
from collab.audit.services import record
from collab.kernel.errors import InvalidError, StaleError
from registry.datasets.models import Dataset
from registry.uses.models import UseCode, UseTerms
from registry.uses.vocabulary import CODES, Use


@dataclass(frozen=True)
class CodeTerm:
    """One code with the parameter that it takes."""

    code: str
    until: date | None = None
    territories: Sequence[str] = ()
    text: str = ""
    organisations: Sequence[Organisation] = field(default_factory=tuple)
    people: Sequence[User] = field(default_factory=tuple)


_FOLLOWERS: dict[str, Callable[[Dataset, User], object]] = {}


def after_set_uses(name: str, follow: Callable[[Dataset, User], object]) -> None:
    """Rooms above follow a change of codes, in its transaction. Registering the same name again replaces it."""
    _FOLLOWERS[name] = follow


@transaction.atomic
def set_uses(*, dataset: Dataset, codes: Sequence[CodeTerm], version: int, by: User) -> UseTerms:
    """Say anew what the dataset may be used for; it holds for the next request, and for jobs that run.

    `version` is the number of the set that was seen (0: none). Raises StaleError when another one counts by now,
    InvalidError for a code without the parameter that it needs.
    """
    require(by, "dataset.govern", dataset)
    locked = Dataset.objects.select_for_update(of=("self",)).get(pk=dataset.pk)
    current = locked.use_terms.filter(current=True).first()
    if (current.number if current else 0) != version:
        raise StaleError(
            _("Somebody changed these codes since you opened them. Open them again and repeat your change."),
            now={"codes": [row.code for row in current.codes.all()] if current else []},
        )
    if len({term.code for term in codes}) != len(codes):
        raise InvalidError(_("Name each code once."), field="codes")
    people = set(Membership.objects.filter(project=dataset.project_id).active().values_list("user", flat=True))
    for term in codes:
        _check(term, people)
    if current:
        UseTerms.objects.filter(pk=current.pk).update(current=False)
    terms = UseTerms.objects.create(dataset=locked, number=version + 1, set_by=by)
    for term in codes:
        row = UseCode(
            terms=terms, code=term.code, until=term.until, territories=list(term.territories), text=term.text.strip()
        )
        row.require_clean()
        row.save()
        row.organisations.set(term.organisations)
        row.people.set(term.people)
    record(
        verb="dataset.set_uses",
        subject=locked,
        by=by,
        project_id=dataset.project_id,
        data={"number": terms.number, "codes": [term.code for term in codes]},
    )
    for follow in _FOLLOWERS.values():
        follow(locked, by)
    return terms


def _check(term: CodeTerm, people: set[UUID]) -> None:
    if term.code not in CODES:
        raise InvalidError(_("“%(code)s” is no data-use code.") % {"code": term.code}, field="codes")
    label = CODES[term.code].label
    if term.code == Use.TIME_LIMIT and term.until is None:
        raise InvalidError(_("“%(code)s” needs a day.") % {"code": label}, field="until")
    if term.code == Use.GEOGRAPHY and not term.territories:
        raise InvalidError(_("“%(code)s” needs at least one country.") % {"code": label}, field="territories")
    if any(not (len(t) == 2 and t.isascii() and t.isalpha() and t.isupper()) for t in term.territories):
        raise InvalidError(_("Write countries in two capital letters, as in ISO 3166."), field="territories")
    if term.code == Use.INSTITUTION_SPECIFIC and not term.organisations:
        raise InvalidError(_("“%(code)s” needs at least one organisation.") % {"code": label}, field="organisations")
    if term.code == Use.USER_SPECIFIC and not term.people:
        raise InvalidError(_("“%(code)s” needs at least one person.") % {"code": label}, field="people")
    if any(person.pk not in people for person in term.people):
        raise InvalidError(_("Name people of this project."), field="people")
    if CODES[term.code].takes == "text" and not term.text.strip():
        raise InvalidError(_("“%(code)s” needs a description.") % {"code": label}, field="text")
