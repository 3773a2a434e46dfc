"""Pages that put right what was given too fast: a claim that is not enough, a decision, a review, names of a form."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from collab.access.policy import get_or_404
from collab.ethics.correcting import correct_decision, refuse_claim, reopen_review
from collab.ethics.forms import CorrectForm, FormTextsForm, WordsForm
from collab.ethics.models import EthicsCase, EthicsForm, EthicsReview
from collab.ethics.services import condition_of, edit_form
from collab.kernel.errors import InvalidError
from collab.web.forms import act, sent, show, submit


def ethics_case_refuse(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """The answer to a claim that a condition is met: not enough, because."""
    case = _case(request, pk)
    found, form = condition_of(case, number), WordsForm(request.POST)
    if not form.is_valid():
        raise InvalidError(_("Say why it is not enough."), field="text")
    return act(
        request,
        lambda: refuse_claim(condition=found, reason=form.cleaned_data["text"], by=request.user),
        to=case.get_absolute_url(),
        said=_("The applicants are told why it is not enough."),
    )


def ethics_case_correct(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = _case(request, pk)
    rows = case.conditions.open().select_related("condition")
    form = CorrectForm(sent(request), case=case, conditions=list(rows))

    def correct() -> str:
        done = correct_decision(case=case, by=request.user, **form.values())
        messages.success(request, _("Corrected, and the people of the project are told."))
        return done.get_absolute_url()

    back = case.get_absolute_url()
    context = {"form": form, "case": case, "title": _("Correct the decision"), "back": back, "back_label": case}
    return submit(request, form, correct) or show(request, "collab/ethics/form.html", context, form)


def ethics_review_reopen(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = EthicsReview.objects.select_related("case__committee__organisation", "case__project")
    review = get_or_404(request.user, "ethics.review", rows, pk=pk)
    return act(
        request,
        lambda: reopen_review(review=review, by=request.user),
        to=review.get_absolute_url(),
        said=_("Go on with your review, and submit it again."),
    )


def ethics_form_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The names and notes of a questionnaire."""
    found = get_or_404(request.user, "ethics.manage", EthicsForm.objects.select_related("organisation"), pk=pk)
    form = FormTextsForm(sent(request), initial=FormTextsForm.about(found))

    def change() -> str:
        edit_form(form=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("The questionnaire was changed."))
        return found.get_absolute_url()

    context = {"form": form, "title": _("Names and notes"), "back": found.get_absolute_url(), "back_label": found}
    return submit(request, form, change) or show(request, "collab/ethics/form.html", context, form)


def _case(request: HttpRequest, pk: UUID) -> EthicsCase:
    return get_or_404(request.user, "ethics.chair", EthicsCase.objects.with_names(), pk=pk)
