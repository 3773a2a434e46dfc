"""Pages of offers: for the office, for everybody, and for those who are bound to confidence."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, decide, get_or_404
from collab.accounts.models import User
from collab.agreements.ip import PartnerRight
from collab.kernel.errors import NotFoundError
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.protection.models import Protection
from collab.transfer.protection.offer_forms import (
    InterestAddForm,
    InterestEditForm,
    InterestForm,
    OfferEditForm,
    OfferFilter,
    OfferForm,
    TechnologyFilter,
)
from collab.transfer.protection.offering import (
    add_interest,
    edit_interest,
    edit_offer,
    leave_interest,
    move_interest,
    nda_missing,
    open_more,
    publish_offer,
    withdraw_offer,
    write_offer,
)
from collab.transfer.protection.offers import Interest, Offer
from collab.transfer.protection.states import ALIVE, INTEREST_MOVE_WORDS, INTEREST_MOVES
from collab.transfer.rooms import rooms_of
from collab.web.errors import page_or_json
from collab.web.forms import act, sent, show, submit
from collab.web.pagination import page_of
from collab.web.rates import too_often

INTERESTS_PER_HOUR = 10  # from one address
_FIELDS = (
    "title", "title_zh", "field", "field_zh", "text", "text_zh", "advantages", "advantages_zh", "readiness", "sought",
    "sought_zh", "more", "contact",
)  # fmt: skip


# --- for the office
def offers(request: HttpRequest) -> HttpResponse:
    """The offers of the organisations whose cases one may see."""
    rows = Offer.objects.visible_to(request.user, "case.view").with_names().with_interest()
    found = OfferFilter(request.GET, queryset=rows)
    context = {"page": page_of(request, found.qs), "filter": found, "rooms": rooms_of(request.user, "offers")}
    return show(request, "collab/transfer/protection/offers.html", context)


def offer_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    case = get_or_404(request.user, "offer.manage", TransferCase.objects.with_rows(), pk=pk)
    disclosure = getattr(case, "disclosure", None)
    shown: dict[str, Any] = {"contact": request.user.pk}
    if disclosure is not None:
        shown |= {"title": disclosure.title[:160], "title_zh": disclosure.title_zh[:160], "text": disclosure.summary}
    form = OfferForm(sent(request), case=case, initial=shown)

    def write() -> str:
        made = write_offer(case=case, by=request.user, **form.values())
        messages.success(request, _("Saved as a draft. Nobody outside the office reads it before it is published."))
        return made.get_absolute_url()

    return _form(
        request, case, form, write, _("Offer this technology"), reverse("collab:case_protection", args=[case.pk])
    )


def offer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is offered, who may read what of it, and who is interested."""
    found = get_or_404(request.user, "case.view", Offer.objects.with_names(), pk=pk)
    case = found.case
    bound = set(Interest.objects.filter(offer=found).under_nda().values_list("pk", flat=True))
    interests = list(Interest.objects.filter(offer=found).select_related("organisation", "handled_by"))
    for row in interests:
        row.is_bound = row.pk in bound  # type: ignore[attr-defined]
    disclosure = getattr(case, "disclosure", None)
    rights = disclosure.funding.exclude(right=PartnerRight.NONE).select_related("sponsor") if disclosure else []
    context = {
        "offer": found,
        "case": case,
        "interests": interests,
        "rights": list(rights),
        "is_filed": Protection.objects.filter(family__case=case, status__in=ALIVE).exists(),
        "public_url": request.build_absolute_uri(found.get_public_url()),
        "may": allowed(request.user, found, "offer.manage"),
    }
    return show(request, "collab/transfer/protection/offer.html", context)


