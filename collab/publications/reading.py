"""A notice in words: may it be published, from when, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.projects.products import products_of
from collab.publications.models import PublicationNotice
from collab.publications.states import NoticeState


@dataclass(frozen=True)
class Answer:
    """“May it be published?” in one line, and why."""

    tone: str
    icon: str
    title: str
    text: str


def answer_of(notice: PublicationNotice) -> Answer:
    """The answer of today. From what `with_answers` loaded."""
    if notice.state == NoticeState.WITHDRAWN:
        return Answer("quiet", "archive", _("The notice was withdrawn"), notice.reason)
    if notice.state == NoticeState.PUBLISHED:
        return Answer("ok", "award", _("Published on %(day)s") % {"day": _day(notice.published_on)}, "")
    free_on, today = notice.free_on, timezone.localdate()
    if free_on is None:
        return Answer("bad", "exclamation-octagon", _("Must not be published yet"), _blocked(notice))
    if free_on <= today:
        title = _("May be published: free since %(day)s") % {"day": _day(free_on)}
        return Answer("ok", "check-circle", title, _why_free(notice))
    title = _("May be published from %(day)s") % {"day": _day(free_on)}
    if notice.open_objections:
        return Answer("warn", "exclamation-triangle", title, _asked_to_wait(notice))
    if notice.state == NoticeState.DELAYED:
        return Answer("hold", "pause-circle", title, _("The parties agreed to wait, so that results can be protected."))
    left = (notice.notice_ends_on - today).days
    text = ngettext(
        "Unless a party objects before: %(n)d day of the notice is left.",
        "Unless a party objects before: %(n)d days of the notice are left.",
        left,
    )
    return Answer("accent", "clock", title, text % {"n": left})


def _blocked(notice: PublicationNotice) -> str:
    names = _(", ").join(str(row.party) for row in notice.open_objections if not row.only_delays)
    return _("An objection of %(parties)s must be settled first: by a revised manuscript, or by taking it back.") % {
        "parties": names
    }


def _asked_to_wait(notice: PublicationNotice) -> str:
    names = _(", ").join(str(row.party) for row in notice.open_objections)
    return _("%(parties)s asks to wait until then. The agreement lets it wait until %(day)s at most.") % {
        "parties": names,
        "day": _day(notice.delay_ends_on),
    }


def _why_free(notice: PublicationNotice) -> str:
    if notice.state in {NoticeState.DELAYED, NoticeState.OBJECTED}:
        return _("The time that was asked for has passed.")
    if notice.earliest_on < notice.notice_ends_on:
        return _("All other parties have said that they do not object.")
    return _("The %(n)d days of notice have passed and no objection is open. Who was silent has answered nothing.") % {
        "n": notice.notice_days
    }


def terms_line(notice: PublicationNotice) -> str:
    """How many days, and where they come from."""
    if notice.days_agreed:
        return _("%(n)d days, by the agreement") % {"n": notice.notice_days}
    return _("%(n)d days, the platform's default: the agreement names none") % {"n": notice.notice_days}


def agreement_seen(notice: PublicationNotice, user: User) -> AgreementVersion | None:
    """The agreement that sets the days, for those who may read it: it may be confidential."""
    rows = AgreementVersion.objects.visible_to(user).select_related("agreement")
    return rows.filter(pk=notice.agreement_id).first()


def results_of(notice: PublicationNotice, user: User) -> list[dict[str, Any]]:
    """Outputs, models and datasets in it; a link where the person may open it."""
    slug = notice.project.slug
    rows: list[dict[str, Any]] = [
        {"name": str(row), "kind": row.get_kind_display(), "url": reverse("collab:output", args=[slug, row.pk])}
        for row in notice.outputs.all()
    ]
    seen = {str(p.pk): p for p in products_of(user, notice.project_id)} if notice.products else {}
    words = {"dataset": _("Dataset"), "model_version": _("Model version")}
    for told in notice.products:
        url = seen[told["id"]].url if told["id"] in seen else ""
        rows.append({"name": told["name"], "kind": words.get(told["kind"], told["kind"]), "url": url})
    return rows


def _day(day: Any) -> str:
    return date_format(day)
