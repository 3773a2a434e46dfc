"""Verbs on publication notices: give, plan anew, agree, object, revise, wait, lift, withdraw, publish.

The agreement sets the days. When they have passed without an objection one may publish, because the agreement says so;
nobody's answer is made up for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import Missing, party_of, require
from collab.accounts.models import Organisation, User
from collab.agreements.background import BackgroundItem
from collab.audit.services import record
from collab.inbox.services import lapse_requests, settle_obligation
from collab.inbox.states import ObligationKind, RequestState
from collab.kernel.attachments import PDF, keep_file
from collab.kernel.errors import ConflictError, InvalidError, RefusedError, StaleError
from collab.projects.models import Output, OutputKind, Project, ProjectParty
from collab.projects.products import products_of
from collab.projects.services import record_output
from collab.projects.states import UNDER_WAY
from collab.publications.asking import (
    PUBLICATION,
    answer,
    ask_parties,
    enter_day,
    lapse,
    requests_of,
    speakers,
    speakers_of,
    still_noted,
    tell,
)
from collab.publications.models import DELAYING, Ground, Manuscript, PublicationNotice, PublicationObjection
from collab.publications.states import GOING_ON, NOTICE_MOVES, OBJECTION_MOVES, NoticeState, ObjectionState
from collab.publications.terms import terms_of

WHOLE = Decimal(100)
_CREATORS_MAX = 300


@transaction.atomic
def give_notice(
    *,
    project: Project,
    organisation: Organisation,
    title: str,
    authors: str,
    kind: str,
    submit_on: date,
    by: User,
    file: TemporaryUploadedFile | None = None,
    link: str = "",
    outputs: Sequence[Output] = (),
    products: Iterable[UUID] = (),
    background: Sequence[BackgroundItem] = (),
    **facts: Any,
) -> PublicationNotice:
    """Tell every other party what one wants to publish. The agreement in force says from when one may.

    Raises NotReadyError without one, InvalidError when it would be submitted before the notice ends.
    """
    require(by, "publication.give", project)
    _require_publisher(by, organisation, project.pk)
    others = _others(project, organisation)
    if not others:
        raise ConflictError(_("The project has no other party, so nobody has to be told."))
    terms = terms_of(project)
    today = timezone.localdate()
    ends_on = today + timedelta(days=terms.notice_days)
    if submit_on < ends_on:
        raise InvalidError(
            _("The agreement asks for %(n)d days of notice, so it cannot be submitted before %(day)s.")
            % {"n": terms.notice_days, "day": date_format(ends_on)},
            field="submit_on",
        )
    notice = PublicationNotice(
        project=project,
        organisation=organisation,
        agreement=terms.agreement,
        title=title,
        authors=authors,
        kind=kind,
        submit_on=submit_on,
        given_on=today,
        notice_days=terms.notice_days,
        days_agreed=terms.agreed,
        delay_days_max=terms.delay_days_max,
        notice_ends_on=ends_on,
        earliest_on=ends_on,
        products=_products(project, by, products),
        given_by=by,
        **facts,
    )
    notice.require_clean()
    _require_of_project(project, outputs, background)
    notice.save()
    notice.outputs.set(outputs)
    notice.background.set(background)
    _add_manuscript(notice, by, file=file, link=link)
    record(verb="publication.give", subject=notice, by=by, project_id=project.pk, data=_told(notice))
    enter_day(notice)
    if terms.notice_days:
        ask_parties(notice, others, by)
    return notice


@transaction.atomic
def replan(*, notice: PublicationNotice, submit_on: date, venue: str, by: User, version: int) -> PublicationNotice:
    """Change when it shall be submitted, and where. Raises StaleError when somebody was faster."""
    locked = _locked(notice, by, "publication.give")
    _require_publisher(by, locked.organisation, locked.project_id)
    if locked.version != version:
        now = {"submit_on": locked.submit_on, "venue": locked.venue}
        raise StaleError(_("Somebody changed it since you opened it. Read it again and repeat your change."), now=now)
    if locked.state not in GOING_ON:
        raise ConflictError(_("The notice is no longer going on."))
    first = locked.free_on or locked.notice_ends_on
    if submit_on < first:
        raise InvalidError(
            _("It may be published from %(day)s, not before.") % {"day": date_format(first)}, field="submit_on"
        )
    locked.submit_on, locked.venue = submit_on, venue.strip()
    _save(locked, locked.state)
    record(
        verb="publication.replan",
        subject=locked,
        by=by,
        project_id=locked.project_id,
        data=_told(locked, day=submit_on.isoformat()),
    )
    return locked


@transaction.atomic
def agree(*, notice: PublicationNotice, party: Organisation, by: User) -> PublicationNotice:
    """Say for a party that it does not object. When all others have said so, one need not wait any longer."""
    locked = _locked(notice, by, "publication.object")
    _require_speaker(by, party, locked)
    if locked.state not in GOING_ON or locked.is_free(timezone.localdate()):
        raise ConflictError(_("Nobody's answer is waited for any more."))
    if not answer(locked, party, by, agrees=True):
        raise ConflictError(_("%(party)s has answered already.") % {"party": party})
    answers = {row.organisation_id: row.state for row in requests_of(locked)}
    waits = {one.pk for one in _others(locked.project, locked.organisation)} - {
        pk for pk, state in answers.items() if state == RequestState.APPROVED
    }
    if not waits and locked.state == NoticeState.NOTIFIED:
        locked.earliest_on = timezone.localdate()
        settle_obligation(source=locked, kind=ObligationKind.NOTICE)
    locked.version += 1
    locked.save()
    record(
        verb="publication.agree", subject=locked, by=by, project_id=locked.project_id,
        data=_told(locked, party=party.name),
    )  # fmt: skip
    return locked


@transaction.atomic
def object_to(
    *,
    notice: PublicationNotice,
    party: Organisation,
    ground: str,
    text: str,
    by: User,
    delay_until: date | None = None,
) -> PublicationObjection:
    """Object for a party, on one of the grounds and within the days of notice.

    To protect results one asks for a day before which it must not be published, within what the agreement allows.
    Raises ConflictError after the notice, or while an objection of the party is open.
    """
    locked = _locked(notice, by, "publication.object")
    _require_speaker(by, party, locked)
    state = NOTICE_MOVES.require("object", locked.state, what=str(locked))
    today = timezone.localdate()
    if today >= locked.notice_ends_on:
        raise ConflictError(
            _("The notice ended on %(day)s; objections are raised before.")
            % {"day": date_format(locked.notice_ends_on)}
        )
    if locked.is_free(today):
        raise ConflictError(_("All parties have said that they do not object, so it may be published."))
    if ground not in Ground.values:
        raise InvalidError(_("Choose one of the grounds."), field="ground")
    if any(row.party_id == party.pk for row in locked.open_objections):
        raise ConflictError(_("An objection of %(party)s is open already.") % {"party": party})
    if ground == DELAYING:
        _check_day(locked, delay_until, after=today)
    elif delay_until is not None:
        raise InvalidError(
            _("Waiting settles only the protection of results; leave the day empty."), field="delay_until"
        )
    objection = PublicationObjection(
        notice=locked,
        party=party,
        by=by,
        ground=ground,
        text=text.strip(),
        delay_until=delay_until,
        manuscript=_last(locked).number,
    )
    objection.require_clean()
    objection.save()
    _save(locked, state)
    answer(locked, party, by, agrees=False, reason=objection.text)
    record(
        verb="publication.object", subject=objection, by=by, project_id=locked.project_id,
        data=_told(locked, party=party.name, ground=ground),
    )  # fmt: skip
    tell(locked, gettext_lazy("A party objects to the publication “{title}”"), [locked.given_by], but=by)
    return objection


@transaction.atomic
def revise(
    *, notice: PublicationNotice, by: User, file: TemporaryUploadedFile | None = None, link: str = "", note: str = ""
) -> Manuscript:
    """Lay a revised manuscript before those who object. Whether it settles their objection, they say themselves."""
    locked = _locked(notice, by, "publication.give")
    _require_publisher(by, locked.organisation, locked.project_id)
    state = NOTICE_MOVES.require("revise", locked.state, what=str(locked))
    manuscript = _add_manuscript(locked, by, file=file, link=link, note=note)
    _save(locked, state)
    record(
        verb="publication.revise", subject=locked, by=by, project_id=locked.project_id,
        data=_told(locked, number=manuscript.number),
    )  # fmt: skip
    people = speakers_of(locked, [row.party for row in locked.open_objections])
    tell(locked, gettext_lazy("A revised manuscript waits for your word: “{title}”"), people, but=by)
    return manuscript


@transaction.atomic
def wait(*, objection: PublicationObjection, by: User, until: date | None = None) -> PublicationObjection:
    """The publishing party agrees not to publish before the day asked for, or a later one within the limit."""
    locked = _locked(objection.notice, by, "publication.give")
    _require_publisher(by, locked.organisation, locked.project_id)
    mine = _open(locked, objection)
    if mine.delay_until is None:
        raise ConflictError(_("Waiting does not settle this ground: revise the manuscript, or do not publish it."))
    until = until or mine.delay_until
    if until < mine.delay_until:
        raise InvalidError(
            _("%(party)s asks to wait until %(day)s.") % {"party": mine.party, "day": date_format(mine.delay_until)},
            field="until",
        )
    _check_day(locked, until, after=timezone.localdate(), field="until")
    mine.delay_until = until
    locked.earliest_on = max(locked.earliest_on, until)
    _settle(locked, mine, "wait", by, "")
    record(
        verb="publication.wait", subject=mine, by=by, project_id=locked.project_id,
        data=_told(locked, party=mine.party.name, day=until.isoformat()),
    )  # fmt: skip
    tell(locked, gettext_lazy("The publication waits as you asked: “{title}”"), [mine.by], but=by)
    return mine


@transaction.atomic
def lift(*, objection: PublicationObjection, outcome: str, by: User, remark: str = "") -> PublicationObjection:
    """The objecting party says that the revised manuscript settles its objection, or takes the objection back.

    What it protects outlives its part in the project: once it has left, another party judges the revised manuscript and
    says why it settles the objection. Nobody takes it back for a party that is gone.
    """
    locked = _locked(objection.notice, by, "publication.object")
    instead = stands_in(by, locked, objection)
    if not instead:
        _require_speaker(by, objection.party, locked)
    mine = _open(locked, objection)
    if outcome not in {ObjectionState.REVISED, ObjectionState.WITHDRAWN}:
        raise InvalidError(_("Choose one of the outcomes."), field="outcome")
    if instead and outcome == ObjectionState.WITHDRAWN:
        text = _("%(party)s has left the project; nobody takes its objection back. A revised manuscript settles it.")
        raise InvalidError(text % {"party": mine.party}, field="outcome")
    if instead and not remark.strip():
        raise InvalidError(_("Say why the revised manuscript settles it."), field="remark")
    if outcome == ObjectionState.REVISED and _last(locked).number <= mine.manuscript:
        raise InvalidError(_("There is no manuscript yet that is newer than the objection."), field="outcome")
    _settle(locked, mine, outcome, by, remark.strip())
    record(
        verb="publication.lift", subject=mine, by=by, project_id=locked.project_id,
        data=_told(locked, party=mine.party.name, outcome=outcome),
    )  # fmt: skip
    tell(locked, gettext_lazy("An objection is settled: “{title}”"), [locked.given_by], but=by)
    return mine


@transaction.atomic
def withdraw_notice(*, notice: PublicationNotice, by: User, reason: str = "") -> PublicationNotice:
    """It is not published, or announced anew; nobody need answer any more."""
    locked = _locked(notice, by, "publication.give")
    _require_publisher(by, locked.organisation, locked.project_id)
    state = NOTICE_MOVES.require("withdraw", locked.state, what=str(locked))
    locked.reason = reason.strip()
    _save(locked, state)
    lapse(locked, by, _("The notice was withdrawn."))
    record(verb="publication.withdraw", subject=locked, by=by, project_id=locked.project_id, data=_told(locked))
    people = speakers_of(locked, _others(locked.project, locked.organisation))
    tell(locked, gettext_lazy("The notice of a publication was withdrawn: “{title}”"), people, but=by)
    return locked


@transaction.atomic
def mark_published(
    *, notice: PublicationNotice, published_on: date, by: User, doi: str = "", link: str = ""
) -> PublicationNotice:
    """Say that it has appeared. While the project is under way it enters the register of outputs, as the publishing
    party's; its shares may be changed there. Raises ConflictError when the agreement did not let it appear on that day.
    """
    locked = _locked(notice, by, "publication.give")
    _require_publisher(by, locked.organisation, locked.project_id)
    state = NOTICE_MOVES.require("publish", locked.state, what=str(locked))
    free_on = locked.free_on
    if free_on is None:
        raise ConflictError(_("An objection is not settled yet, so it must not be published."))
    if published_on > timezone.localdate():
        raise InvalidError(_("This day has not come yet."), field="published_on")
    if published_on < free_on:
        raise InvalidError(
            _("It may be published from %(day)s, not before.") % {"day": date_format(free_on)}, field="published_on"
        )
    locked.published_on, locked.doi, locked.earliest_on = published_on, doi.strip(), free_on
    locked.require_clean()
    if locked.project.state in UNDER_WAY:
        locked.output = _as_output(locked, by, link)
    _save(locked, state)
    lapse(locked, by, _("It is published."))
    record(
        verb="publication.publish", subject=locked, by=by, project_id=locked.project_id,
        data=_told(locked, doi=locked.doi or "–"),
    )  # fmt: skip
    return locked


@transaction.atomic
def open_manuscript(*, manuscript: Manuscript, by: User) -> Manuscript:
    """Who took which manuscript is history."""
    require(by, "publication.view", manuscript.notice)
    record(
        verb="publication.read",
        subject=manuscript.notice,
        by=by,
        project_id=manuscript.notice.project_id,
        data=_told(manuscript.notice, number=manuscript.number, sha256=manuscript.sha256),
    )
    return manuscript


def party_gone(party: ProjectParty, by: User) -> None:
    """Inside the verb by which a party leaves: it is asked no more, which is no answer, and its objections stay open.

    The others are told, because one of them now judges a revised manuscript.
    """
    rows = PublicationNotice.objects.going_on().filter(project=party.project_id)
    notices = list(rows.exclude(organisation=party.organisation_id).select_for_update().order_by("pk"))
    reason = gettext_lazy("A party has left the project.")
    lapse_requests(topic=PUBLICATION, subjects=notices, by=by, reason=reason, organisations=[party.organisation_id])
    for notice in PublicationNotice.objects.filter(pk__in=[row.pk for row in notices]).with_answers():
        if any(row.party_id == party.organisation_id for row in notice.open_objections):
            judges = _others(notice.project, notice.organisation) or [notice.organisation]
            title = gettext_lazy("A party that objects has left; a revised manuscript settles it: “{title}”")
            tell(notice, title, [notice.given_by, *speakers_of(notice, judges)], but=by)


@transaction.atomic
def close_ended(limit: int = 200) -> int:
    """Take from the inbox and the calendar what an ended notice asks of nobody any more; how many notices it were."""
    today, closed = timezone.localdate(), 0
    ended = PublicationNotice.objects.going_on().filter(notice_ends_on__lte=today, pk__in=still_noted(today))
    for notice in ended.with_answers().order_by("notice_ends_on")[:limit]:
        if notice.is_free(today):
            settle_obligation(source=notice, kind=ObligationKind.NOTICE)
        closed += bool(
            lapse_requests(topic=PUBLICATION, subjects=[notice], by=None, reason=gettext_lazy("The notice has ended."))
        )
    return closed


# --- what the verbs share
def _locked(notice: PublicationNotice, by: User, word: str) -> PublicationNotice:
    require(by, word, notice)
    PublicationNotice.objects.select_for_update().get(pk=notice.pk)
    return PublicationNotice.objects.with_answers().get(pk=notice.pk)


def _open(notice: PublicationNotice, objection: PublicationObjection) -> PublicationObjection:
    rows = PublicationObjection.objects.select_related("party", "by")
    mine = rows.get(pk=objection.pk, notice=notice)
    if notice.state not in GOING_ON:
        raise ConflictError(_("The notice is no longer going on."))
    if mine.state != ObjectionState.OPEN:
        raise ConflictError(_("This objection is settled already."))
    return mine


def _settle(notice: PublicationNotice, mine: PublicationObjection, move: str, by: User, remark: str) -> None:
    mine.state = OBJECTION_MOVES.require(move, mine.state, what=str(mine))
    mine.settled_by, mine.settled_at, mine.outcome = by, timezone.now(), remark
    mine.require_clean()
    mine.save()
    state = notice.state
    if all(row.pk == mine.pk for row in notice.open_objections):
        waits = notice.earliest_on > notice.notice_ends_on
        state = NOTICE_MOVES.require("delay" if waits else "settle", state, what=str(notice))
    _save(notice, state)
    enter_day(notice)


def _save(notice: PublicationNotice, state: str) -> None:
    notice.state = state
    notice.version += 1
    notice.require_clean()
    notice.save()


def _add_manuscript(
    notice: PublicationNotice, by: User, *, file: TemporaryUploadedFile | None, link: str, note: str = ""
) -> Manuscript:
    if file is None and not link:
        raise InvalidError(_("Give the manuscript as a file, or a link to it."), field="file")
    kept = keep_file(file, frozenset({PDF}), settings.MANUSCRIPT_MAX_BYTES) if file is not None else None
    last = notice.manuscripts.order_by("-number").values_list("number", flat=True).first() or 0
    manuscript = Manuscript(
        notice=notice,
        number=last + 1,
        link=link,
        note=note.strip(),
        created_by=by,
        file_name=kept.file_name if kept else "",
        sha256=kept.sha256 if kept else "",
        size_bytes=kept.size_bytes if kept else 0,
    )
    manuscript.require_clean()
    manuscript.save()
    return manuscript


def _last(notice: PublicationNotice) -> Manuscript:
    return notice.manuscripts.order_by("-number")[0]


def _check_day(notice: PublicationNotice, day: date | None, *, after: date, field: str = "delay_until") -> None:
    if day is None:
        raise InvalidError(_("Say until when it shall wait, so that the results can be protected."), field=field)
    if day <= max(after, notice.notice_ends_on):
        raise InvalidError(
            _("The notice itself lasts until %(day)s; ask for a later day.")
            % {"day": date_format(notice.notice_ends_on)},
            field=field,
        )
    if day > notice.delay_ends_on:
        raise InvalidError(
            _("An objection may delay it until %(day)s at most.") % {"day": date_format(notice.delay_ends_on)},
            field=field,
        )


def _others(project: Project, organisation: Organisation) -> list[Organisation]:
    rows = ProjectParty.objects.filter(project=project, left_on=None).exclude(organisation=organisation)
    return [row.organisation for row in rows.select_related("organisation").order_by("organisation__name")]


def _require_publisher(by: User, organisation: Organisation, project_id: UUID) -> None:
    if not party_of(by, project_id).filter(pk=organisation.pk).exists():
        text = _("Only people of %(party)s, which publishes, may do this.") % {"party": organisation}
        raise RefusedError([Missing("not_publisher", text)])


def _require_speaker(by: User, party: Organisation, notice: PublicationNotice) -> None:
    """Whoever answers holds the word for that party, and the party is another one of the project."""
    if party.pk == notice.organisation_id:
        raise InvalidError(_("%(party)s publishes itself; the other parties answer.") % {"party": party}, field="party")
    if party.pk not in parties_spoken_for(by, notice):
        text = _("You do not speak for %(party)s about publications.") % {"party": party}
        raise RefusedError([Missing("not_speaker", text)])


def parties_spoken_for(by: User, notice: PublicationNotice) -> dict[UUID, Organisation]:
    """The other parties for which the person may answer."""
    others = _others(notice.project, notice.organisation)
    held = set(speakers(notice.project_id, others).filter(user=by).values_list("organisation", flat=True))
    return {one.pk: one for one in others if one.pk in held}


def parties_gone(notice: PublicationNotice) -> set[UUID]:
    rows = ProjectParty.objects.filter(project=notice.project_id, left_on__isnull=False)
    return set(rows.values_list("organisation", flat=True))


def stands_in(by: User, notice: PublicationNotice, objection: PublicationObjection) -> bool:
    """Whether the person judges instead of a party that has left: for another one, or alone for the last one there."""
    others = _others(notice.project, notice.organisation)
    if any(one.pk == objection.party_id for one in others):
        return False
    judges = others or [notice.organisation]
    return speakers(notice.project_id, judges).filter(user=by).exists()


def _products(project: Project, by: User, wanted: Iterable[UUID]) -> list[dict[str, str]]:
    """Models and datasets by name: the notice tells the other parties what is in it."""
    keys = set(wanted)
    if not keys:
        return []
    known = {product.pk: product for product in products_of(by, project.pk)}
    if keys - set(known):
        raise InvalidError(_("There is no such model version or dataset in this project."), field="products")
    return [{"kind": known[key].kind, "id": str(key), "name": known[key].name} for key in sorted(keys, key=str)]


def _require_of_project(project: Project, outputs: Sequence[Output], background: Sequence[BackgroundItem]) -> None:
    if any(row.project_id != project.pk for row in outputs):
        raise InvalidError(_("Choose outputs of this project."), field="outputs")
    if any(row.project_id != project.pk for row in background):
        raise InvalidError(_("Choose background of this project."), field="background")


def _as_output(notice: PublicationNotice, by: User, link: str) -> Output:
    party = ProjectParty.objects.select_related("organisation").get(
        project=notice.project_id, organisation=notice.organisation_id
    )
    authors = notice.author_line
    return record_output(
        project=notice.project,
        kind=OutputKind.PUBLICATION,
        title=notice.title,
        title_zh=notice.title_zh,
        description=notice.abstract[:4000],
        made_on=notice.published_on,
        doi=notice.doi,
        link=link,
        other_creators=authors if len(authors) <= _CREATORS_MAX else f"{authors[: _CREATORS_MAX - 1]}…",
        shares={party: WHOLE},
        by=by,
    )


def _told(notice: PublicationNotice, **more: Any) -> dict[str, Any]:
    return {"title": notice.title} | ({"title_zh": notice.title_zh} if notice.title_zh else {}) | more
