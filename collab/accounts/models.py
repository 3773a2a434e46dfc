"""People, organisations, memberships (role, scope, dates), invitations, reviews and personal tokens."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.roles import ORGANISATION_ROLES, PROJECT_ROLES, REACHING_ROLES, Role
from collab.accounts.states import InvitationState, ReviewDecision
from collab.kernel.identifiers import OrcidValidator, RorValidator, canonical_domain
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record


class OrganisationKind(models.TextChoices):
    UNIVERSITY = "university", _("University")
    COMPANY = "company", _("Company")
    PUBLIC_BODY = "public_body", _("Public body")
    OTHER = "other", _("Other")


def _domains(value: Any) -> None:
    if not isinstance(value, list) or len(value) > 20:
        raise ValidationError(_("Write up to 20 e-mail domains."))
    for domain in value:
        if not isinstance(domain, str) or canonical_domain(domain) != domain:
            raise ValidationError(_("Write e-mail domains in small letters, without “@”."))


class Organisation(Record):
    """A legal person that can be a party: a university, a company.

    Nobody has verified the e-mail domains: they hint whom one invites, or limit it (`domains_only`), and prove nothing.
    """

    slug = models.SlugField(_("short name"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True, validators=[PlainTextValidator()])
    kind = models.CharField(_("kind"), max_length=20, choices=OrganisationKind.choices)
    country = models.CharField(
        _("country"),
        max_length=2,
        blank=True,
        validators=[RegexValidator("^[A-Z]{2}$", _("Write two capital letters, for example CN."))],
        help_text=_("Two letters, as in ISO 3166."),
    )
    ror = models.CharField(_("ROR id"), max_length=9, blank=True, validators=[RorValidator()])
    registration_id = models.CharField(
        _("registration number"), max_length=60, blank=True, validators=[PlainTextValidator()]
    )
    website = models.URLField(
        _("website"), max_length=200, blank=True, validators=[URLValidator(schemes=["http", "https"])]
    )
    email_domains = models.JSONField(_("e-mail domains"), default=list, blank=True, validators=[_domains])
    domains_only = models.BooleanField(
        _("only these domains"), default=False, help_text=_("Invitations go to addresses of these domains only.")
    )
    review_months = models.PositiveSmallIntegerField(
        _("months between reviews of the members"), null=True, blank=True, help_text=_("Empty: no regular review.")
    )
    review_due_on = models.DateField(_("next review of the members"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["ror"], condition=~Q(ror=""), name="organisation_ror_once"),
            models.CheckConstraint(
                condition=Q(review_months=None) | Q(review_months__range=(1, 60)), name="organisation_review_interval"
            ),
        ]

    def __str__(self) -> str:
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name

    def get_absolute_url(self) -> str:
        return reverse("collab:organisation", args=[self.slug])

    def has_domain(self, email: str) -> bool:
        """Whether the address belongs to one of the domains, or to a part of one."""
        domain = email.lower().rpartition("@")[2]
        return any(domain == own or domain.endswith(f".{own}") for own in self.email_domains)


class OrganisationUnit(Record):
    """A faculty, an institute, a department: a tree below the organisation."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="units", verbose_name=_("organisation"))
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True, validators=[PlainTextValidator()])
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="parts", verbose_name=_("part of")
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("unit")
        verbose_name_plural = _("units")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(parent=None) | ~Q(parent=F("pk")), name="unit_not_in_itself"),
            models.UniqueConstraint(fields=["parent", "name"], name="unit_name_once"),
            models.UniqueConstraint(
                fields=["organisation", "name"], condition=Q(parent=None), name="unit_name_once_at_the_top"
            ),
        ]

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

    orcid = models.CharField(_("ORCID iD"), max_length=19, blank=True, validators=[OrcidValidator()])
    sign_outs = models.PositiveIntegerField(default=0, editable=False)  # part of what every session must know

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()  # type: ignore[misc,assignment]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["name", "email"]
        constraints = [models.UniqueConstraint(fields=["orcid"], condition=~Q(orcid=""), name="person_orcid_once")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_absolute_url(self) -> str:
        return reverse("collab:person", args=[self.pk])

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """A session knows it; counting `sign_outs` up ends them all, on every device."""
        salt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
        value = f"{self.password}{self.sign_outs or ''}"
        return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()

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

    def as_student(self) -> MembershipQuerySet:
        return self.filter(project=None, role=Role.STUDENT)

    def in_organisations(self) -> MembershipQuerySet:
        return self.filter(project=None)

    def open_ended(self, at: datetime | None = None) -> MembershipQuerySet:
        """In force and without an end, of somebody who can sign in: what the last admin or lead must not lose."""
        return self.active(at).filter(ends_at=None, user__is_active=True)

    def in_projects(self) -> MembershipQuerySet:
        return self.filter(project__isnull=False)

    def of_project(self, project: object) -> MembershipQuerySet:
        return self.filter(project=project)

    def acting_in(self, project: object, organisations: object) -> MembershipQuerySet:
        """Roles in the project, and those in `organisations` (its parties) that reach into it."""
        return self.filter(
            Q(project=project) | Q(project=None, role__in=REACHING_ROLES),
            organisation__in=organisations,
            user__is_active=True,
        )

    def with_names(self) -> MembershipQuerySet:
        """What a list shows, in one query."""
        return self.select_related("user", "organisation", "unit", "granted_by")


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
    unit = models.ForeignKey(
        OrganisationUnit, models.PROTECT, null=True, blank=True, related_name="memberships", verbose_name=_("unit")
    )
    job_title = models.CharField(_("job title"), max_length=120, blank=True, validators=[PlainTextValidator()])
    limits = models.CharField(
        _("may sign"),
        max_length=300,
        blank=True,
        validators=[PlainTextValidator()],
        help_text=_("What a signatory may sign, for example “up to 50,000 EUR”. Empty: anything."),
    )
    version = models.PositiveIntegerField(default=1, editable=False)

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
            models.CheckConstraint(condition=Q(unit=None) | Q(project=None), name="membership_unit_in_organisation"),
            models.CheckConstraint(
                condition=Q(limits="") | Q(role=Role.SIGNATORY.value), name="membership_limits_of_signatory"
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

    @property
    def has_begun(self) -> bool:
        return self.starts_at <= timezone.now()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def pending(self, at: datetime | None = None) -> InvitationQuerySet:
        """Waiting for an answer; the date alone makes one expire."""
        return self.filter(state=InvitationState.PENDING, expires_at__gt=at or timezone.now())

    def unanswered(self) -> InvitationQuerySet:
        """Pending, also those whose time is over."""
        return self.filter(state=InvitationState.PENDING)

    def with_names(self) -> InvitationQuerySet:
        return self.select_related("organisation", "project", "invited_by", "accepted_by")


class Invitation(Record):
    """Somebody is asked by e-mail to act for an organisation, and perhaps in a project. Its link works once."""

    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="invitations", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=20, choices=[(r.value, r.label) for r in ORGANISATION_ROLES])
    project = models.ForeignKey(
        "collab.Project", models.PROTECT, null=True, blank=True, related_name="invitations", verbose_name=_("project")
    )
    project_role = models.CharField(
        _("role in the project"), max_length=20, blank=True, choices=[(r.value, r.label) for r in PROJECT_ROLES]
    )
    email = models.EmailField(_("e-mail"))
    language = models.CharField(_("language of the mail"), max_length=10, default="en")
    message = models.TextField(_("message"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    invited_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("invited by"))
    role_ends_at = models.DateTimeField(_("the role ends"), null=True, blank=True)
    expires_at = models.DateTimeField(_("valid until"))
    digest = models.CharField(_("digest"), max_length=64, unique=True, editable=False)
    state = models.CharField(
        _("state"),
        max_length=20,
        choices=[(s.value, s.value) for s in InvitationState],
        default=InvitationState.PENDING,
    )
    sent_at = models.DateTimeField(_("mail sent"), null=True, blank=True, editable=False)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True, editable=False)
    accepted_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("accepted by")
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(project=None, project_role="")
                | Q(project__isnull=False, project_role__in=[r.value for r in PROJECT_ROLES]),
                name="invitation_role_fits_project",
            ),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in ORGANISATION_ROLES]), name="invitation_role_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in InvitationState]), name="invitation_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state=InvitationState.ACCEPTED, accepted_by__isnull=False)
                | (~Q(state=InvitationState.ACCEPTED) & Q(accepted_by=None)),
                name="invitation_accepted_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["organisation", "email"],
                condition=Q(state=InvitationState.PENDING),
                name="invitation_pending_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.organisation}"

    @property
    def state_now(self) -> InvitationState:
        """The state with the date looked at."""
        if self.state == InvitationState.PENDING and self.expires_at <= timezone.now():
            return InvitationState.EXPIRED
        return InvitationState(self.state)


