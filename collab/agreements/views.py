"""Pages of agreements."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.agreements.approvals import ApprovalState
from collab.agreements.approving import submit_version
from collab.agreements.assets import assets_named
from collab.agreements.differences import differs, ip_facts, near_changes, term_changes, text_rows
from collab.agreements.forms import (
    AgreementEditForm,
    AgreementForm,
    AgreementListFilter,
    CommentForm,
    DeclineForm,
    EndForm,
    IPForm,
    QuestionsForm,
    ReasonForm,
    SignForm,
    TemplateForm,
    VerifyForm,
    VersionForm,
)
from collab.agreements.ip_questions import Proposal, faults_of, propose
from collab.agreements.library import AgreementTemplate
from collab.agreements.models import Agreement, AgreementVersion
from collab.agreements.negotiating import comment_on_version
from collab.agreements.particulars import particulars_of
from collab.agreements.reading import clauses_of, effect_of_signing, names, signatures_of, way_of, what_next
from collab.agreements.sealing import ensure_sealed, executed_on, open_sealed, verify_url
from collab.agreements.services import (
    counter_version,
    decline_version,
    draft_agreement,
    draft_from_template,
    draft_version,
    edit_agreement,
    edit_version,
    negotiate_version,
    parties_to_sign_for,
    resume_version,
    send_for_signature,
    sign_version,
    stop_renewal,
    suspend_version,
    terminate_version,
    withdraw_version,
)
from collab.agreements.states import OPEN_TO_EDITS, STANDING, UNDER_WAY, VERSION_MOVES, VersionState
from collab.audit.models import AuditEvent
from collab.projects.models import Project
from collab.web.downloads import attachment
from collab.web.errors import page_or_json
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of
from collab.web.rates import too_often

HISTORY_SHOWN = 12
VERIFY_PER_MINUTE = 30


def project_agreements(request: HttpRequest, slug: str) -> HttpResponse:
    """The panel of a project's page."""
    project = get_or_404(request.user, "agreement.view", Project.objects.all(), slug=slug)
    rows = Agreement.objects.filter(project=project).visible_to(request.user).with_versions()
    context = {
        "project": project,
        "rows": [_line(agreement) for agreement in rows],
        "may_draft": "agreement.draft" in allowed(request.user, project, "agreement.draft"),
    }
    return show(request, "collab/agreements/_panel.html", context)


def _line(agreement: Agreement) -> dict[str, Any]:
    """The version in force and the one under way, if there are."""
    standing: list[AgreementVersion] = agreement.standing  # type: ignore[attr-defined]
    newest = standing[0] if standing else None
    executed = next((v for v in standing if v.state in STANDING), None)
    shown = executed or newest
    return {
        "agreement": agreement,
        "version": shown,
        "under_way": newest if newest is not shown else None,
        "unsigned": names(newest.unsigned()) if newest and newest.state == VersionState.OUT_FOR_SIGNATURE else "",
    }


def agreement_list(request: HttpRequest) -> HttpResponse:
    """Every agreement that one may read, across projects."""
    rows = Agreement.objects.visible_to(request.user).select_related("project").with_versions()
    found = AgreementListFilter(request.GET, queryset=rows)
    page = page_of(request, found.qs)
    context = {"page": page, "filter": found, "rows": [_line(agreement) for agreement in page]}
    return show(request, "collab/agreements/list.html", context)


