"""Pages of the inventors: what they disclose, who made it, their signatures, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.models import Organisation
from collab.audit.models import AuditEvent
from collab.projects.models import Project
from collab.transfer.disclosures.asking import open_decision
from collab.transfer.disclosures.assessing import conflicts_found
from collab.transfer.disclosures.board import steps_of
from collab.transfer.disclosures.forms import (
    EditDisclosureForm,
    FundingForm,
    InventorsForm,
    NewDisclosureForm,
    PriorArtForm,
    ReasonForm,
    ResultsForm,
    SignForm,
    people_near,
)
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.disclosures.novelty import warnings_of
from collab.transfer.disclosures.prefill import (
    Prefill,
    ResultTerm,
    prefill_of_project,
    prefill_of_several,
    results_offered,
    subject_of,
)
from collab.transfer.disclosures.rights import background_of, rights_of
from collab.transfer.disclosures.services import checks_of, submit_disclosure, withdraw_disclosure
from collab.transfer.disclosures.states import (
    CASE_DECISION_WORDS,
    CASE_MOVES,
    PIPELINE,
    PURSUED,
    CaseDecision,
    CaseState,
)
from collab.transfer.disclosures.writing import (
    FundingTerm,
    InventorTerm,
    PriorArtTerm,
    disclose,
    edit_disclosure,
    equal_shares,
    find_funding,
    set_funding,
    set_inventors,
    set_prior_art,
    set_results,
    sign_disclosure,
    step_back,
)
from collab.web.forms import PageForm, act, sent, show, submit
from collab.web.history import timeline
from collab.web.pagination import page_of

ROWS = "collab/transfer/disclosures/rows.html"
RESULTS_MAX = 20
HISTORY_SHOWN = 40
ACTIONS = ("disclosure.edit", "disclosure.sign", "case.view", "case.manage", "case.decide", "audit.view")


def mine(request: HttpRequest) -> HttpResponse:
    """What the person invented or wrote down, and where it stands."""
    rows = TransferCase.objects.visible_to(request.user).mine(request.user).with_rows()  # type: ignore[arg-type]
    context = {
        "page": page_of(request, rows),
        "may_begin": visible_to(request.user, "disclosure.begin", Organisation.objects.all()).exists(),
        "sees_board": sees_board(request),
    }
    return show(request, "collab/transfer/disclosures/mine.html", context)


def sees_board(request: HttpRequest) -> bool:
    return visible_to(request.user, "case.view", Organisation.objects.all()).exists()


def disclosure_new(request: HttpRequest) -> HttpResponse:
    """Begin a disclosure: empty, from a project, or from a row of another room (`?from=registry.modelversion:<id>`)."""
    known = _known(request)
    first = {}
    if known is not None:
        first = {
            "title": known.title[:200], "summary": known.summary[:4000], "description": known.description[:20000],
            "kind": known.kind,
        }  # fmt: skip
    form = NewDisclosureForm(
        sent(request),
        initial=first,
        user=request.user,
        project=known.project if known else None,
        contributors=known.contributors if known else (),
    )

    def begin() -> str:
        given = form.values()
        people = list(given.pop("contributors"))
        shares = equal_shares(len(people))
        case = disclose(
            by=request.user,  # type: ignore[arg-type]
            project=known.project if known else None,
            inventors=[InventorTerm(share, person=person) for share, person in zip(shares, people, strict=True)],
            results=known.results if known else (),
            **given,
        )
        messages.success(request, _("The disclosure is begun. Complete it, then every inventor signs."))
        return case.get_absolute_url()

    context: dict[str, Any] = {"form": form, "known": known}
    if known is not None:
        named = {term.key for term in known.results}
        offered = results_offered(request.user, known.project)  # type: ignore[arg-type]
        context["offered"] = [{"term": term, "chosen": term.key in named} for term in offered]
    return submit(request, form, begin) or show(request, "collab/transfer/disclosures/new.html", context, form)


def _known(request: HttpRequest) -> Prefill | None:
    """What the address names: a row to disclose, or a project."""
    subjects = request.GET.getlist("from")[:RESULTS_MAX]
    if subjects:
        found = prefill_of_several(request.user, [subject_of(one) for one in subjects])  # type: ignore[arg-type]
        get_or_404(request.user, "disclosure.create", Project.objects.all(), pk=found.project.pk)
        return found
    slug = request.GET.get("project", "")
    if slug:
        return prefill_of_project(get_or_404(request.user, "disclosure.create", Project.objects.all(), slug=slug))
    return None


def case_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where it stands, what it says, who signed; for the office also how it is assessed."""
    case = case_of(request, "disclosure.view", pk)
    user: Any = request.user
    may = allowed(user, case, *ACTIONS)
    disclosure = case.disclosure
    digest = disclosure.document_sha256()
    inventors = list(disclosure.inventors.all())
    mine = next((row for row in inventors if row.person_id == user.pk), None)
    context: dict[str, Any] = {
        "case": case,
        "disclosure": disclosure,
        "may": {word.replace(".", "_") for word in may},
        "steps": steps_of(case),
        "warnings": warnings_of(disclosure, timezone.localdate()),
        "inventors": [{"row": row, "signed": row.signed_hash == digest} for row in inventors],
        "may_sign": case.is_writable and mine is not None and mine.signed_hash != digest,
        "may_step_back": case.is_writable and mine is not None and len(inventors) > 1,
        "writes": case.is_writable and "disclosure.edit" in may,
        "may_withdraw": "disclosure.edit" in may and CASE_MOVES.allows("withdraw", case.state),
        "background": background_of(case.project_id, case.organisation_id, user),
        "stages": [{"row": row, "days": row.lasted(timezone.now())} for row in case.stages.all()],
    }
    if case.is_writable or "case.manage" in may:
        context["checks"] = checks_of(case)
        context["may_submit"] = context["writes"] and all(c.done for c in context["checks"] if c.needed)
    if "case.view" in may:
        context |= _office(case, user, may)
    if "audit.view" in may:
        events = AuditEvent.objects.filter(organisation_id=case.organisation_id, subject_id=str(case.pk))
        context["history"] = timeline(events.order_by("-id")[:HISTORY_SHOWN])
    return show(request, "collab/transfer/disclosures/page.html", context)