class MembershipReviewQuerySet(models.QuerySet["MembershipReview"]):
    def unfinished(self) -> MembershipReviewQuerySet:
        return self.filter(finished_at=None)


class MembershipReview(Record):
    """Somebody goes through the roles of an organisation, or of a project, and confirms or ends each.

    An overdue review is shown and ends nothing: only a person's decision does.
    """

    organisation = models.ForeignKey(
        Organisation,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reviews",
        verbose_name=_("organisation"),
    )
    project = models.ForeignKey(
        "collab.Project",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="membership_reviews",
        verbose_name=_("project"),
    )
    due_on = models.DateField(_("due on"))
    opened_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("opened by"))
    finished_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("finished by")
    )
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = MembershipReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership review")
        verbose_name_plural = _("membership reviews")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(organisation=None, project__isnull=False) | Q(organisation__isnull=False, project=None),
                name="review_of_one_scope",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None, finished_by=None)
                | Q(finished_at__isnull=False, finished_by__isnull=False),
                name="review_finished_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["organisation"],
                condition=Q(finished_at=None, project=None),
                name="review_open_once_in_organisation",
            ),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(finished_at=None, organisation=None),
                name="review_open_once_in_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} · {self.due_on}"

    @property
    def scope(self) -> Any:
        """The organisation or the project."""
        return self.project if self.organisation_id is None else self.organisation

    @property
    def is_overdue(self) -> bool:
        return self.finished_at is None and self.due_on < timezone.localdate()

    def get_absolute_url(self) -> str:
        return reverse("collab:membership_review", args=[self.pk])