def offer_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _offer(request, pk)
    shown = {name: getattr(found, name) for name in (*_FIELDS, "version")}
    form = OfferEditForm(sent(request), case=found.case, initial=shown | {"contact": found.contact_id})

    def change() -> str:
        edit_offer(offer=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return found.get_absolute_url()

    return _form(request, found.case, form, change, _("Change the offer"), found.get_absolute_url())


def offer_publish(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _offer(request, pk)
    return act(
        request,
        lambda: publish_offer(offer=found, by=request.user),
        to=found.get_absolute_url(),
        said=_("Everybody can read it now."),
    )


def offer_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _offer(request, pk)
    return act(
        request,
        lambda: withdraw_offer(offer=found, by=request.user),
        to=found.get_absolute_url(),
        said=_("It is no longer public."),
    )


def interest_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _offer(request, pk)
    form = InterestAddForm(sent(request))

    def add() -> str:
        made = add_interest(offer=found, by=request.user, **form.values())
        messages.success(request, _("Entered."))
        return reverse("collab:interest", args=[made.pk])

    return _form(request, found.case, form, add, _("Enter a company"), found.get_absolute_url())


def interest(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One company: what it wrote, which organisation it is, what may be shown to it."""
    word = "offer.manage" if request.method == "POST" else "case.view"
    rows = Interest.objects.select_related(
        "offer__case__organisation", "offer__case__disclosure", "organisation", "handled_by"
    )
    found = get_or_404(request.user, word, rows, pk=pk)
    shown = {"organisation": found.organisation_id, "note": found.note, "version": found.version}
    form = InterestEditForm(sent(request), interest=found, initial=shown)

    def change() -> str:
        edit_interest(interest=found, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return request.path

    may = allowed(request.user, found, "offer.manage")
    context = {
        "interest": found,
        "offer": found.offer,
        "case": found.offer.case,
        "form": form,
        "may": may,
        "may_license": found.may_become_licence
        and bool(allowed(request.user, found.offer.case.organisation, "licence.draft")),
        "case_key": str(found.offer.case_id),
        "missing": nda_missing(found),
        "moves": [(move, INTEREST_MOVE_WORDS[move]) for move in INTEREST_MOVES.open_from(found.state)],
        "nda_url": _nda_url(request, found),
    }
    return submit(request, form, change) or show(request, "collab/transfer/protection/interest.html", context, form)


def interest_move(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_or_404(
        request.user, "offer.manage", Interest.objects.select_related("offer__case", "organisation"), pk=pk
    )
    return act(
        request,
        lambda: move_interest(interest=found, move=request.POST.get("move", "")[:20], by=request.user),
        to=reverse("collab:interest", args=[found.pk]),
        said=_("Recorded."),
    )


def _nda_url(request: HttpRequest, found: Interest) -> str:
    """Where the agreement that is missing can be drafted: a project of both, or a new one."""
    if found.organisation is None:
        return ""
    both = found.offer.case.organisation.project_parties.filter(
        left_on=None,
        project__parties__organisation=found.organisation,
        project__parties__left_on=None,
    ).select_related("project")
    party = both.order_by("-joined_on").first()
    if party is None:
        return reverse("collab:project_new")
    return reverse("collab:agreement_new", args=[party.project.slug]) + "?kind=nda"


# --- for everybody
def technologies(request: HttpRequest) -> HttpResponse:
    """What is offered, without signing in."""
    found = TechnologyFilter(request.GET, queryset=Offer.objects.published().with_names())
    context = {"page": page_of(request, found.qs, size=12), "filter": found}
    return show(request, "collab/transfer/protection/technologies.html", context)


def technology(request: HttpRequest, slug: str) -> HttpResponse:
    """One technology, and the form for a company that wants to know more."""
    found = Offer.objects.published().with_names().filter(slug=slug).first()
    if found is None:
        raise NotFoundError
    user = request.user if isinstance(request.user, User) else None
    form = InterestForm(sent(request), user=user)

    def leave() -> HttpResponse | str:
        if not form.is_from_a_program:
            leave_interest(offer=found, person=user, **form.values())
        return f"{found.get_public_url()}?thanks=1#interest"

    if request.method == "POST" and too_often(request, "interest", limit=INTERESTS_PER_HOUR, seconds=3600):
        response = page_or_json(request, status=429)
        response["Retry-After"] = "3600"
        return response
    context = {
        "offer": found,
        "form": form,
        "thanks": "thanks" in request.GET,
        "may_read": user is not None and bool(decide(user, "offer.read", found)),
        "others": Offer.objects.published()
        .filter(case__organisation=found.case.organisation_id)
        .exclude(pk=found.pk)[:4],
    }
    return submit(request, form, leave) or show(request, "collab/transfer/protection/technology.html", context, form)


def technology_more(request: HttpRequest, slug: str) -> HttpResponse:
    """The confidential part, for people of a company that is bound. Who was shown it is history."""
    found = get_or_404(request.user, "offer.read", Offer.objects.with_names(), slug=slug)
    if request.method != "HEAD":
        open_more(offer=found, by=request.user)
    rows = Protection.objects.filter(family__case=found.case, status__in=ALIVE).select_related("family__case")
    return show(request, "collab/transfer/protection/more.html", {"offer": found, "protections": rows})


# --- what the pages share
def _offer(request: HttpRequest, pk: UUID) -> Offer:
    return get_or_404(request.user, "offer.manage", Offer.objects.with_names(), pk=pk)


def _form(request: HttpRequest, case: TransferCase, form: Any, done: Any, title: str, back: str) -> HttpResponse:
    context = {"form": form, "case": case, "title": title, "back": back, "tone": "primary"}
    return submit(request, form, done) or show(request, "collab/transfer/protection/form.html", context, form)
