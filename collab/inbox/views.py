"""Pages of the inbox: what waits for me, one request, notifications, the calendar, absences."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Delegation
from collab.audit.models import AuditEvent
from collab.inbox.absences import begin_absence, end_absence
from collab.inbox.errands import errands_of
from collab.inbox.feed import calendar_of, find_link, make_link, revoke_link, touch
from collab.inbox.forms import (
    AbsenceForm,
    AdviseForm,
    CommentForm,
    DateEditForm,
    DateForm,
    DecideForm,
    EvidenceForm,
    HandOverForm,
    MailForm,
    ObligationFilter,
    QuestionForm,
    RequestFilter,
    ReviewerForm,
)
from collab.inbox.mailing import link
from collab.inbox.models import CalendarLink, Condition, Notification, Obligation, Request
from collab.inbox.notices import choose_mail, mark_read, settings_of
from collab.inbox.obligations import add_date, change_date, settle_date
from collab.inbox.reading import AGENDA_MOST, AGENDA_SIZE, SOON, agenda_of, boxes, chosen_month, month_of
from collab.inbox.services import (
    add_reviewer,
    advise,
    ask_question,
    comment_on,
    decide_request,
    hand_over,
    meet_condition,
    withdraw_request,
)
from collab.inbox.standing import Standing, instead_of, waits_for
from collab.inbox.states import OPINION_WORDS
from collab.kernel.errors import NotFoundError, QuotaExceededError
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of

ACTIONS = ("request.answer", "request.direct", "request.advise", "request.withdraw", "request.meet")
WAITING_SHOWN = 8
FETCHES_PER_HOUR = 60
GUESSES_PER_HOUR = 300
HISTORY_SHOWN = 50


# --- requests
def inbox(request: HttpRequest) -> HttpResponse:
    box = request.GET.get("box", "waiting")
    counted = boxes(request.user)
    if box not in counted:
        raise NotFoundError
    rows = counted[box].rows.with_names()
    found = RequestFilter(request.GET, queryset=rows, request=request)
    may_ask = visible_to(request.user, "request.ask", Request.project.field.related_model.objects.all()).exists()
    context = {
        "box": box,
        "tabs": [
            {"label": one.label, "url": f"?box={name}", "active": name == box, "count": one.count()}
            for name, one in counted.items()
        ],
        "filter": found,
        "page": page_of(request, found.qs),
        "may_ask": may_ask,
        "now": timezone.now(),
    }
    return show(request, "collab/inbox/list.html", context)


def request_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _page(request, _row(request, pk, "request.view"))


def _row(request: HttpRequest, pk: UUID, word: str) -> Request:
    return get_or_404(request.user, word, Request.objects.with_names(), pk=pk)


def _page(request: HttpRequest, row: Request, form: Any = None, **forms: Any) -> HttpResponse:
    """The page of a request; a form that came back with errors takes the place of the fresh one."""
    user: Any = request.user
    may = allowed(user, row, *ACTIONS)
    standing = Standing()
    people = standing.who_can_answer(row) if row.is_open else []
    refused = row.spec.refusals(row, user) if row.is_open and "request.answer" in may else []
    decides = row.is_open and "request.answer" in may and not refused
    directs = row.is_open and "request.direct" in may and row.spec.delegable
    mine = row.reviewers.filter(user=user).first() if row.is_open else None
    given = {"opinion": mine.opinion, "text": mine.text} if mine and mine.opinion else None
    acts = AuditEvent.objects.filter(subject_type=Request._meta.label_lower, subject_id=str(row.pk))
    context = {
        "row": row,
        "effect": row.spec.effect(row) if row.spec.effect else "",
        "facts": row.spec.facts(row) if row.spec.facts else [],
        "people": people,
        "nobody": row.is_open and not people,
        "next": standing.next_in_line(row) if row.is_open and not people else None,
        "waits_for": waits_for(row),
        "instead_of": instead_of(user, row) if decides else None,
        "refused": refused,
        "elsewhere": bool(refused) and row.spec.elsewhere is not None,
        "reviewers": row.reviewers.select_related("user"),
        "opinions": OPINION_WORDS,
        "comments": row.comments.select_related("user"),
        "conditions": row.conditions.select_related("met_by"),
        "hand_overs": row.hand_overs.select_related("by", "to"),
        "may_meet": "request.meet" in may,
        "may_withdraw": row.is_open and "request.withdraw" in may,
        "history": timeline(acts[:HISTORY_SHOWN]),
        "decide": DecideForm(row=row) if decides else None,
        "advise": AdviseForm(initial=given) if mine else None,
        "reviewer": ReviewerForm(row=row) if row.is_open and "request.direct" in may else None,
        "handing": HandOverForm(row=row) if directs else None,
        "comment": CommentForm(),
        "evidence": EvidenceForm(),
    }
    return show(request, "collab/inbox/request.html", context | forms, form)


def request_decide(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk, "request.answer")
    form = DecideForm(request.POST, row=row)

    def decide() -> str:
        decide_request(request=row, by=request.user, **form.values())
        messages.success(request, _("Your decision is recorded, and whoever asked is told."))
        return row.get_absolute_url()

    return submit(request, form, decide) or _page(request, row, form, decide=form)


def request_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk, "request.withdraw")
    return act(
        request,
        lambda: withdraw_request(request=row, by=request.user),
        to=row.get_absolute_url(),
        said=_("You withdrew your request."),
    )


def request_comment(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk, "request.comment")
    form = CommentForm(request.POST)

    def comment() -> str:
        comment_on(request=row, by=request.user, **form.values())
        return f"{row.get_absolute_url()}#comments"

    return submit(request, form, comment) or _page(request, row, form, comment=form)


def request_advise(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk, "request.advise")
    form = AdviseForm(request.POST)

    def give() -> str:
        advise(request=row, by=request.user, **form.values())
        messages.success(request, _("Your advice is there for whoever decides."))
        return row.get_absolute_url()

    return submit(request, form, give) or _page(request, row, form, advise=form)


def request_reviewer(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk, "request.direct")
    form = ReviewerForm(request.POST, row=row)

    def add() -> str:
        add_reviewer(request=row, user=form.cleaned_data["person"], by=request.user)
        messages.success(request, _("%(person)s is asked for advice.") % {"person": form.cleaned_data["person"]})
        return row.get_absolute_url()

    return submit(request, form, add) or _page(request, row, form, reviewer=form)


def request_hand_over(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _row(request, pk, "request.direct")
    form = HandOverForm(request.POST, row=row)

    def give() -> str:
        values = form.values()
        hand_over(request=row, to=values["person"], by=request.user, reason=values["reason"])
        messages.success(request, _("%(person)s can answer now.") % {"person": values["person"]})
        return row.get_absolute_url()

    return submit(request, form, give) or _page(request, row, form, handing=form)


def condition_meet(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    row = _row(request, pk, "request.meet")
    condition: Condition | None = row.conditions.filter(number=number).first()
    if condition is None:
        raise NotFoundError
    form = EvidenceForm(request.POST)

    def meet() -> str:
        meet_condition(condition=condition, by=request.user, **form.values())
        messages.success(request, _("The condition is met."))
        return row.get_absolute_url()

    return submit(request, form, meet) or _page(request, row, form, evidence=form, open_condition=number)


def request_new(request: HttpRequest) -> HttpResponse:
    form = QuestionForm(sent(request), user=request.user, initial={"project": request.GET.get("project")})

    def ask() -> str:
        row = ask_question(by=request.user, **form.values())
        messages.success(request, _("Your question waits for an answer; you are told when there is one."))
        return row.get_absolute_url()

    return submit(request, form, ask) or show(request, "collab/inbox/new.html", {"form": form}, form)


def waiting_panel(request: HttpRequest) -> HttpResponse:
    """What waits for me, as the dashboard shows it: requests, what the rooms above say, and dates."""
    user: Any = request.user
    today = timezone.localdate()
    due = Obligation.objects.visible_to(user).open().filter(due_on__lte=today + SOON)
    context = {
        "requests": Request.objects.on_dashboard_of(user).with_names().order_by("due_at", "created_at")[:WAITING_SHOWN],
        "obligations": due.with_names().order_by("due_on", "pk")[:WAITING_SHOWN],
        "errands": errands_of(user),
        "now": timezone.now(),
        "today": today,
    }
    return show(request, "collab/inbox/_waiting.html", context)


# --- notifications
def notification_list(request: HttpRequest) -> HttpResponse:
    rows = Notification.objects.of(request.user).select_related("project")
    unread = rows.unread().count()
    if request.GET.get("unread"):
        rows = rows.unread()
    return show(request, "collab/inbox/notifications.html", {"page": page_of(request, rows), "unread": unread})


def notification_open(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Go to what it is about; whoever follows a notification has read it."""
    row = get_or_404(request.user, "notification.view", Notification.objects.all(), pk=pk)
    mark_read(by=request.user, notifications=[row.pk])
    return redirect(row.url or reverse("collab:notifications"))


