"""Pages of placements."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.access.policy import allowed, get_or_404, visible_to
from collab.agreements.models import Agreement, AgreementVersion
from collab.audit.models import AuditEvent
from collab.courses.certificates.states import LIVE
from collab.internships.forms import (
    ChangeForm,
    EvaluationForm,
    LearningForm,
    LogForm,
    MentorForm,
    MoveForm,
    NoteForm,
    PlacementForm,
    PointMoveForm,
    ReasonForm,
    SettleForm,
    SignForm,
    SupervisorForm,
)
from collab.internships.models import Evaluation, LogEntry, Placement, PlacementNote, StudentSignature
from collab.internships.placements.approving import answer_placement, open_request
from collab.internships.placements.attesting import attest_placement, certificate_of
from collab.internships.placements.books import log_shown, notes_shown
from collab.internships.placements.caring import answer_log, evaluate, settle_note, side_of, write_log, write_note
from collab.internships.placements.framing import open_frame
from collab.internships.placements.hosting import let_in, shut_out
from collab.internships.placements.points import move_check_point, points_of
from collab.internships.placements.reminding import remind
from collab.internships.placements.required import belongs, next_for
from collab.internships.placements.services import (
    change_mentor,
    change_supervisor,
    edit_placement,
    fields_for,
    move_placement,
    onboard,
)
from collab.internships.placements.signing import (
    CHANGEABLE,
    decline_as_student,
    draft_learning_agreement,
    is_alive,
    newest_version,
    propose_change,
    returned_version,
    sign_as_student,
    signed_version,
    take_back_agreement,
    version_to_sign,
)
from collab.internships.placements.states import BEFORE_SIGNATURE, OPEN, PLACEMENT_MOVES, UNDER_WAY, PlacementState
from collab.internships.programmes.models import Posting
from collab.internships.programmes.views import form_page
from collab.internships.standing import projects_told
from collab.kernel.errors import ConflictError, NotFoundError
from collab.projects.models import Project
from collab.web.forms import act, sent, show, submit
from collab.web.history import timeline

MOVE_WORDS = {
    "suspend": gettext_lazy("Suspend it: the access ends now, until it is resumed"),
    "resume": gettext_lazy("Resume it"),
    "complete": gettext_lazy("Complete it"),
    "fail": gettext_lazy("It was not passed"),
    "cancel": gettext_lazy("Cancel it before it begins"),
    "terminate": gettext_lazy("Terminate it: the access ends now"),
}
ENTRIES_SHOWN, NOTES_SHOWN = 14, 10


def placement(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where it stands, what is missing before the next step, and what each of those in it does."""
    row = _placement(request, "placement.view", pk)
    user: Any = request.user
    may = allowed(
        user, row, "placement.manage", "placement.approve", "placement.guide", "placement.intern", "placement.sign",
        "placement.evaluate", "placement.confirm", "placement.write", "programme.manage",
    )  # fmt: skip
    manages, guides = "placement.manage" in may, "placement.guide" in may
    version = version_to_sign(row)
    signature = StudentSignature.objects.filter(version_signed=version).first() if version else None
    given = row.evaluations.filter(author=user).exists()
    begun = row.state == PlacementState.ONBOARDED and timezone.now() >= row.begins_at
    asked = [one for one in (row.host, row.university) if "placement.approve" in may and belongs(user, one)]
    seen = Posting.objects.visible_to(user).filter(pk=row.posting_id).first()
    shut = shut_out(row)
    context = {
        "placement": row,
        "posting_seen": seen,
        "missing": next_for(row, user)[1],
        "has_access": let_in(row),
        "shut_out": shut.sentence if shut else "",
        "version": version,
        "signature": signature,
        "signed": _signed_for(user, row),
        "may_sign": "placement.sign" in may and version is not None and signature is None,
        "may_edit": row.state in OPEN and bool(fields_for(row, user)),
        "to_answer": [one for one in asked if open_request(row, one) is not None],
        "may_draft": manages
        and (row.state == PlacementState.APPROVED or (row.state == "out_for_signature" and not is_alive(row))),
        "may_take_back": manages and returned_version(row) is not None,
        "newest": newest_version(row),
        **_papers(row, user),
        "may_onboard": manages and row.state == PlacementState.SIGNED,
        "may_change": manages and row.state == PlacementState.ONBOARDED,
        "points": points_of(row, user),
        "may_point": manages and row.state in OPEN,
        "may_frame": manages and row.project is None and row.state in BEFORE_SIGNATURE and row.host_agreement is None,
        "may_move": manages and bool(_moves(row)),
        "may_mentor": "placement.approve" in may and row.state in OPEN,
        "may_supervisor": manages and row.state in OPEN,
        "may_log": "placement.intern" in may and row.state in UNDER_WAY,
        "may_note": "placement.write" in may and row.state in UNDER_WAY,
        "may_confirm": "placement.confirm" in may,
        "may_evaluate": "placement.evaluate" in may
        and begun
        and not row.evaluations.filter(side=side_of(row, user)).exists(),
        "may_settle": manages,
        "may_remind": "programme.manage" in may and row.state in OPEN,
        "see_contact": manages or guides or "placement.intern" in may,
        **log_shown(row, user, most=ENTRIES_SHOWN),
        **notes_shown(row, user, most=NOTES_SHOWN),
        "evaluations": visible_to(user, "placement.view", Evaluation.objects.filter(placement=row)).select_related(
            "author"
        ),
        "given": given,
        "certificate": visible_to(user, "certificate.view", certificate_of(row)).first(),
        "may_attest": manages and _may_attest(row, user),
    }
    if manages:
        events = AuditEvent.objects.filter(subject_id=str(row.pk), verb__startswith="placement.")[:20]
        context["history"] = timeline(events)
    return show(request, "collab/internships/placement.html", context)


