"""Pages of publication notices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Missing, allowed, get_or_404, party_of
from collab.accounts.models import Organisation
from collab.audit.models import AuditEvent
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotFoundError, NotReadyError, RefusedError
from collab.projects.models import Project
from collab.projects.tabs import TAB_WORDS, tabs_of
from collab.publications.asking import requests_of
from collab.publications.forms import LiftForm, NoticeForm, ObjectForm, PublishForm, ReplanForm, ReviseForm, WaitForm
from collab.publications.models import Manuscript, PublicationNotice, PublicationObjection
from collab.publications.reading import agreement_seen, answer_of, results_of, terms_line
from collab.publications.services import (
    agree,
    give_notice,
    lift,
    mark_published,
    object_to,
    open_manuscript,
    parties_gone,
    parties_spoken_for,
    replan,
    revise,
    stands_in,
    wait,
    withdraw_notice,
)
from collab.publications.states import GOING_ON, NoticeState
from collab.publications.terms import terms_of
from collab.web.downloads import resumable
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of

PDF = "application/pdf"


def publications(request: HttpRequest, slug: str) -> HttpResponse:
    """The notices of a project."""
    project = get_or_404(request.user, "publication.view", Project.objects.all(), slug=slug)
    may = allowed(request.user, project, "publication.give", *TAB_WORDS)
    rows = PublicationNotice.objects.filter(project=project).visible_to(request.user).with_answers()
    page = page_of(request, rows)
    for notice in page:
        notice.answer = answer_of(notice)  # type: ignore[attr-defined]
    context = {
        "project": project,
        "tabs": tabs_of(project, "publications", may),
        "page": page,
        "may_give": "publication.give" in may,
    }
    return show(request, "collab/publications/list.html", context)


def publication_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "publication.give", Project.objects.all(), slug=slug)
    form = NoticeForm(sent(request), request.FILES or None, project=project, user=request.user)

    def give() -> str:
        notice = give_notice(project=project, by=request.user, **form.values())
        messages.success(request, _("The other parties are told."))
        return notice.get_absolute_url()

    context: dict[str, Any] = {"project": project, "form": form}
    try:
        terms = terms_of(project)
        context |= {"terms": terms, "day": timezone.localdate() + timedelta(days=terms.notice_days)}
    except NotReadyError as error:
        context["missing"] = error.missing
    return submit(request, form, give) or show(request, "collab/publications/new.html", context, form)


def publication(request: HttpRequest, pk: UUID) -> HttpResponse:
    """May it be published, and from when; and what the others said."""
    notice = _notice(request, "publication.view", pk)
    going_on = notice.state in GOING_ON
    mine = _publishes(request, notice) and "publication.give" in allowed(request.user, notice, "publication.give")
    speaks = parties_spoken_for(request.user, notice) if going_on else {}
    today = timezone.localdate()
    answers = list(requests_of(notice))
    waiting = {row.organisation_id for row in answers if row.is_open}
    objecting = {row.party_id for row in notice.open_objections}
    gone = parties_gone(notice) if notice.open_objections else set()
    newest = max(row.number for row in notice.manuscripts.all())
    judged = [row for row in notice.open_objections if row.party_id in gone and newest > row.manuscript]
    instead = {row.party_id for row in judged if stands_in(request.user, notice, row)}  # type: ignore[arg-type]
    context = {
        "notice": notice,
        "project": notice.project,
        "answer": answer_of(notice),
        "terms": terms_line(notice),
        "agreement": agreement_seen(notice, request.user),
        "results": results_of(notice, request.user),
        "manuscripts": notice.manuscripts.all(),
        "answers": answers,
        "objections": [
            {
                "row": row,
                "may_wait": mine and going_on and row.only_delays and row.state == "open",
                "may_lift": row.state == "open" and row.party_id in {*speaks, *instead},
                "gone": row.state == "open" and row.party_id in gone,
            }
            for row in notice.objections.all()
        ],
        "may_agree": [speaks[key] for key in speaks if key in waiting and not notice.is_free(today)],
        "may_object": bool(set(speaks) - objecting) and today < notice.notice_ends_on and not notice.is_free(today),
        "may_revise": mine and notice.state == NoticeState.OBJECTED,
        "may_publish": mine and notice.is_free(today),
        "may_withdraw": mine and going_on,
        "is_late": going_on and notice.free_on is not None and notice.submit_on < notice.free_on,
    }
    if "audit.view" in allowed(request.user, notice.project, "audit.view"):
        context["history"] = timeline(_events(notice))
    return show(request, "collab/publications/page.html", context)


def publication_object(request: HttpRequest, pk: UUID) -> HttpResponse:
    notice = _notice(request, "publication.object", pk)
    parties = _speaking(request, notice)
    form = ObjectForm(sent(request), notice=notice, parties=parties.values())

    def raise_it() -> str:
        object_to(notice=notice, by=request.user, **form.values())
        messages.success(request, _("The objection is recorded, and the publishing party is told."))
        return notice.get_absolute_url()

    return _form(request, notice, form, raise_it, _("Raise an objection"), tone="danger")


def publication_agree(request: HttpRequest, pk: UUID) -> HttpResponse:
    notice = _notice(request, "publication.object", pk)
    parties = _speaking(request, notice)
    chosen = next((one for key, one in parties.items() if str(key) == request.POST.get("party")), None)
    party: Organisation = chosen or next(iter(parties.values()))
    return act(
        request,
        lambda: agree(notice=notice, party=party, by=request.user),
        to=notice.get_absolute_url(),
        said=_("Recorded: %(party)s does not object.") % {"party": party},
    )


def publication_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    notice = _of_publisher(request, pk)
    shown = {name: getattr(notice, name) for name in ("submit_on", "venue", "version")}
    form = ReplanForm(sent(request), initial=shown)

    def change() -> str:
        replan(notice=notice, by=request.user, **form.cleaned_data)
        messages.success(request, _("The plan was changed."))
        return notice.get_absolute_url()

    return _form(request, notice, form, change, _("Plan the submission anew"))


def publication_revise(request: HttpRequest, pk: UUID) -> HttpResponse:
    notice = _of_publisher(request, pk)
    form = ReviseForm(sent(request), request.FILES or None)

    def lay() -> str:
        revise(notice=notice, by=request.user, **form.values())
        messages.success(request, _("The revised manuscript lies before those who object."))
        return notice.get_absolute_url()

    return _form(request, notice, form, lay, _("Revise the manuscript"))


def publication_wait(request: HttpRequest, pk: UUID, objection: UUID) -> HttpResponse:
    notice = _of_publisher(request, pk)
    found = _objection(notice, objection)
    form = WaitForm(sent(request), initial={"until": found.delay_until})

    def promise() -> str:
        wait(objection=found, by=request.user, **form.values())
        messages.success(request, _("Recorded: it waits until that day."))
        return notice.get_absolute_url()

    return _form(request, notice, form, promise, _("Agree to wait"), lead=str(found))


def publication_lift(request: HttpRequest, pk: UUID, objection: UUID) -> HttpResponse:
    notice = _notice(request, "publication.object", pk)
    found = _objection(notice, objection)
    instead = stands_in(request.user, notice, found)  # type: ignore[arg-type]
    if not instead and found.party_id not in _speaking(request, notice):
        text = _("You do not speak for %(party)s about publications.") % {"party": found.party}
        raise RefusedError([Missing("not_speaker", text)])
    newest = max(row.number for row in notice.manuscripts.all())
    form = LiftForm(sent(request), objection=found, newest=newest, instead=instead)

    def settle() -> str:
        lift(objection=found, by=request.user, **form.values())
        messages.success(request, _("The objection is settled."))
        return notice.get_absolute_url()

    return _form(request, notice, form, settle, _("Settle the objection"), lead=str(found))


def publication_publish(request: HttpRequest, pk: UUID) -> HttpResponse:
    notice = _of_publisher(request, pk)
    form = PublishForm(sent(request))

    def publish() -> str:
        mark_published(notice=notice, by=request.user, **form.values())
        messages.success(request, _("Recorded, and entered into the register of outputs while the project goes on."))
        return notice.get_absolute_url()

    return _form(request, notice, form, publish, _("It is published"))


def publication_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    notice = _of_publisher(request, pk)
    return act(
        request,
        lambda: withdraw_notice(notice=notice, by=request.user, reason=request.POST.get("reason", "")[:1000]),
        to=notice.get_absolute_url(),
        said=_("The notice is withdrawn, and the parties are told."),
    )


def publication_manuscript(request: HttpRequest, pk: UUID, number: int) -> HttpResponseBase:
    """The file, to keep; never shown inside the site."""
    notice = _notice(request, "publication.view", pk)
    manuscript = manuscript_of(notice, number)
    if request.method != "HEAD":
        open_manuscript(manuscript=manuscript, by=request.user)
    return resumable(request, blob_path(manuscript.sha256), manuscript.file_name, manuscript.sha256, PDF)


def manuscript_of(notice: PublicationNotice, number: int) -> Manuscript:
    """The manuscript of that number; NotFoundError without one, or when it is only a link."""
    found = next((row for row in notice.manuscripts.all() if row.number == number and row.sha256), None)
    if found is None:
        raise NotFoundError
    return found


# --- what the pages share
def _notice(request: HttpRequest, word: str, pk: UUID) -> PublicationNotice:
    return get_or_404(request.user, word, PublicationNotice.objects.with_all(), pk=pk)


def _of_publisher(request: HttpRequest, pk: UUID) -> PublicationNotice:
    notice = _notice(request, "publication.give", pk)
    if not _publishes(request, notice):
        text = _("Only people of %(party)s, which publishes, may do this.") % {"party": notice.organisation}
        raise RefusedError([Missing("not_publisher", text)])
    return notice


def _publishes(request: HttpRequest, notice: PublicationNotice) -> bool:
    return party_of(request.user, notice.project_id).filter(pk=notice.organisation_id).exists()  # type: ignore[arg-type]


def _speaking(request: HttpRequest, notice: PublicationNotice) -> dict[Any, Organisation]:
    parties = parties_spoken_for(request.user, notice)  # type: ignore[arg-type]
    if not parties:
        text = _("Somebody who speaks for another party than %(party)s answers.") % {"party": notice.organisation}
        raise RefusedError([Missing("not_speaker", text)])
    return parties


def _objection(notice: PublicationNotice, pk: UUID) -> PublicationObjection:
    found = next((row for row in notice.objections.all() if row.pk == pk), None)
    if found is None:
        raise NotFoundError
    return found


def _events(notice: PublicationNotice) -> Any:
    subjects = [str(notice.pk), *(str(row.pk) for row in notice.objections.all())]
    return AuditEvent.objects.filter(
        project_id=notice.project_id, subject_id__in=subjects, verb__startswith="publication."
    )[:30]


def _form(
    request: HttpRequest,
    notice: PublicationNotice,
    form: Any,
    done: Any,
    title: str,
    *,
    lead: str = "",
    tone: str = "primary",
) -> HttpResponse:
    context = {
        "form": form, "notice": notice, "project": notice.project, "title": title, "lead": lead, "tone": tone,
        "answer": answer_of(notice), "manuscripts": notice.manuscripts.all(),
    }  # fmt: skip
    return submit(request, form, done) or show(request, "collab/publications/form.html", context, form)