def notifications_read(request: HttpRequest) -> HttpResponse:
    visible_to(request.user, "notification.manage", Notification.objects.none())
    return act(
        request,
        lambda: mark_read(by=request.user),
        to=reverse("collab:notifications"),
        said=_("All notifications are marked as read."),
    )


def notification_settings(request: HttpRequest) -> HttpResponse:
    form = MailForm(sent(request), row=settings_of(request.user))

    def choose() -> str:
        choose_mail(by=request.user, **form.values())
        messages.success(request, _("From now on notifications come like this."))
        return reverse("collab:notification_settings")

    return submit(request, form, choose) or show(request, "collab/inbox/settings.html", {"form": form}, form)


# --- the calendar
def calendar(request: HttpRequest) -> HttpResponse:
    return _calendar(request, DateForm(user=request.user))


def date_new(request: HttpRequest) -> HttpResponse:
    form = DateForm(request.POST, user=request.user)

    def add() -> str:
        visible_to(request.user, "obligation.manage", Obligation.objects.none())
        add_date(by=request.user, **form.values())
        messages.success(request, _("The date is in the calendar."))
        return reverse("collab:calendar")

    return submit(request, form, add) or _calendar(request, form)


def date_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_or_404(request.user, "obligation.manage", Obligation.objects.all(), pk=pk)
    form = DateEditForm(sent(request), row=row)

    def change() -> str:
        change_date(obligation=row, by=request.user, version=form.cleaned_data["edit"] or 0, **form.values())
        messages.success(request, _("Saved."))
        return reverse("collab:calendar")

    return submit(request, form, change) or show(
        request, "collab/inbox/date_edit.html", {"form": form, "row": row}, form
    )


