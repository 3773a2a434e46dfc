"""Pages beside the agreements: templates, the background register, approval steps of an organisation."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from collab.access.policy import allowed, get_or_404, require, visible_to
from collab.accounts.models import Organisation, User
from collab.agreements.approvals import ApprovalStep
from collab.agreements.approving import add_step, edit_step, retire_step
from collab.agreements.assets import assets_named
from collab.agreements.background import BackgroundItem, declare_background, edit_background, withdraw_background
from collab.agreements.forms import BackgroundForm, OwnTemplateForm, StepEditForm, StepForm
from collab.agreements.library import AgreementTemplate
from collab.agreements.own_templates import (
    FILE_BYTES_MAX,
    publish_own,
    read_template,
    retire_template,
    write_template,
)
from collab.kernel.errors import InvalidError
from collab.projects.models import Project
from collab.web.downloads import attachment
from collab.web.forms import act, sent, show, submit


def template_list(request: HttpRequest) -> HttpResponse:
    """The texts one can begin from."""
    rows = AgreementTemplate.objects.offered_to(request.user).select_related("organisation")
    manages = visible_to(request.user, "organisation.manage", Organisation.objects.all()).exists()
    context = {"rows": rows.prefetch_related("versions"), "may_publish": manages}
    return show(request, "collab/agreements/templates.html", context)


def template_new(request: HttpRequest) -> HttpResponse:
    """Publish a text of one's own house, or its next version."""
    mine = visible_to(request.user, "organisation.manage", Organisation.objects.all()).order_by("name")
    form = OwnTemplateForm(sent(request), sent(request) and request.FILES, organisations=mine)

    def publish() -> str:
        given = form.values()
        read = read_template(given["file"].read(FILE_BYTES_MAX + 1))
        version = publish_own(organisation=given["organisation"], by=request.user, **read)
        messages.success(request, _("Published. Those who draft for your organisation find it first."))
        return version.template.get_absolute_url()

    context = {"form": form, "may_publish": mine.exists()}
    return submit(request, form, publish) or show(request, "collab/agreements/template_new.html", context, form)


def template_file(request: HttpRequest, code: str) -> HttpResponse:
    """The newest version as a file that people can change and publish as their own."""
    template = get_or_404(request.user, "organisation.view", AgreementTemplate.objects.all(), code=code)
    version = template.versions.select_related("template")[:1].get()
    content = write_template(version).encode()
    digest = hashlib.sha256(content).hexdigest()
    return attachment(content, f"{template.code}.toml", digest, "application/toml")


def template_retire(request: HttpRequest, code: str) -> HttpResponse:
    template = get_or_404(request.user, "organisation.manage", AgreementTemplate.objects.all(), code=code)
    return act(
        request,
        lambda: retire_template(template=template, by=request.user),
        to=reverse("collab:templates"),
        said=_("It is offered no more. What was written from it stays."),
    )


def template_page(request: HttpRequest, code: str) -> HttpResponse:
    """A template in both languages, with its blanks."""
    rows = AgreementTemplate.objects.select_related("organisation").prefetch_related("versions")
    template = get_or_404(request.user, "organisation.view", rows, code=code)
    version = template.versions.all()[0]
    may = allowed(request.user, template, "organisation.manage")
    context = {
        "template": template,
        "version": version,
        "fields": version.field_list(),
        "may_retire": template.organisation_id is not None and template.is_active and "organisation.manage" in may,
    }
    return show(request, "collab/agreements/template.html", context)


def background(request: HttpRequest, slug: str) -> HttpResponse:
    """What each party of a project brings along."""
    project = get_or_404(request.user, "agreement.view", Project.objects.all(), slug=slug)
    if request.method == "POST":
        require(request.user, "background.declare", project)
    form = BackgroundForm(sent(request), project=project, user=request.user)

    def declare() -> str:
        declare_background(project=project, by=request.user, **form.values())
        messages.success(request, _("Declared. The next version that is sent is frozen with it."))
        return reverse("collab:background", args=[slug])

    rows = list(BackgroundItem.objects.filter(project=project).visible_to(request.user).select_related("owner"))
    assets = assets_named(request.user, (row.asset_id for row in rows))
    for row in rows:
        row.asset = assets.get(row.asset_id)  # type: ignore[attr-defined]
    context = {
        "project": project,
        "rows": [row for row in rows if row.withdrawn_on is None],
        "withdrawn": [row for row in rows if row.withdrawn_on is not None],
        "form": form if "background.declare" in allowed(request.user, project, "background.declare") else None,
    }
    return submit(request, form, declare) or show(request, "collab/agreements/background.html", context, form)


def background_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    item = _item(request, pk)
    form = BackgroundForm(sent(request), project=item.project, user=request.user, item=item)

    def edit() -> str:
        read = form.cleaned_data.get("edit") or 0
        edit_background(item=item, version=read, by=request.user, **form.values())
        return reverse("collab:background", args=[item.project.slug])

    context = {"form": form, "item": item, "project": item.project}
    return submit(request, form, edit) or show(request, "collab/agreements/background_edit.html", context, form)


def background_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    item = _item(request, pk)
    return act(
        request,
        lambda: withdraw_background(item=item, by=request.user),
        to=reverse("collab:background", args=[item.project.slug]),
        said=_("Withdrawn. What was signed with it stays signed."),
    )


def _item(request: HttpRequest, pk: UUID) -> BackgroundItem:
    return get_or_404(
        request.user, "background.declare", BackgroundItem.objects.select_related("project", "owner"), pk=pk
    )


def approval_steps(request: HttpRequest) -> HttpResponse:
    """What must be approved inside one's organisation before it signs."""
    mine = visible_to(request.user, "organisation.manage", Organisation.objects.all()).order_by("name")
    form = StepForm(sent(request), organisations=mine)

    def add() -> str:
        given = form.values()
        receiver = _receiver(given.pop("receiver"), given["organisation"])
        add_step(by=request.user, receiver=receiver, **given)
        messages.success(request, _("The step counts from the next submission on."))
        return reverse("collab:approval_steps")

    rows = visible_to(request.user, "organisation.manage", ApprovalStep.objects.filter(is_active=True))
    context = {"rows": rows.select_related("organisation", "receiver"), "form": form if mine.exists() else None}
    return submit(request, form, add) or show(request, "collab/agreements/steps.html", context, form)


def approval_step_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    step = get_or_404(
        request.user, "organisation.manage", ApprovalStep.objects.select_related("organisation", "receiver"), pk=pk
    )
    form = StepEditForm(sent(request), step=step)

    def edit() -> str:
        given = form.values()
        receiver = _receiver(given.pop("receiver"), step.organisation)
        edit_step(step=step, version=form.cleaned_data["edit"] or 0, by=request.user, receiver=receiver, **given)
        messages.success(request, _("The step counts like this from the next submission on."))
        return reverse("collab:approval_steps")

    return submit(request, form, edit) or show(
        request, "collab/agreements/step_edit.html", {"form": form, "step": step}, form
    )


def _receiver(email: str, organisation: Organisation) -> User | None:
    found = User.objects.filter(email__iexact=email, memberships__organisation=organisation).first()
    if email and found is None:
        raise InvalidError(_("Nobody of this organisation has that address."), field="receiver")
    return found


def approval_step_retire(request: HttpRequest, pk: UUID) -> HttpResponse:
    step = get_or_404(request.user, "organisation.manage", ApprovalStep.objects.select_related("organisation"), pk=pk)
    return act(
        request,
        lambda: retire_step(step=step, version=step.version, by=request.user),
        to=reverse("collab:approval_steps"),
        said=_("The step is no longer asked for."),
    )