def _office(case: TransferCase, user: Any, may: set[str]) -> dict[str, Any]:
    """What only the office sees: assessments, the proposed decision, others' rights in full."""
    asked = open_decision(case)
    manages = "case.manage" in may
    rows = list(case.assessments.select_related("assessor").order_by("-round", "created_at"))
    current = [row for row in rows if row.round == case.round]
    return {
        "office": True,
        "license_url": f"{reverse('collab:licence_new')}?case={case.pk}" if _may_license(case, user) else "",
        "rights": rights_of(case.project_id, case.organisation_id, user),
        "assessments": [{"row": row, "ties": conflicts_found(case, row.assessor)} for row in current],
        "earlier": [row for row in rows if row.round != case.round],
        "proposal": asked,
        "proposed": CASE_DECISION_WORDS[CaseDecision(asked.data["decision"])] if asked else "",
        "may_decide": asked is not None and "case.decide" in may and asked.asked_by_id != user.pk,
        "may_take_up": manages and CASE_MOVES.allows("check", case.state),
        "may_pass": manages and CASE_MOVES.allows("assess", case.state),
        "may_return": manages and CASE_MOVES.allows("return", case.state),
        "may_assess": manages and case.state == CaseState.UNDER_ASSESSMENT,
        "may_propose": manages and CASE_MOVES.allows("decide", case.state) and asked is None,
        "may_take_back": manages and asked is not None,
        "may_reconsider": manages and CASE_MOVES.allows("reconsider", case.state) and case.decision in PURSUED,
        "may_reopen": manages and (CASE_MOVES.allows("reopen", case.state) or CASE_MOVES.allows("restore", case.state)),
        "may_resume": manages and case.state == CaseState.DECIDED and case.decision == CaseDecision.HOLD,
        "may_move": manages and case.state in PIPELINE,
        "may_assign": manages and case.officer_id is not None,
        "may_paper": manages and case.is_writable
        and any(row.person_id is None and not row.signed_hash for row in case.disclosure.inventors.all()),
    }  # fmt: skip


def _may_license(case: TransferCase, user: Any) -> bool:
    """Whether the person may draft a licence of what the case holds."""
    used = case.decision in PURSUED and case.state in PIPELINE
    return used and bool(allowed(user, case.organisation, "licence.draft"))


