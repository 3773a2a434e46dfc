"""Verbs on the register of outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from collab.access.policy import require
from collab.accounts.models import Membership, User
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, StaleError
from collab.projects.models import Output, OutputKind, OutputShare, Project, ProjectParty
from collab.projects.products import products_of
from collab.projects.states import UNDER_WAY

WHOLE = Decimal(100)


@transaction.atomic
def record_output(
    *,
    project: Project,
    kind: str,
    title: str,
    shares: Mapping[ProjectParty, Decimal],
    by: User,
    creators: Sequence[User] = (),
    row_id: UUID | None = None,
    **facts: Any,
) -> Output:
    """Enter a result into the register, with its owners' shares, which make one hundred per cent."""
    require(by, "output.edit", project)
    _require_running(project)
    output = Output(project=project, kind=kind, title=title, created_by=by, row_id=row_id, **facts)
    _check(output, shares, creators, by)
    output.save()
    _set(output, shares, creators)
    record(
        verb="output.record",
        subject=output,
        by=by,
        project_id=project.pk,
        data={"title": _told(output), "kind": kind, "shares": _share_words(shares)},
    )
    return output


@transaction.atomic
def edit_output(
    *,
    output: Output,
    shares: Mapping[ProjectParty, Decimal],
    by: User,
    version: int,
    creators: Sequence[User] = (),
    **facts: Any,
) -> Output:
    """Change an entry of the register. Confirmations of the register as it stood no longer count."""
    require(by, "output.edit", output.project)
    locked = Output.objects.select_for_update(of=("self",)).select_related("project").get(pk=output.pk)
    _require_running(locked.project)
    if locked.version != version:
        raise StaleError(
            _("Somebody changed it since you opened it. Open it again and repeat your change."),
            now={name: getattr(locked, name) for name in facts},
        )
    for name, value in facts.items():
        setattr(locked, name, value)
    _check(locked, shares, creators, by)
    locked.version += 1
    locked.save()
    _set(locked, shares, creators)
    record(
        verb="output.edit",
        subject=locked,
        by=by,
        project_id=locked.project_id,
        data={"title": _told(locked), "shares": _share_words(shares)},
    )
    return locked


def register_digest(project: Project) -> str:
    """The hash of the whole register as it stands: what a party confirms when it closes."""
    rows = [
        [str(o.pk), o.kind, o.title, o.doi, o.made_on.isoformat(), o.confidential, str(o.row_id or ""), o.version]
        for o in Output.objects.filter(project=project).order_by("pk")
    ]
    shares = [
        [str(s.output_id), str(s.party_id), str(s.percent)]
        for s in OutputShare.objects.filter(output__project=project).order_by("output_id", "party_id")
    ]
    return hashlib.sha256(json.dumps([rows, shares], ensure_ascii=False).encode()).hexdigest()


def _told(output: Output) -> str:
    """The history is read by more people than the register: what is confidential is not named in it."""
    return "…" if output.confidential else output.title


def _share_words(shares: Mapping[ProjectParty, Decimal]) -> dict[str, str]:
    return {party.organisation.slug: str(percent) for party, percent in shares.items()}


def _check(output: Output, shares: Mapping[ProjectParty, Decimal], creators: Sequence[User], by: User) -> None:
    output.require_clean()
    if output.doi and output.kind not in {OutputKind.PUBLICATION, OutputKind.DATASET, OutputKind.SOFTWARE}:
        raise InvalidError(_("A DOI belongs to a publication, a dataset or software."), field="doi")
    if output.link and not output.link.startswith(("https://", "http://", "/")):
        raise InvalidError(_("Write an address that begins with https://."), field="link")
    if not shares:
        raise InvalidError(_("Say whose it is: the shares of the owners make 100 per cent."), field="shares")
    if any(party.project_id != output.project_id for party in shares):
        raise InvalidError(_("Only parties of the project own its outputs."), field="shares")
    if any(percent <= 0 or percent > WHOLE or percent.as_tuple().exponent < -2 for percent in shares.values()):  # type: ignore[operator]
        raise InvalidError(_("A share is above 0 and at most 100 per cent, with two decimals."), field="shares")
    if sum(shares.values(), Decimal(0)) != WHOLE:
        raise InvalidError(
            _("The shares make %(sum)s per cent, not 100.") % {"sum": sum(shares.values())}, field="shares"
        )
    people = Membership.objects.filter(project=output.project, user__in=creators).values_list("user", flat=True)
    if {user.pk for user in creators} - set(people):
        raise InvalidError(
            _("Creators are people of the project; name others in the field for them."), field="creators"
        )
    if output._state.adding and output.row_id is not None:
        known = {product.pk: product for product in products_of(by, output.project_id)}
        product = known.get(output.row_id)
        if product is None or product.kind != output.kind:
            raise InvalidError(_("There is no such model version or dataset in this project."), field="row_id")
        if Output.objects.filter(project=output.project, row_id=output.row_id).exists():
            raise ConflictError(_("This is in the register already."))
        output.link = product.url


def _set(output: Output, shares: Mapping[ProjectParty, Decimal], creators: Sequence[User]) -> None:
    OutputShare.objects.filter(output=output).delete()
    OutputShare.objects.bulk_create(
        OutputShare(output=output, party=party, percent=percent) for party, percent in shares.items()
    )
    output.creators.set(creators)


def _require_running(project: Project) -> None:
    if project.state not in UNDER_WAY:
        raise ConflictError(_("Outputs are recorded while a project is under way."))