class ReviewItem(Record):
    """One role in a review, and what was decided about it."""

    review = models.ForeignKey(MembershipReview, models.CASCADE, related_name="items", verbose_name=_("review"))
    membership = models.ForeignKey(Membership, models.PROTECT, related_name="review_items", verbose_name=_("role"))
    decision = models.CharField(
        _("decision"), max_length=10, blank=True, choices=[(d.value, d.value) for d in ReviewDecision]
    )
    reason = models.CharField(_("reason"), max_length=300, blank=True, validators=[PlainTextValidator()])
    decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("item of a review")
        verbose_name_plural = _("items of a review")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["review", "membership"], name="review_item_once"),
            models.CheckConstraint(
                condition=Q(decision="", decided_by=None, decided_at=None)
                | Q(
                    decision__in=[d.value for d in ReviewDecision],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="review_item_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(decision=ReviewDecision.END) | ~Q(reason=""), name="review_item_end_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return str(self.membership)


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


class AnsweredRequest(Record):
    """What was answered to a request with an Idempotency-Key, so that the same one sent again gets the same answer."""

    user = models.ForeignKey("collab.User", models.CASCADE, related_name="+", verbose_name=_("person"))
    key = models.CharField(_("key"), max_length=80)
    path = models.CharField(_("address"), max_length=400)
    body_sha256 = models.CharField(_("hash of what was sent"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"))
    answer = models.JSONField(_("answer"), null=True)
    headers = models.JSONField(_("headers"), default=dict)

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="request_answered_once")]
        indexes = [models.Index(fields=["created_at"], name="answered_by_age")]

    def __str__(self) -> str:
        return f"{self.path} · {self.created_at:%Y-%m-%d %H:%M}"


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
