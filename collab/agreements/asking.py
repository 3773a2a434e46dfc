"""What agreements ask people through the inbox: approvals inside a party, and signatures when it is their turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.utils import OperationalError
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, can, holders
from collab.accounts.models import Organisation, User
from collab.agreements.acts import named
from collab.agreements.approvals import Approval, ApprovalState
from collab.agreements.models import AgreementVersion
from collab.inbox.models import Request
from collab.inbox.services import ask, decide_request, lapse_requests, notify
from collab.inbox.states import Decision
from collab.kernel.errors import ConflictError

APPROVAL, SIGNATURE = "agreement.approval", "agreement.signature"

_signing: ContextVar[bool] = ContextVar("agreement_is_signed", default=False)


def ask_for_approval(approval: Approval, version: AgreementVersion, by: User) -> Request:
    """Ask those who decide the step; a named receiver alone, otherwise whoever may approve for the party."""
    step = approval.step
    return ask(
        topic=APPROVAL,
        subject=approval,
        project=version.agreement.project,
        organisation=approval.organisation,
        word="" if step.receiver_id else "agreement.approve",
        receiver=step.receiver,
        due_at=timezone.now() + timedelta(days=step.due_days),
        title=format_lazy(
            gettext_lazy("Approve {agreement}, version {number}: {step}"),
            agreement=version.agreement,
            number=version.number,
            step=step,
        ),
        url=version.agreement.get_absolute_url(),
        data={"told": named(version.agreement)},
        by=by,
    )


def who_asked(topic: str, subjects: Any, otherwise: User) -> User:
    """Who asked first: the later steps are asked in their name, not in that of whoever decided the one before."""
    keys = [str(pk) for pk in subjects]
    first = Request.objects.filter(topic=topic, subject_id__in=keys).order_by("created_at").select_related("asked_by")
    found = first.first()
    return found.asked_by if found else otherwise


def request_of(approval: Approval) -> Request:
    """The open request of a step; raises ConflictError when the step is not open."""
    row = Request.objects.open().filter(topic=APPROVAL, subject_id=str(approval.pk)).first()
    if row is None:
        raise ConflictError(_("This step is not open for a decision now."))
    return row


def lapse_approvals(version: AgreementVersion, by: User, *, wait: bool = True) -> None:
    """Nobody need decide the steps of this version any more.

    Where the caller holds a decision already it does not wait for others who hold theirs, or two would wait for each
    other: they are asked to repeat it.
    """
    steps = list(version.approvals.filter(state=ApprovalState.OPEN))
    if not steps:
        return
    try:
        with transaction.atomic():
            lapse_requests(
                topic=APPROVAL, subjects=steps, by=by, reason=gettext_lazy("The version has changed."), wait=wait
            )
    except OperationalError:
        raise ConflictError(_("Somebody decides another step at this moment. Repeat it in a second.")) from None


def ask_for_signatures(version: AgreementVersion, by: User) -> None:
    """Ask the signatories of every party whose turn it is and that was not asked yet."""
    asked = Request.objects.filter(topic=SIGNATURE, subject_id=str(version.pk)).values("organisation")
    turn = version.parties.whose_turn().exclude(organisation__in=asked).select_related("organisation")
    by = who_asked(SIGNATURE, [version.pk], by)
    for party in turn:
        ask(
            topic=SIGNATURE,
            subject=version,
            project=version.agreement.project,
            organisation=party.organisation,
            word="agreement.sign",
            title=format_lazy(
                gettext_lazy("Sign {agreement}, version {number}, for {party}"),
                agreement=version.agreement,
                number=version.number,
                party=party.organisation,
            ),
            url=version.agreement.get_absolute_url(),
            data={"told": named(version.agreement)},
            by=by,
        )


def answer_signature(version: AgreementVersion, party: Organisation, by: User, *, signed: bool, reason: str) -> None:
    """The party has signed, or said no: its request is answered with it."""
    rows = Request.objects.open().filter(topic=SIGNATURE, subject_id=str(version.pk), organisation=party)
    row = rows.first()
    if row is None:
        return
    with _as_signature():
        decide_request(request=row, decision=Decision.APPROVED if signed else Decision.REJECTED, by=by, reason=reason)


def lapse_signatures(version: AgreementVersion, by: User) -> None:
    """Nobody need sign this version any more."""
    lapse_requests(topic=SIGNATURE, subjects=[version], by=by, reason=gettext_lazy("The version has ended."))


@contextmanager
def _as_signature() -> Iterator[None]:
    token = _signing.set(True)
    try:
        yield
    finally:
        _signing.reset(token)


def only_by_signing(request: Request, user: User) -> list[Missing]:
    """A signature is given on the page of the version, with one's name typed; never by a click in the inbox."""
    if _signing.get():
        return []
    return [Missing("sign_on_page", _("Read the agreement and sign it, or decline, on its own page."), request.url)]


def tell(version: AgreementVersion, title: Any, by: User) -> None:
    """Let those who draft know what became of the version. `title` is lazy, with a place for {agreement}."""
    people = {version.created_by, *holders("agreement.draft", version.agreement.project_id)} - {by}
    if version.agreement.confidential:
        people = {person for person in people if can(person, "agreement.view", version)}
    notify(
        people=sorted(people, key=lambda person: str(person.pk)),
        kind="agreement",
        title=format_lazy(title, agreement=version.agreement),
        url=version.agreement.get_absolute_url(),
        project=version.agreement.project,
    )