def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "disclosure.edit", pk)
    form = EditDisclosureForm(sent(request), initial=EditDisclosureForm.about(case))

    def change() -> str:
        edit_disclosure(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        return _saved(request, case)

    return form_page(request, case, form, change, _("Edit the disclosure"), lead=_resign(case))


def inventors(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "disclosure.edit", pk)
    rows = list(case.disclosure.inventors.all())
    lines = [
        {name: getattr(row, name) for name in ("name", "email", "employer_name", "share_percent", "contribution")}
        | {"person": row.person_id, "employer": row.employer_id}
        | ({"name": "", "email": ""} if row.person_id else {})
        for row in rows
    ]
    people = people_near(request.user, case.project, [row.person for row in rows if row.person])  # type: ignore[arg-type]
    form = InventorsForm(sent(request), initial={"version": case.version}, lines=lines, people=people)

    def change() -> str:
        set_inventors(
            case=case,
            inventors=[InventorTerm(**row) for row in form.filled()],
            by=request.user,  # type: ignore[arg-type]
            version=form.cleaned_data["version"],
        )
        return _saved(request, case)

    lead = _("The shares make 100 per cent together. Whoever has signed is not taken out by others.")
    return form_page(request, case, form, change, _("Inventors"), lead=lead, template=ROWS)


def funding(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "disclosure.edit", pk)
    rows = [row for row in case.disclosure.funding.all() if row.agreement_id is None]
    lines = [{name: getattr(row, name) for name in FundingForm.columns} for row in rows]
    form = FundingForm(sent(request), initial={"version": case.version}, lines=lines)

    def change() -> str:
        terms = [
            FundingTerm(**{name: value if name == "sponsor" else value or "" for name, value in row.items()})
            for row in form.filled()
        ]
        set_funding(case=case, funding=terms, by=request.user, version=form.cleaned_data["version"])  # type: ignore[arg-type]
        return _saved(request, case)

    lead = _("What the agreements of the project say of sponsors is found by itself; write down who else paid.")
    return form_page(request, case, form, change, _("Funding"), lead=lead, template=ROWS)


def find(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "disclosure.edit", pk)
    return act(
        request,
        lambda: find_funding(case=case, by=request.user, version=case.version),  # type: ignore[arg-type]
        to=case.get_absolute_url(),
        said=_("The agreements in force were read again."),
    )


def results(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The models and datasets of the project that are disclosed with it."""
    case = case_of(request, "disclosure.edit", pk)
    now = [ResultTerm(row.kind, row.subject_type, row.subject_id, row.label, row.url) for row in case.results.all()]
    offered = {term.key: term for term in now}
    if case.project is not None:
        offered = {term.key: term for term in results_offered(request.user, case.project)} | offered  # type: ignore[arg-type]
    first = {"results": [term.key for term in now], "version": case.version}
    form = ResultsForm(sent(request), initial=first, offered=offered.values())

    def change() -> str:
        set_results(case=case, results=form.terms(), by=request.user, version=form.cleaned_data["version"])  # type: ignore[arg-type]
        return _saved(request, case)

    lead = _("Whoever opens one of them finds the case, if they may see it.")
    return form_page(request, case, form, change, _("Disclosed with it"), lead=lead)


def prior_art(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "disclosure.edit", pk)
    lines = [{name: getattr(row, name) for name in PriorArtForm.columns} for row in case.disclosure.prior_art.all()]
    form = PriorArtForm(sent(request), initial={"version": case.version}, lines=lines)

    def change() -> str:
        terms = [PriorArtTerm(**{name: value or "" for name, value in row.items()}) for row in form.filled()]
        set_prior_art(case=case, prior_art=terms, by=request.user, version=form.cleaned_data["version"])  # type: ignore[arg-type]
        return _saved(request, case)

    lead = _("What was known before: papers, patents, products, models.")
    return form_page(request, case, form, change, _("Prior art"), lead=lead, template=ROWS)


def sign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The whole text, and a name to type below it."""
    case = case_of(request, "disclosure.sign", pk)
    digest = case.disclosure.document_sha256()
    form = SignForm(sent(request), initial={"document_sha256": digest})

    def give() -> str:
        sign_disclosure(case=case, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
        messages.success(request, _("You have signed exactly this text."))
        return case.get_absolute_url()

    rows = [{"row": row, "signed": row.signed_hash == digest} for row in case.disclosure.inventors.all()]
    context = {
        "case": case, "disclosure": case.disclosure, "form": form, "digest": digest, "inventors": rows,
        "warnings": warnings_of(case.disclosure, timezone.localdate()),
    }  # fmt: skip
    return submit(request, form, give) or show(request, "collab/transfer/disclosures/sign.html", context, form)


def back_out(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "disclosure.sign", pk)
    form = ReasonForm(sent(request))

    def leave() -> str:
        step_back(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("You are no longer named; the others sign anew."))
        return "/transfer/mine/"

    lead = _("Your share goes to the others in proportion, and everyone signs anew.")
    return form_page(request, case, form, leave, _("I am no inventor of this"), lead=lead, tone="danger")


def hand_in(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "disclosure.edit", pk)
    return act(
        request,
        lambda: submit_disclosure(case=case, by=request.user),  # type: ignore[arg-type]
        to=case.get_absolute_url(),
        said=lambda done: _("Submitted as %(docket)s. The office takes it up.") % {"docket": done.docket},
    )


def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = case_of(request, "disclosure.edit", pk)
    form = ReasonForm(sent(request))

    def take_back() -> str:
        withdraw_disclosure(case=case, by=request.user, **form.values())  # type: ignore[arg-type]
        messages.success(request, _("The disclosure is withdrawn."))
        return case.get_absolute_url()

    return form_page(request, case, form, take_back, _("Withdraw the disclosure"), tone="danger")


# --- what the pages share
def case_of(request: HttpRequest, word: str, pk: UUID) -> TransferCase:
    return get_or_404(request.user, word, TransferCase.objects.with_all(), pk=pk)


def form_page(
    request: HttpRequest,
    case: TransferCase,
    form: PageForm,
    done: Callable[[], str],
    title: str,
    *,
    lead: str = "",
    tone: str = "primary",
    template: str = "collab/transfer/disclosures/form.html",
    more: dict[str, Any] | None = None,
) -> HttpResponse:
    context = {"case": case, "form": form, "title": title, "lead": lead, "tone": tone} | (more or {})
    return submit(request, form, done) or show(request, template, context, form)


def _saved(request: HttpRequest, case: TransferCase) -> str:
    messages.success(request, _("Saved. Whoever had signed another text is asked to sign anew."))
    return case.get_absolute_url()


def _resign(case: TransferCase) -> str:
    signed = any(row.signed_hash for row in case.disclosure.inventors.all())
    return _("Somebody has signed already: a change asks for every signature anew.") if signed else ""
