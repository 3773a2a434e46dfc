"""Who is asked, told and reminded about a publication notice."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing
from collab.access.roles import roles_with
from collab.accounts.models import Membership, Organisation, User
from collab.inbox.models import Obligation, Request
from collab.inbox.services import ask, decide_request, lapse_requests, notify, set_obligation, settle_obligation
from collab.inbox.states import Decision, ObligationKind
from collab.kernel.errors import RefusedError
from collab.publications.models import PublicationNotice

PUBLICATION = "publication"
_answering: ContextVar[bool] = ContextVar("publication_is_answered", default=False)


def ask_parties(notice: PublicationNotice, parties: Iterable[Organisation], by: User) -> None:
    """Ask every other party, until the end of the notice."""
    due = timezone.make_aware(datetime.combine(notice.notice_ends_on, time.min))
    for party in parties:
        ask(
            topic=PUBLICATION,
            subject=notice,
            project=notice.project,
            organisation=party,
            word="publication.object",
            due_at=due,
            title=format_lazy(
                gettext_lazy("{party} wants to publish “{title}”; {other} answers"),
                party=notice.organisation,
                title=notice,
                other=party,
            ),
            by=by,
        )


def requests_of(notice: PublicationNotice) -> Any:
    """What the other parties were asked, with their answers."""
    rows = Request.objects.filter(topic=PUBLICATION, subject_id=str(notice.pk))
    return rows.select_related("organisation", "decided_by").order_by("organisation__name")


def answer(notice: PublicationNotice, party: Organisation, by: User, *, agrees: bool, reason: str = "") -> bool:
    """Enter the answer of a party where it was asked; False when it was answered before, or was never asked."""
    row = requests_of(notice).filter(organisation=party, state="open").first()
    if row is None:
        return False
    token = _answering.set(True)
    try:
        decide_request(
            request=row, decision=Decision.APPROVED if agrees else Decision.REJECTED, by=by, reason=reason[:1000]
        )
    finally:
        _answering.reset(token)
    return True


def only_on_page(request: Request, user: User) -> list[Missing]:
    """One answers where the manuscript and the ground stand, not by a click in the inbox."""
    if _answering.get():
        return []
    sentence = _(
        "Read the manuscript and answer on the page of the notice: no objection, or an objection with its ground."
    )
    return [Missing("answer_on_page", sentence, request.url)]


def only_as_a_whole(request: Request, user: User) -> None:
    """What a party was asked is not taken back alone: the notice is withdrawn, on its page."""
    sentence = _("Withdraw the notice itself, on its page: every other party is asked, or none.")
    raise RefusedError([Missing("withdraw_notice", sentence, request.url)])


def facts_of_notice(request: Request) -> list[tuple[str, str]]:
    """What one must know before one answers."""
    notice = PublicationNotice.objects.filter(pk=request.subject_id).first()
    if notice is None:
        return []
    return [
        (_("Authors"), notice.author_line),
        (_("Planned submission"), date_format(notice.submit_on)),
        (_("Objections until before"), date_format(notice.notice_ends_on)),
        (_("Delay at most until"), date_format(notice.delay_ends_on)),
    ]


def lapse(notice: PublicationNotice, by: User | None, reason: str) -> None:
    """Nobody need answer any more, and no day is waited for."""
    lapse_requests(topic=PUBLICATION, subjects=[notice], by=by, reason=reason)
    settle_obligation(source=notice, kind=ObligationKind.NOTICE)


def enter_day(notice: PublicationNotice) -> None:
    """The day from which one may publish stands in the calendar."""
    set_obligation(
        source=notice,
        kind=ObligationKind.NOTICE,
        title=format_lazy(gettext_lazy("Publication “{title}”: end of the notice"), title=notice),
        due_on=notice.earliest_on,
        url=notice.get_absolute_url(),
        project=notice.project,
    )


def speakers(project_id: Any, parties: Iterable[Organisation]) -> Any:
    """Roles through which people speak for these parties about publications."""
    return Membership.objects.filter(
        Q(project=None) | Q(project=project_id),
        organisation__in=list(parties),
        role__in=roles_with("publication.object"),
        user__is_active=True,
    ).active()


def tell(notice: PublicationNotice, title: Any, people: Iterable[User], *, but: User) -> None:
    """`title` is lazy, with a place for {title}."""
    notify(
        people=[person for person in people if person.pk != but.pk],
        kind="publication",
        title=format_lazy(title, title=notice),
        url=notice.get_absolute_url(),
        project=notice.project,
    )


def speakers_of(notice: PublicationNotice, parties: Iterable[Organisation]) -> list[User]:
    rows = speakers(notice.project_id, parties).select_related("user")
    return list({row.user_id: row.user for row in rows}.values())


def still_noted(today: date) -> set[UUID]:
    """Notices of which the inbox or the calendar still tells, though their day has come."""
    asked = Request.objects.open().filter(topic=PUBLICATION, due_at__lte=timezone.now())
    noted = Obligation.objects.open().filter(source_type=PublicationNotice._meta.label_lower, due_on__lte=today)
    return {
        UUID(key)
        for rows, name in ((asked, "subject_id"), (noted, "source_id"))
        for key in rows.values_list(name, flat=True)
    }
