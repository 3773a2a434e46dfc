"""People, organisations, memberships (role, scope, dates) and personal tokens."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.roles import ORGANISATION_ROLES, PROJECT_ROLES, Role
from collab.kernel.names import DisplayNameValidator
from collab.kernel.records import Record


class OrganisationKind(models.TextChoices):
    UNIVERSITY = "university", _("University")
    COMPANY = "company", _("Company")
    PUBLIC_BODY = "public_body", _("Public body")
    OTHER = "other", _("Other")


class Organisation(Record):
    """A legal person that can be a party: a university, a company."""

    slug = models.SlugField(_("short name"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=OrganisationKind.choices)
    country = models.CharField(_("country"), max_length=2, blank=True, help_text=_("Two letters, as in ISO 3166."))
    email_domain = models.CharField(_("e-mail domain"), max_length=120, blank=True)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name


class UserManager(BaseUserManager["User"]):
    """People sign in with their e-mail address; there is no user name."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True, validators=[DisplayNameValidator()])
    language = models.CharField(
        _("language"), max_length=10, blank=True, default="", help_text=_("Empty: as the browser asks.")
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []
    objects = UserManager()  # type: ignore[misc,assignment]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["name", "email"]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)


class MembershipQuerySet(models.QuerySet["Membership"]):
    def active(self, at: datetime | None = None) -> MembershipQuerySet:
        """Begun, not ended; the end is exclusive."""
        at = at or timezone.now()
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=at), starts_at__lte=at)

    def of(self, user: User) -> MembershipQuerySet:
        return self.filter(user=user)

    def in_projects(self) -> MembershipQuerySet:
        return self.filter(project__isnull=False)

    def of_project(self, project: object) -> MembershipQuerySet:
        return self.filter(project=project)

    def acting_in(self, project: object, organisations: object) -> MembershipQuerySet:
        """Roles in the project, and those in `organisations` (its parties) that reach into it."""
        reach = [role for role in ORGANISATION_ROLES if role != Role.EMPLOYEE]
        return self.filter(
            Q(project=project) | Q(project=None, role__in=reach), organisation__in=organisations, user__is_active=True
        )

    def with_names(self) -> MembershipQuerySet:
        """What a list shows, in one query."""
        return self.select_related("user", "organisation")


class Membership(Record):
    """A person's role, for an organisation, on a scope (the organisation itself, or one project), between two dates."""

    user = models.ForeignKey("collab.User", models.PROTECT, related_name="memberships", verbose_name=_("person"))
    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="memberships", verbose_name=_("on behalf of")
    )
    project = models.ForeignKey(
        "collab.Project", models.PROTECT, null=True, blank=True, related_name="memberships", verbose_name=_("project")
    )
    role = models.CharField(_("role"), max_length=20, choices=[(r.value, r.label) for r in Role])
    starts_at = models.DateTimeField(_("starts"), default=timezone.now)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    granted_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("granted by")
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")), name="membership_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(project=None, role__in=[r.value for r in ORGANISATION_ROLES])
                | Q(project__isnull=False, role__in=[r.value for r in PROJECT_ROLES]),
                name="membership_role_fits_scope",
            ),
            # Two, because to a database an empty project is never the same as another empty one.
            models.UniqueConstraint(
                fields=["user", "organisation", "project", "role"],
                condition=Q(ends_at=None),
                name="membership_open_once",
            ),
            models.UniqueConstraint(
                fields=["user", "organisation", "role"],
                condition=Q(ends_at=None, project=None),
                name="membership_open_once_in_organisation",
            ),
        ]
        indexes = [models.Index(fields=["user", "project", "role"], name="membership_by_person")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.project or self.organisation}"

    @property
    def has_ended(self) -> bool:
        return self.ends_at is not None and self.ends_at <= timezone.now()


class TokenScope(models.TextChoices):
    READ = "read", _("Read only")
    WRITE = "write", _("Read and write")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def live(self, at: datetime | None = None) -> ApiTokenQuerySet:
        return self.filter(revoked_at=None, expires_at__gt=at or timezone.now(), user__is_active=True)


class ApiToken(Record):
    """A personal token for the REST API and the MLflow client: hashed, scoped, expiring. Shown once."""

    user = models.ForeignKey("collab.User", models.CASCADE, related_name="api_tokens", verbose_name=_("person"))
    name = models.CharField(_("name"), max_length=80, validators=[DisplayNameValidator()])
    hint = models.CharField(_("begins with"), max_length=12, editable=False)
    digest = models.CharField(_("digest"), max_length=64, unique=True, editable=False)
    scope = models.CharField(_("scope"), max_length=10, choices=TokenScope.choices, default=TokenScope.READ)
    project = models.ForeignKey(
        "collab.Project",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only for project"),
    )
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def active(self, at: datetime | None = None) -> DelegationQuerySet:
        """Begun, not over, not taken back; the end is exclusive."""
        at = at or timezone.now()
        return self.filter(starts_at__lte=at, ends_at__gt=at, revoked_at=None)

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> DelegationQuerySet:
        return self.filter(starts_at__lt=ends_at, ends_at__gt=starts_at, revoked_at=None)

    def with_names(self) -> DelegationQuerySet:
        return self.select_related("delegator", "delegate", "organisation")


class Delegation(Record):
    """An absence: who answers requests instead, for one organisation or all. It never reaches a signature."""

    delegator = models.ForeignKey("collab.User", models.PROTECT, related_name="absences", verbose_name=_("away"))
    delegate = models.ForeignKey(
        "collab.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="stands_in",
        verbose_name=_("answers instead"),
        help_text=_("Empty: nobody stands in."),
    )
    organisation = models.ForeignKey(
        Organisation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("for"),
        help_text=_("Empty: for every organisation the two share."),
    )
    starts_at = models.DateTimeField(_("starts"), default=timezone.now)
    ends_at = models.DateTimeField(_("ends"))
    reason = models.CharField(_("reason"), max_length=200, blank=True, validators=[DisplayNameValidator()])
    revoked_at = models.DateTimeField(_("taken back"), null=True, blank=True, editable=False)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        verbose_name = _("delegation")
        verbose_name_plural = _("delegations")
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="delegation_ends_after_start"),
            models.CheckConstraint(
                condition=Q(delegate=None) | ~Q(delegate=F("delegator")), name="delegation_not_to_oneself"
            ),
        ]
        indexes = [
            models.Index(fields=["delegate", "starts_at"], name="delegation_by_delegate"),
            models.Index(fields=["delegator", "starts_at"], name="delegation_by_delegator"),
        ]

    def __str__(self) -> str:
        return f"{self.delegator} → {self.delegate or '–'}"

    @property
    def is_over(self) -> bool:
        return self.revoked_at is not None or self.ends_at <= timezone.now()

    @property
    def is_active(self) -> bool:
        return not self.is_over and self.starts_at <= timezone.now()