def agreement_new(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_or_404(request.user, "agreement.draft", Project.objects.all(), slug=slug)
    form = AgreementForm(sent(request), project=project, user=request.user)

    def begin() -> str:
        agreement = draft_agreement(project=project, by=request.user, **form.values())
        offered = AgreementTemplate.objects.filter(kind=agreement.kind).offered_to(request.user).exists()
        return reverse("collab:version_template" if offered else "collab:version_new", args=[agreement.pk])

    context = {"form": form, "project": project}
    return submit(request, form, begin) or show(request, "collab/agreements/new.html", context, form)


def agreement_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Title, confidentiality and the agreement above, until a version is sent."""
    rows = Agreement.objects.select_related("project", "parent")
    agreement = get_or_404(request.user, "agreement.draft", rows, pk=pk)
    form = AgreementEditForm(sent(request), agreement=agreement, user=request.user)

    def edit() -> str:
        edit_agreement(agreement=agreement, version=form.cleaned_data["edit"] or 0, by=request.user, **form.values())
        messages.success(request, _("Saved."))
        return agreement.get_absolute_url()

    context = {"form": form, "agreement": agreement}
    return submit(request, form, edit) or show(request, "collab/agreements/edit.html", context, form)


def agreement_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Agreement.objects.select_related("project", "parent", "amends")
    agreement = get_or_404(request.user, "agreement.view", rows, pk=pk)
    versions = list(AgreementVersion.objects.filter(agreement=agreement).with_terms().with_talk())
    assets = assets_named(request.user, (row.asset_id for version in versions for row in version.coverage.all()))
    may = allowed(request.user, agreement, *_ACTS)
    read = [_reading(version, clauses_of(version, assets), may) for version in versions]
    front = next((one for one in read if one["version"].state in UNDER_WAY | STANDING), None)
    front = front or (read[0] if read else None)
    context = {
        "agreement": agreement,
        "front": front,
        "in_force": next((one for one in read if one["version"].state == VersionState.EXECUTED), None),
        "others": [one for one in read if one is not front],
        "may_draft": "agreement.draft" in may,
        "may_edit": "agreement.draft" in may and not any(version.sent_at for version in versions),
        "in_progress": any(version.state in UNDER_WAY for version in versions),
        "sign_for": parties_to_sign_for(request.user, versions[0]) if versions else [],
        "amendments": list(Agreement.objects.filter(amends=agreement).visible_to(request.user)),
    }
    if front is not None:
        context |= _front(front["version"], may)
    if "audit.view" in may:
        context["history"] = timeline(_events(request, agreement, versions)[:HISTORY_SHOWN])
    return show(request, "collab/agreements/page.html", context)


_ACTS = ("agreement.draft", "agreement.end", "agreement.comment", "agreement.sign", "audit.view")


def _front(version: AgreementVersion, may: set[str]) -> dict[str, Any]:
    """What the page says of the version that counts today."""
    approvals = [row for row in version.approvals.all() if row.state != ApprovalState.VOIDED]
    next_act, who = what_next(version, approvals)
    ip = getattr(version, "ip_terms", None)
    today = timezone.localdate()
    room = particulars_of(version.agreement) if version.particulars else None
    return {
        "particulars": room.said(version.particulars) if room else [],
        "way": way_of(version),
        "next_act": next_act,
        "next_who": who,
        "approvals": approvals,
        "ip_facts": list(ip_facts(ip)) if ip else [],
        "background": version.background_shown(),
        "owners": {str(party.organisation_id): party.organisation for party in version.parties.all()},
        "duties": [(duty, duty.last_day(_ended_on(version))) for duty in version.duties.all()],
        "notice_by": version.notice_by(today) if version.state in STANDING and version.lapses_on is None else None,
        "comment_form": CommentForm() if "agreement.comment" in may and version.state in OPEN_TO_EDITS else None,
    }


def _ended_on(version: AgreementVersion) -> date | None:
    return timezone.localdate(version.ended_at) if version.ended_at else version.last_day(timezone.localdate())


def _reading(version: AgreementVersion, clauses: list[Any], may: set[str]) -> dict[str, Any]:
    open_moves = dict.fromkeys(VERSION_MOVES.open_from(version.state), True)
    return {
        "version": version,
        "signatures": signatures_of(version),
        "clauses": clauses,
        "unsigned": names(version.unsigned()),
        "may": {
            "send": "agreement.draft" in may and "send" in open_moves,
            "withdraw": "agreement.draft" in may and "withdraw" in open_moves,
            "edit": "agreement.draft" in may and version.state in OPEN_TO_EDITS,
            "negotiate": "agreement.draft" in may and "negotiate" in open_moves,
            "submit": "agreement.draft" in may and "submit" in open_moves,
            "counter": "agreement.draft" in may and "counter" in open_moves,
            "suspend": "agreement.end" in may and "suspend" in open_moves,
            "resume": "agreement.end" in may and "resume" in open_moves,
            "stop_renewal": "agreement.end" in may
            and version.state in STANDING
            and version.auto_renews
            and version.lapses_on is None,
            "terminate": "agreement.end" in may and "terminate" in open_moves,
        },
    }


def _events(request: HttpRequest, agreement: Agreement, versions: list[AgreementVersion]) -> Any:
    subjects = [str(agreement.pk), *(str(version.pk) for version in versions)]
    rows = AuditEvent.objects.filter(project_id=agreement.project_id, subject_id__in=subjects)
    return visible_to(request.user, "audit.view", rows)


def version_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = Agreement.objects.select_related("project", "amends")
    agreement = get_or_404(request.user, "agreement.draft", rows, pk=pk)
    like = agreement.amends or agreement
    versions = AgreementVersion.objects.with_terms()
    before = versions.filter(agreement=agreement).first() or versions.filter(agreement=like).standing().first()
    form = VersionForm(sent(request), agreement=agreement, user=request.user, initial=VersionForm.like(before))

    def draft() -> str:
        ip = getattr(before, "ip_terms", None)
        version = draft_version(agreement=agreement, by=request.user, ip=ip.facts() if ip else None, **form.values())
        messages.success(
            request,
            _("Version %(n)d is drafted. Read it once more, then send it for signature.") % {"n": version.number},
        )
        return version.get_absolute_url()

    context = {"form": form, "agreement": agreement, "before": before}
    return submit(request, form, draft) or show(request, "collab/agreements/draft.html", context, form)


def version_edit(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.draft", pk, number)
    initial = VersionForm.like(version) | {
        "edit": version.version,
        "effective_on": version.effective_on,
        "expires_on": version.expires_on,
    }
    form = VersionForm(sent(request), agreement=version.agreement, user=request.user, initial=initial)

    def edit() -> str:
        read = form.cleaned_data.get("edit") or 0
        done = edit_version(version=version, edit=read, by=request.user, **form.values())
        messages.success(request, _("The version is changed."))
        return done.get_absolute_url()

    context = {"form": form, "agreement": version.agreement, "editing": version}
    return submit(request, form, edit) or show(request, "collab/agreements/draft.html", context, form)


def version_counter(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Answer a version in negotiation: the same form, and what is saved takes the place of what it answers."""
    version = _version(request, "agreement.draft", pk, number)
    initial = VersionForm.like(version) | {"effective_on": version.effective_on, "expires_on": version.expires_on}
    form = VersionForm(sent(request), agreement=version.agreement, user=request.user, initial=initial)

    def counter() -> str:
        made = counter_version(version=version, by=request.user, **form.values())
        messages.success(request, _("Your counter-version lies before the parties."))
        return reverse("collab:version_diff", args=[pk]) + f"?before={number}&after={made.number}"

    context = {"form": form, "agreement": version.agreement, "answering": version}
    return submit(request, form, counter) or show(request, "collab/agreements/draft.html", context, form)


def version_template(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Choose a template for the agreement's kind and fill its blanks."""
    agreement = get_or_404(request.user, "agreement.draft", Agreement.objects.select_related("project"), pk=pk)
    offered = list(AgreementTemplate.objects.filter(kind=agreement.kind).offered_to(request.user))
    chosen = next((one for one in offered if one.code == request.GET.get("template")), offered[0] if offered else None)
    template = chosen.versions.select_related("template").first() if chosen else None
    if template is None:
        messages.info(request, _("There is no template of this kind; write the text yourself."))
        return redirect("collab:version_new", pk=pk)
    parties = list(
        Organisation.objects.filter(
            project_parties__project=agreement.project_id, project_parties__left_on=None
        ).order_by("project_parties__role", "name")
    )
    form = TemplateForm(sent(request), template=template, parties=parties)

    def draft() -> str:
        version = draft_from_template(agreement=agreement, template_version=template, by=request.user, **form.values())
        messages.success(request, _("Drafted from the template. Read it, and add what it lets the parties do."))
        return reverse("collab:version_edit", args=[agreement.pk, version.number])

    context = {"form": form, "agreement": agreement, "template": template, "offered": offered}
    return submit(request, form, draft) or show(request, "collab/agreements/from_template.html", context, form)


def version_diff(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Two versions beside each other; any two, the newest and the one before it at first."""
    agreement = get_or_404(request.user, "agreement.view", Agreement.objects.select_related("project"), pk=pk)
    versions = list(AgreementVersion.objects.filter(agreement=agreement).with_terms())
    if len(versions) < 2:
        messages.info(request, _("There is only one version."))
        return redirect(agreement.get_absolute_url())
    after = _numbered(versions, request.GET.get("after")) or versions[0]
    before = _numbered(versions, request.GET.get("before")) or next(v for v in versions if v is not after)
    assets = assets_named(request.user, (row.asset_id for v in (before, after) for row in v.coverage.all()))
    names_of = {str(key): asset.name for key, asset in assets.items()}
    whole = request.GET.get("whole") == "1"
    texts = []
    for label, old, new in (
        (_("English text"), before.text, after.text),
        (_("Chinese text"), before.text_zh, after.text_zh),
    ):
        rows = text_rows(old, new)
        texts.append({"label": label, "same": not differs(rows), "rows": rows if whole else near_changes(rows)})
    context = {
        "agreement": agreement,
        "versions": versions,
        "before": before,
        "after": after,
        "texts": texts,
        "changes": term_changes(before, after, names_of),
        "whole": whole,
    }
    return show(request, "collab/agreements/diff.html", context)


def _numbered(versions: list[AgreementVersion], number: str | None) -> AgreementVersion | None:
    return next((version for version in versions if str(version.number) == number), None)


def version_negotiate(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.draft", pk, number)
    return act(
        request,
        lambda: negotiate_version(version=version, by=request.user),
        to=version.get_absolute_url(),
        said=_("It lies before the parties: they can comment and answer."),
    )


def version_submit(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.draft", pk, number)
    return act(
        request,
        lambda: submit_version(version=version, by=request.user),
        to=version.get_absolute_url(),
        said=_("Submitted. Those who approve for each party find it in their inbox."),
    )


def version_resume(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.end", pk, number)
    return act(
        request,
        lambda: resume_version(version=version, by=request.user),
        to=version.get_absolute_url(),
        said=_("It has effect again."),
    )


def version_stop_renewal(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.end", pk, number)
    return act(
        request,
        lambda: stop_renewal(version=version, by=request.user),
        to=version.get_absolute_url(),
        said=_("Notice is given: it is not renewed again."),
    )


def version_suspend(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.end", pk, number)
    form = ReasonForm(sent(request))

    def suspend() -> str:
        suspend_version(version=version, by=request.user, **form.values())
        messages.success(request, _("Suspended. What it covered is closed until it has effect again."))
        return version.get_absolute_url()

    context = {
        "form": form,
        "agreement": version.agreement,
        "title": _("Suspend"),
        "lead": _("What it covers is closed on the next request: no reading, no new jobs. It can have effect again."),
    }
    return submit(request, form, suspend) or show(request, "collab/agreements/reason.html", context, form)


def version_decline(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.sign", pk, number)
    parties = parties_to_sign_for(request.user, version)
    if not parties:
        messages.info(request, _("There is nothing here for you to sign now."))
        return redirect(version.get_absolute_url())
    form = DeclineForm(sent(request), parties=parties, initial={"party": parties[0]})

    def decline() -> str:
        decline_version(version=version, by=request.user, **form.values())
        messages.success(request, _("You declined to sign. The drafters read your reason."))
        return version.agreement.get_absolute_url()

    context = {
        "form": form,
        "agreement": version.agreement,
        "title": _("Decline to sign"),
        "lead": _("This version ends; the parties may draft another. Your reason is shown to them."),
    }
    return submit(request, form, decline) or show(request, "collab/agreements/reason.html", context, form)


def version_comment(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.comment", pk, number)
    form = CommentForm(sent(request))

    def comment() -> str:
        comment_on_version(version=version, by=request.user, **form.values())
        return version.agreement.get_absolute_url() + "#comments"

    context = {"form": form, "agreement": version.agreement, "title": _("Comment"), "lead": ""}
    return submit(request, form, comment) or show(request, "collab/agreements/reason.html", context, form)


def version_ip(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Questions, then the terms that usually follow from the answers with the reason for each, all editable."""
    version = _version(request, "agreement.draft", pk, number)
    asked = bool(faults_of(request.GET)) if request.GET else True
    questions = QuestionsForm(request.GET or None)
    proposal = Proposal() if asked else propose(request.GET)
    known = getattr(version, "ip_terms", None)
    initial = (known.facts() if known else {}) | proposal.terms | {"edit": version.version}
    form = IPForm(sent(request), initial=initial, reasons=proposal.reasons)

    def save() -> str:
        edit_version(version=version, edit=form.cleaned_data["edit"], by=request.user, ip=form.values())
        messages.success(request, _("The intellectual property terms are part of the version."))
        return version.get_absolute_url()

    context = {
        "form": form,
        "questions": questions,
        "proposed": not asked,
        "agreement": version.agreement,
        "version": version,
    }
    return submit(request, form, save) or show(request, "collab/agreements/ip.html", context, form)


def version_send(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.draft", pk, number)
    return act(
        request,
        lambda: send_for_signature(version=version, by=request.user),
        to=version.get_absolute_url(),
        said=_("Sent for signature. The signatories of each party find it on their dashboard."),
    )


def version_sign(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.sign", pk, number)
    parties = parties_to_sign_for(request.user, version)
    if not parties:
        messages.info(request, _("There is nothing here for you to sign now."))
        return redirect(version.get_absolute_url())
    form = SignForm(sent(request), parties=parties, version=version)

    def sign() -> str:
        signed = sign_version(version=version, by=request.user, **form.values())
        executed = signed.state == VersionState.EXECUTED
        messages.success(request, _in_force(signed) if executed else _("Signed. Thank you."))
        return signed.get_absolute_url()

    assets = assets_named(request.user, (row.asset_id for row in version.coverage.all()))
    context = {
        "form": form,
        "read": _reading(version, clauses_of(version, assets), set()),
        "agreement": version.agreement,
        "effect": effect_of_signing(version, parties),
    } | _front(version, set())
    return submit(request, form, sign) or show(request, "collab/agreements/sign.html", context, form)


def _in_force(version: AgreementVersion) -> str:
    today: date = timezone.localdate()
    if version.effective_on > today:
        return _("Signed by all parties.")
    return _("Signed by all parties: the agreement is in force.")


def version_withdraw(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.draft", pk, number)
    return act(
        request,
        lambda: withdraw_version(version=version, by=request.user),
        to=version.agreement.get_absolute_url(),
        said=_("The version was withdrawn."),
    )


def version_terminate(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Why it ends, and what goes on; its reference is typed, because it cannot be undone."""
    version = _version(request, "agreement.end", pk, number)
    parties = [row.organisation for row in version.parties.select_related("organisation")]
    form = EndForm(sent(request), reference=version.agreement.reference, parties=parties)

    def terminate() -> str:
        terminate_version(version=version, by=request.user, **form.values())
        messages.success(request, _("The agreement is terminated. What it covered is closed from now on."))
        return version.agreement.get_absolute_url()

    context = {
        "form": form,
        "agreement": version.agreement,
        "title": _("Terminate"),
        "tone": "danger",
        "lead": _(
            "What it covers is closed at once: no reading, no new jobs, and running jobs pause. It cannot be undone."
        ),
        "surviving": [duty for duty in version.duties.select_related("party") if not duty.added_at_end],
    }
    return submit(request, form, terminate) or show(request, "collab/agreements/reason.html", context, form)


def version_sealed(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """About the sealed document: its hash, how to check it, where to get it."""
    version = _version(request, "agreement.view", pk, number)
    context = {
        "agreement": version.agreement,
        "version": version,
        "sealed": ensure_sealed(version),
        "verify_url": verify_url(version.document_sha256),
    }
    return show(request, "collab/agreements/sealed.html", context)


def version_sealed_file(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    version = _version(request, "agreement.view", pk, number)
    sealed, content = open_sealed(version=version, by=request.user)
    return attachment(content, f"{version.agreement.reference}-v{version.number}.pdf", sealed.sha256)


def verify(request: HttpRequest) -> HttpResponse:
    """For anybody: was a document with this hash executed? Yes with the day, or no; nothing else is told."""
    asked = request.GET if "sha256" in request.GET and request.method != "POST" else None
    form = VerifyForm(asked if request.method != "POST" else request.POST, request.FILES or None)
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        if too_often(request, "verify", limit=VERIFY_PER_MINUTE):
            return _slow_down(request)
        context |= {"asked": form.sha256, "day": executed_on(form.sha256)}
    return show(request, "collab/agreements/verify.html", context, form)


def verify_json(request: HttpRequest) -> HttpResponse:
    """The same for programs: `?sha256=`."""
    form = VerifyForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"code": "invalid", "detail": _("Write the hash as 64 hexadecimal digits.")}, status=400)
    if too_often(request, "verify", limit=VERIFY_PER_MINUTE):
        return _slow_down(request)
    day = executed_on(form.sha256)
    return JsonResponse({"executed": day is not None, "executed_on": day.isoformat() if day else None})


def _slow_down(request: HttpRequest) -> HttpResponse:
    response = page_or_json(request, status=429)
    response["Retry-After"] = "60"
    return response


def _version(request: HttpRequest, word: str, pk: UUID, number: int) -> AgreementVersion:
    rows = AgreementVersion.objects.with_terms()
    return get_or_404(request.user, word, rows, agreement=pk, number=number)