def placement_frame(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Go on to the host agreement, kept in the frame of host and university."""
    row = _placement(request, "placement.manage", pk)
    frame = open_frame(placement=row, by=request.user)
    messages.success(request, _("Draft the host agreement here. Once it is signed, name it in the placement."))
    return redirect("collab:agreement_new", frame.slug)


def placement_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.write", pk)
    form = PlacementForm(sent(request), placement=row, user=request.user)

    def change() -> str:
        edit_placement(placement=row, by=request.user, **form.values())
        messages.success(request, _("Saved."))
        return row.get_absolute_url()

    return _page(request, row, form, change, _("Write down what is known"))


def placement_answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.approve", pk)
    organisation = row.host if request.POST.get("for") == str(row.host_id) else row.university
    approve = request.POST.get("answer") == "approve"
    return act(
        request,
        lambda: answer_placement(
            placement=row, organisation=organisation, approve=approve, by=request.user,
            reason=request.POST.get("reason", "")[:1000],
        ),
        to=row.get_absolute_url(),
        said=_("Approved for %(name)s.") % {"name": organisation} if approve else _("Sent back."),
    )  # fmt: skip


def placement_agreement(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.manage", pk)
    form = LearningForm(sent(request))

    def draft() -> str:
        draft_learning_agreement(placement=row, by=request.user, **form.values())
        messages.success(request, _("The learning agreement goes to the three who sign it."))
        return row.get_absolute_url()

    return _page(request, row, form, draft, _("Write the learning agreement"))


def placement_sign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The text as the organisations sign it; the student types their name under the same hash."""
    row = _placement(request, "placement.sign", pk)
    version = version_to_sign(row)
    if version is None:
        raise ConflictError(_("No learning agreement waits for your signature."))
    form = SignForm(sent(request), initial={"document_sha256": version.document_sha256})

    def sign() -> str:
        sign_as_student(placement=row, by=request.user, **form.cleaned_data)
        messages.success(request, _("You have signed the learning agreement."))
        return row.get_absolute_url()

    context = {"placement": row, "version": version, "form": form}
    return submit(request, form, sign) or show(request, "collab/internships/sign.html", context, form)


def placement_decline(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The student says no to the agreement, or to the change, that waits for the signature."""
    row = _placement(request, "placement.sign", pk)
    form = ReasonForm(sent(request))

    def decline() -> str:
        decline_as_student(placement=row, by=request.user, **form.values())
        messages.success(request, _("You have declined it; those who wrote it are told why."))
        return row.get_absolute_url()

    return _page(request, row, form, decline, _("Decline the learning agreement"))


def placement_take_back(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.manage", pk)
    return act(
        request, lambda: take_back_agreement(placement=row, by=request.user), to=row.get_absolute_url(),
        said=_("Taken back. Change the terms, then write it anew."),
    )  # fmt: skip


def placement_signed(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the three have signed, for those who take part: the agreement itself is only for those who draft or sign."""
    row = _placement(request, "placement.view", pk)
    version = _signed_for(request.user, row)
    if version is None:
        raise ConflictError(_("The learning agreement is not signed by all three yet."))
    signatures = version.signatures.select_related("party", "signer").order_by("created_at")
    context = {"placement": row, "version": version, "signatures": signatures, "own": version.student_signature}
    return show(request, "collab/internships/signed.html", context)


def placement_onboard(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.manage", pk)
    return act(
        request, lambda: onboard(placement=row, by=request.user), to=row.get_absolute_url(),
        said=_("It begins on its first day, and so does the access."),
    )  # fmt: skip


def placement_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.manage", pk)
    form = MoveForm(sent(request), moves=_moves(row))

    def move() -> str:
        return move_placement(placement=row, by=request.user, **form.values()).get_absolute_url()

    return _page(request, row, form, move, _("Suspend, resume or end it"))


def placement_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.manage", pk)
    form = ChangeForm(sent(request), initial={name: getattr(row, name) for name in CHANGEABLE})

    def change() -> str:
        propose_change(placement=row, by=request.user, **form.values())
        messages.success(request, _("It counts once all three have signed it."))
        return row.get_absolute_url()

    return _page(request, row, form, change, _("Change the learning agreement"))


def placement_mentor(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.approve", pk)
    form = MentorForm(sent(request), organisation=row.host)

    def change() -> str:
        return change_mentor(placement=row, by=request.user, **form.values()).get_absolute_url()

    return _page(request, row, form, change, _("Change the mentor"))


def placement_supervisor(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.manage", pk)
    form = SupervisorForm(sent(request), organisation=row.university)

    def change() -> str:
        return change_supervisor(placement=row, by=request.user, **form.values()).get_absolute_url()

    return _page(request, row, form, change, _("Change the supervisor"))


def placement_point(request: HttpRequest, pk: UUID, point: UUID) -> HttpResponse:
    """Move a check-point for this intern; the day of the cohort takes the move back."""
    row = _placement(request, "placement.manage", pk)
    found = next((one for one in points_of(row, request.user) if one.pk == point), None)
    if found is None:
        raise NotFoundError
    form = PointMoveForm(sent(request), initial={"due_on": found.day})

    def move() -> str:
        move_check_point(placement=row, check_point=found, by=request.user, **form.cleaned_data)
        return row.get_absolute_url()

    return _page(request, row, form, move, _("Move the check-point"), lead=f"{row} · {found}")


def placement_log(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.intern", pk)
    form = LogForm(sent(request))

    def write() -> str:
        write_log(placement=row, by=request.user, **form.cleaned_data)
        return row.get_absolute_url()

    return _page(request, row, form, write, _("Enter a day into the log book"))


def log_answer(request: HttpRequest, pk: UUID, entry: UUID) -> HttpResponse:
    row = _placement(request, "placement.confirm", pk)
    found = LogEntry.objects.select_related("placement").filter(placement=row, pk=entry).first()
    if found is None:
        raise NotFoundError
    confirm = request.POST.get("answer") == "confirm"
    return act(
        request,
        lambda: answer_log(
            entry=found, confirm=confirm, by=request.user, remark=request.POST.get("reason", "")[:500]
        ),
        to=row.get_absolute_url(),
        said=_("Confirmed.") if confirm else _("Sent back."),
    )  # fmt: skip


def placement_note(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.write", pk)
    guides = "placement.guide" in allowed(request.user, row, "placement.guide")
    form = NoteForm(sent(request), guides=guides)

    def write() -> str:
        write_note(placement=row, by=request.user, **form.values())
        return row.get_absolute_url()

    return _page(request, row, form, write, _("Write a check-in, a feedback or an incident"))


def note_settle(request: HttpRequest, pk: UUID, note: UUID) -> HttpResponse:
    row = _placement(request, "placement.manage", pk)
    found = PlacementNote.objects.select_related("placement", "author").filter(placement=row, pk=note).first()
    if found is None:
        raise NotFoundError
    form = SettleForm(sent(request), verdict=found.verdict)

    def settle() -> str:
        settle_note(note=found, by=request.user, **form.values())
        return row.get_absolute_url()

    lead = {
        "extend": _(
            "Followed, the agreement is drafted anew with the later end. Otherwise the placement goes on as it is."
        ),
        "end": _("Followed, the placement ends now. Otherwise it goes on as it is."),
    }
    return _page(request, row, form, settle, _("Settle it"), lead=lead.get(found.verdict, ""))


def placement_evaluate(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.evaluate", pk)
    side = side_of(row, request.user)
    about = "intern" if side == "mentor" else "host"
    criteria = [one for one in row.cohort.programme.criteria if one["about"] == about]
    form = EvaluationForm(sent(request), criteria=criteria)

    def give() -> str:
        evaluate(placement=row, by=request.user, **form.values())
        messages.success(request, _("Both evaluations are shown when both are in."))
        return row.get_absolute_url()

    return _page(request, row, form, give, _("Evaluate"), lead=_("5 is best. It cannot be changed once it is given."))


def placement_remind(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "programme.manage", pk)
    return act(
        request, lambda: remind(placement=row, by=request.user), to=row.get_absolute_url(), said=_("They are reminded.")
    )


def placement_certificate(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = _placement(request, "placement.manage", pk)
    return act(
        request, lambda: attest_placement(placement=row, by=request.user), to=row.get_absolute_url(),
        said=_("Proposed. It is issued when somebody else approves it."),
    )  # fmt: skip


def _papers(row: Placement, user: Any) -> dict[str, Any]:
    """The agreements and the project that the placement names, where the person may open them."""
    keys = [key for key in (row.agreement_id, row.host_agreement_id) if key]
    open_to = (
        set(Agreement.objects.visible_to(user).filter(pk__in=keys).values_list("pk", flat=True)) if keys else set()
    )
    sees = row.project is not None and Project.objects.visible_to(user).filter(pk=row.project_id).exists()
    return {
        "agreement_opens": row.agreement_id in open_to,
        "host_agreement_opens": row.host_agreement_id in open_to,
        "project_opens": sees,
        "project_told": sees or projects_told(user).filter(pk=row.pk).exists(),
    }


def _signed_for(user: Any, row: Placement) -> AgreementVersion | None:
    """What the three have signed, for those who take part."""
    version = signed_version(row)
    return (
        version
        if version and visible_to(user, "placement.view", row.signatures.filter(version_signed=version)).exists()
        else None
    )


def _may_attest(row: Placement, user: Any) -> bool:
    if row.state != PlacementState.COMPLETED or certificate_of(row).filter(state__in=sorted(LIVE)).exists():
        return False
    return "certificate.propose" in allowed(user, row.university, "certificate.propose")


def _moves(row: Placement) -> list[tuple[str, Any]]:
    return [(move, words) for move, words in MOVE_WORDS.items() if PLACEMENT_MOVES.allows(move, row.state)]


def _placement(request: HttpRequest, word: str, pk: UUID) -> Placement:
    return get_or_404(request.user, word, Placement.objects.with_names(), pk=pk)


def _page(request: HttpRequest, row: Placement, form: Any, done: Any, title: str, lead: str = "") -> HttpResponse:
    return form_page(request, form, done, title, lead=lead or str(row), back=row.get_absolute_url())