def date_settle(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_or_404(request.user, "obligation.manage", Obligation.objects.all(), pk=pk)
    return act(
        request,
        lambda: settle_date(obligation=row, by=request.user),
        to=reverse("collab:calendar"),
        said=_("Settled."),
    )


def _calendar(request: HttpRequest, form: Any, **extra: Any) -> HttpResponse:
    visible_to(request.user, "obligation.manage", Obligation.objects.none())
    rows = Obligation.objects.visible_to(request.user)
    found = ObligationFilter(request.GET, queryset=rows, request=request)
    first = chosen_month(request.GET.get("month", ""))
    may = visible_to(request.user, "obligation.manage", Obligation.objects.all())
    page = page_of(request, agenda_of(found.qs), size=AGENDA_SIZE, most=AGENDA_MOST)
    own = [row.pk for row in page if row.is_own]
    context = {
        "form": form,
        "filter": found,
        "month": month_of(found.qs, first),
        "page": page,
        "overdue": found.qs.overdue()[: AGENDA_MOST + 1].count(),
        "most": AGENDA_MOST,
        "settleable": set(may.filter(pk__in=own).values_list("pk", flat=True)) if own else set(),
        "today": timezone.localdate(),
        "link": CalendarLink.objects.live().filter(person=request.user).first(),
    }
    return show(request, "collab/inbox/calendar.html", context | extra, form)


def calendar_link(request: HttpRequest) -> HttpResponse:
    """Make the private link; it is shown in this answer and kept nowhere."""
    visible_to(request.user, "calendar.manage", CalendarLink.objects.none())
    _row, secret = make_link(by=request.user)
    address = link(reverse("collab:calendar_feed", args=[secret]))
    return _calendar(request, DateForm(user=request.user), address=address)


def calendar_revoke(request: HttpRequest) -> HttpResponse:
    visible_to(request.user, "calendar.manage", CalendarLink.objects.none())
    return act(
        request,
        lambda: revoke_link(by=request.user),
        to=reverse("collab:calendar"),
        said=_("The link is revoked: from now on nothing is found there."),
    )


def calendar_feed(request: HttpRequest, secret: str) -> HttpResponse:
    """What its person may see now, for whoever knows the link; an unknown or revoked one is not there."""
    row = find_link(secret)
    if row is None:
        _count_fetch(f"feed-guess:{request.META.get('REMOTE_ADDR', '')}", GUESSES_PER_HOUR)
        raise NotFoundError
    _count_fetch(f"feed:{row.pk}", FETCHES_PER_HOUR)
    touch(row)
    with override(row.person.language or None):
        body = calendar_of(row.person)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="tandem.ics"'
    return response


def _count_fetch(key: str, limit: int) -> None:
    """So many fetches an hour of one calendar, so many guesses from one address."""
    cache.add(key, 0, 3600)
    if cache.incr(key) > limit:
        raise QuotaExceededError(_("This calendar is fetched too often; try again in an hour."))


# --- absences
def absences(request: HttpRequest) -> HttpResponse:
    form = AbsenceForm(sent(request), user=request.user)

    def begin() -> str:
        visible_to(request.user, "delegation.manage", Delegation.objects.none())
        begin_absence(by=request.user, **form.values())
        messages.success(request, _("Your absence is noted."))
        return reverse("collab:absences")

    rows = visible_to(request.user, "delegation.view", Delegation.objects.with_names())
    context = {
        "form": form,
        "mine": rows.filter(delegator=request.user)[:20],
        "others": rows.filter(delegate=request.user, revoked_at=None, ends_at__gt=timezone.now()),
    }
    return submit(request, form, begin) or show(request, "collab/inbox/absences.html", context, form)


def absence_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_or_404(request.user, "delegation.manage", Delegation.objects.all(), pk=pk)
    return act(
        request,
        lambda: end_absence(delegation=row, by=request.user),
        to=reverse("collab:absences"),
        said=_("Welcome back: requests wait for you again."),
    )
