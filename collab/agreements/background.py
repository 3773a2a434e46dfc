"""What each party brings along: the background register of a project, frozen into a version when it is sent."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.access.policy import require, visible_to
from collab.accounts.models import Organisation, User
from collab.agreements.assets import assets_of
from collab.agreements.ip import AccessCondition
from collab.audit.services import record
from collab.kernel.errors import ConflictError, InvalidError, StaleError
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.projects.models import Project, ProjectParty

if TYPE_CHECKING:
    from collab.access.policy import Person


class BackgroundQuerySet(models.QuerySet["BackgroundItem"]):
    def visible_to(self, user: Person, word: str = "agreement.view") -> BackgroundQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def declared(self) -> BackgroundQuerySet:
        return self.filter(withdrawn_on=None)


class BackgroundItem(Record):
    """Something a party owned before or beside the project. Joining does not change who owns it."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="background", verbose_name=_("project"))
    owner = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("owner"))
    title = models.CharField(_("what it is"), max_length=160, validators=[DisplayNameValidator()])
    description = models.TextField(_("description"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    asset_id = models.UUIDField(
        _("dataset"), null=True, blank=True, help_text=_("The dataset of the project that it is, if it is one.")
    )
    reference = models.URLField(_("where it is registered"), max_length=400, blank=True)
    restrictions = models.TextField(_("restrictions"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    usable_in_project = models.BooleanField(_("may be used in the project"), default=True)
    exploitation = models.CharField(
        _("when it is needed to use results"), max_length=20, choices=AccessCondition.choices, blank=True
    )
    declared_on = models.DateField(_("declared on"), default=timezone.localdate)
    withdrawn_on = models.DateField(_("withdrawn on"), null=True, blank=True)
    declared_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("declared by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = BackgroundQuerySet.as_manager()

    class Meta:
        verbose_name = _("background item")
        verbose_name_plural = _("background register")
        ordering = ["owner__name", "declared_on", "title"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "owner", "title"], condition=Q(withdrawn_on=None), name="background_declared_once"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_on=None) | Q(withdrawn_on__gte=F("declared_on")),
                name="background_withdrawn_after_declared",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.title}"

    def facts(self) -> dict[str, Any]:
        """What a version keeps of it."""
        return {
            "id": str(self.pk),
            "owner": str(self.owner_id),
            "title": self.title,
            "description": self.description,
            "asset": str(self.asset_id or ""),
            "reference": self.reference,
            "restrictions": self.restrictions,
            "usable_in_project": self.usable_in_project,
            "exploitation": self.exploitation,
            "declared_on": self.declared_on.isoformat(),
        }


EDITABLE = ("title", "description", "asset_id", "reference", "restrictions", "usable_in_project", "exploitation")


@transaction.atomic
def declare_background(
    *,
    project: Project,
    owner: Organisation,
    title: str,
    by: User,
    description: str = "",
    asset_id: UUID | None = None,
    reference: str = "",
    restrictions: str = "",
    usable_in_project: bool = True,
    exploitation: str = "",
    declared_on: date | None = None,
) -> BackgroundItem:
    """Enter what a party brings along."""
    require(by, "background.declare", project)
    require_party_of(project.pk, owner, field="owner")
    item = BackgroundItem(
        project=project,
        owner=owner,
        title=title,
        description=description,
        asset_id=asset_id,
        reference=reference,
        restrictions=restrictions,
        usable_in_project=usable_in_project,
        exploitation=exploitation,
        declared_on=declared_on or timezone.localdate(),
        declared_by=by,
    )
    _check(item, by)
    item.save()
    _record("background.declare", item, by)
    return item


@transaction.atomic
def edit_background(*, item: BackgroundItem, version: int, by: User, **changes: Any) -> BackgroundItem:
    """Change an entry. Versions that were sent keep what they said. Raises StaleError after another edit."""
    require(by, "background.declare", item)
    locked = _locked(item)
    if locked.version != version:
        raise StaleError(
            _now("Somebody changed it since you opened it. Read it again and repeat your change."),
            now={name: getattr(locked, name) for name in changes},
        )
    for name, value in changes.items():
        if name not in EDITABLE:
            raise InvalidError(_now("There is no such field."), field=name)
        setattr(locked, name, value)
    locked.version += 1
    _check(locked, by)
    locked.save()
    _record("background.edit", locked, by)
    return locked


@transaction.atomic
def withdraw_background(*, item: BackgroundItem, by: User) -> BackgroundItem:
    """End an entry from today on. What was signed with it stays signed."""
    require(by, "background.declare", item)
    locked = _locked(item)
    locked.withdrawn_on = timezone.localdate()
    locked.version += 1
    locked.save(update_fields=["withdrawn_on", "version"])
    _record("background.withdraw", locked, by)
    return locked


def require_party_of(project_id: UUID, organisation: Organisation, *, field: str) -> None:
    """Raises InvalidError unless the organisation is a party of the project today."""
    if not ProjectParty.objects.filter(project_id=project_id, organisation=organisation, left_on=None).exists():
        raise InvalidError(_now("%(name)s is not a party of this project.") % {"name": organisation}, field=field)


def _check(item: BackgroundItem, by: User) -> None:
    item.require_clean()
    if item.asset_id is not None and item.asset_id not in {asset.pk for asset in assets_of(by, item.project_id)}:
        raise InvalidError(_now("This dataset is not of this project."), field="asset_id")
    same = BackgroundItem.objects.declared().filter(project=item.project_id, owner=item.owner_id, title=item.title)
    if same.exclude(pk=item.pk).exists():
        raise InvalidError(_now("This party has declared an item of this name."), field="title")


def _locked(item: BackgroundItem) -> BackgroundItem:
    locked = BackgroundItem.objects.select_for_update(of=("self",)).select_related("owner").get(pk=item.pk)
    if locked.withdrawn_on is not None:
        raise ConflictError(_now("This entry was withdrawn."))
    return locked


def _record(verb: str, item: BackgroundItem, by: User) -> None:
    record(
        verb=verb,
        subject=item,
        by=by,
        project_id=item.project_id,
        data={"title": item.title, "owner": item.owner.slug},
    )
