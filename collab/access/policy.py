"""The one door: may this person do this to that, and if not, what is missing.

`visible_to` (which ones) and `can`/`decide` (this one) are built from the same conditions, so they cannot disagree.
A condition is SQL, evaluated on every request: an expired role, agreement or token stops working by itself.
Slices above register how their models hang on a project (`register_scope`) and what else a word needs
(`register_requirement`), so nothing here imports upward.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from collab.access.plans import Asking, Checks, StandIn, answers
from collab.access.roles import (
    ORGANISATION_ROLES,
    PROJECT_ROLES,
    READ_WORDS,
    ROLE_LABELS,
    ROLE_WORDS,
    SESSION_WORDS,
    WORDS,
    Role,
    roles_with,
)
from collab.accounts.models import ApiToken, Membership, Organisation, User
from collab.kernel.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

M = TypeVar("M", bound=Model)
Person = User | AnonymousUser
Condition = Callable[[User, datetime], Q | Exists]

NEVER = Q(pk__in=[])
ALWAYS = ~NEVER


@dataclass(frozen=True)
class Missing:
    """One thing that stands in the way, and where to mend it."""

    code: str
    sentence: StrOrPromise
    url: str = ""


@dataclass(frozen=True)
class Reason:
    """One thing that makes it possible: a role, an agreement, an acceptance."""

    code: str
    sentence: StrOrPromise
    url: str = ""


@dataclass(frozen=True)
class Decision:
    """`visible`: the person may know that the object exists. `missing` is empty exactly when allowed."""

    allowed: bool
    visible: bool
    missing: list[Missing] = field(default_factory=list)

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class Scope:
    """How rows of a model hang on a project, an organisation or a person: lookup paths, `pk` for the model itself.

    `grants` adds rows by what they say of themselves (a request names who answers it); `explain` says what is missing
    on such a row when the word is refused.
    `also` makes more rows visible than the paths say, for the view word alone.
    """

    view: str
    project: str | None = None
    organisation: str | None = None
    person: str | None = None
    everyone: bool = False
    grants: Callable[[User, str, datetime], Q] | None = None
    explain: Callable[[User, str, Any, datetime], Missing] | None = None
    also: Condition | None = None


@dataclass(frozen=True)
class Requirement:
    """Something a word needs on a model beside the role: a condition, and the sentence to show when it fails.

    Without a model it is about the person, and holds for the word on whatever it is asked of.
    """

    code: str
    words: frozenset[str]
    model: type[Model] | None
    condition: Condition
    explain: Callable[[User, Any, datetime], Missing]
    label: StrOrPromise = ""  # in one or two words, for tables
    because: Callable[[User, Any, datetime], list[Reason]] | None = None
    # What of this installation the condition is made of, beside person, moment and row: a setting, say.
    given: Callable[[], Hashable] = tuple


@dataclass(frozen=True)
class RoleNeed:
    """What the memberships of a role need beside their dates, and the sentence for one that lacks it."""

    condition: Callable[[], Q | Exists]
    explain: Callable[[Membership], Missing]


SCOPES: dict[type[Model], Scope] = {}
REQUIREMENTS: list[Requirement] = []
ROLE_NEEDS: dict[Role, RoleNeed] = {}

# Words asked while one request is served; DenyByDefaultMiddleware compares them with the route's rule.
asked_words: ContextVar[set[str] | None] = ContextVar("asked_words", default=None)


def register_scope(model: type[Model], scope: Scope) -> None:
    """Tell the policy how a model hangs on a project; `scope.view` is the word that makes its rows visible."""
    if scope.view not in WORDS:
        raise KeyError(f"{scope.view!r} is no permission word")
    SCOPES[model] = scope


def register_requirement(requirement: Requirement) -> None:
    """Add a condition to some words of a model. Registering the same code again replaces it."""
    unknown = requirement.words - WORDS.keys()
    if unknown:
        raise KeyError(f"{sorted(unknown)} are no permission words")
    REQUIREMENTS[:] = [known for known in REQUIREMENTS if known.code != requirement.code] + [requirement]


def register_role_need(role: Role, need: RoleNeed) -> None:
    """Let the memberships of a role count only while the condition holds for them; asked on every request."""
    ROLE_NEEDS[role] = need


def counting(rows: QuerySet[Membership], roles: Iterable[str] = tuple(ROLE_LABELS)) -> QuerySet[Membership]:
    """Those of the memberships whose role lacks nothing; only `roles` are looked at."""
    for role, need in ROLE_NEEDS.items():
        if role in roles:
            rows = rows.filter(~Q(role=role) | Q(need.condition()))
    return rows


def acting(user: User, token: ApiToken | None) -> User:
    """The person, limited to what the token allows (scope, project)."""
    user.token = token  # type: ignore[attr-defined]
    return user


def _token_q(user: User, word: str, scope: Scope) -> Q:
    token: ApiToken | None = getattr(user, "token", None)
    if token is None:
        return ALWAYS
    if token.scope == "read" and word not in READ_WORDS:
        return NEVER
    if word in SESSION_WORDS:
        return NEVER
    if token.project_id is None or (scope.everyone and word == scope.view):
        return ALWAYS
    return Q(**{scope.project: token.project_id}) if scope.project else NEVER


def role_q(user: User, word: str, model: type[Model], at: datetime, *, many: bool = False) -> Q:
    """The rows of `model` on which the person's active roles (and their token) hold the word.

    `many`: for lists, where finding the person's projects once costs less than asking anew for each row.
    """
    scope = SCOPES[model]
    roles = roles_with(word)
    mine = Membership.objects.filter(user=user).active(at)
    held = NEVER
    in_project = [role for role in roles if role in PROJECT_ROLES]
    in_house = [role for role in roles if role in ORGANISATION_ROLES]
    if scope.project and roles and many:
        held |= Q(**{f"{scope.project}__in": _projects_by_role(mine, in_project)})
        held |= Q(**{f"{scope.project}__in": _projects_of_houses(mine, in_house)})
    elif scope.project and roles:
        # Whoever acts for an organisation that has left the project acts no more.
        here = counting(mine, in_project).filter(
            Q(project=OuterRef(scope.project), role__in=in_project) | Q(project=None, role__in=in_house),
            organisation__project_parties__project=OuterRef(scope.project),
            organisation__project_parties__left_on=None,
        )
        held |= Q(Exists(here))
    if scope.organisation and in_house:
        held |= Q(Exists(mine.filter(project=None, organisation=OuterRef(scope.organisation), role__in=in_house)))
    if scope.person:
        held |= Q(**{scope.person: user.pk})
    if scope.grants:
        held |= scope.grants(user, word, at)
    if scope.everyone and word == scope.view:
        held = ALWAYS
    elif scope.also is not None and word == scope.view:
        held |= Q(scope.also(user, at))
    narrowed = _token_q(user, word, scope)
    return held if narrowed is ALWAYS else held & narrowed


def _projects_by_role(mine: QuerySet[Membership], roles: list[Role]) -> QuerySet[Any]:
    """Projects in which a role is held for an organisation that has not left."""
    here = counting(mine, roles).filter(
        role__in=roles,
        organisation__project_parties__project=F("project"),
        organisation__project_parties__left_on=None,
    )
    return here.values("project")


def _projects_of_houses(mine: QuerySet[Membership], roles: list[Role]) -> QuerySet[Any]:
    """Projects of the organisations in which a role is held, that they have not left."""
    houses = mine.filter(role__in=roles, project=None).values("organisation")
    parties = apps.get_model("collab", "ProjectParty")._default_manager
    return parties.filter(organisation__in=houses, left_on=None).values("project")


def _note(word: str) -> None:
    asked = asked_words.get()
    if asked is not None:
        asked.add(word)


def note_asked(word: str) -> None:
    """Say that a word was asked for where there is no row to ask it of."""
    _note(word)


def _known(user: Person) -> User | None:
    """Somebody who may act; what stands for them in a condition (`plans`) does too, for it was asked of them first."""
    return user if isinstance(user, User | StandIn) and user.is_active else None


def requirements_of(word: str, model: type[Model]) -> list[Requirement]:
    return [r for r in REQUIREMENTS if word in r.words and r.model in (None, model)]


def _given(model: type[Model], *words: str) -> list[Hashable]:
    """What of the installation these conditions are made of now."""
    return [need.given() for word in words for need in requirements_of(word, model)]


def _made_of(model: type[Model], *words: str) -> list[object]:
    """What the answer for these words hangs on, beside person, row and moment: tests register other parts."""
    parts: list[object] = [SCOPES[model], *ROLE_WORDS.values(), *ROLE_NEEDS.values()]
    return [*parts, *(need for word in words for need in requirements_of(word, model))]


def visible_to(user: Person, word: str, rows: QuerySet[M], at: datetime | None = None) -> QuerySet[M]:
    """Those of `rows` on which the person may do `word` now."""
    _note(word)
    known = _known(user)
    if known is None:
        return rows.none()
    at = at or timezone.now()
    rows = rows.filter(role_q(known, word, rows.model, at, many=True))
    for requirement in requirements_of(word, rows.model):
        rows = rows.filter(requirement.condition(known, at))
    return rows


def can(user: Person, word: str, obj: Model, at: datetime | None = None) -> bool:
    """Whether the person may do `word` to this object now: one query."""
    _note(word)
    known, model = _known(user), type(obj)
    if known is None:
        return False
    at = at or timezone.now()

    def checks(person: User, at: datetime) -> Checks:
        needs = {f"needs_{i}": r.condition(person, at) for i, r in enumerate(requirements_of(word, model))}
        return {"may_do": role_q(person, word, model, at), **needs}

    row = answers(("can", word, *_given(model, word)), _made_of(model, word), model, Asking(known, at, obj.pk), checks)
    return row is not None and all(row.values())


def allowed(user: Person, obj: Model, *words: str, at: datetime | None = None) -> set[str]:
    """Those of `words` that the person may do to this object now: one query, for the buttons of a page.

    It only chooses what to show, so it does not count as having asked for a route's word.
    """
    known = _known(user)
    if known is None:
        return set()
    at = at or timezone.now()
    model = type(obj)

    def checks(person: User, at: datetime) -> Checks:
        found: Checks = {"may_view": role_q(person, SCOPES[model].view, model, at)}
        for number, word in enumerate(words):
            found[f"role_{number}"] = role_q(person, word, model, at)
            for index, requirement in enumerate(requirements_of(word, model)):
                found[f"needs_{number}_{index}"] = requirement.condition(person, at)
        return found

    row = answers(
        ("allowed", words, *_given(model, *words)), _made_of(model, *words), model, Asking(known, at, obj.pk), checks
    )
    if row is None or not row.pop("may_view"):
        return set()
    refused = {int(name.split("_")[1]) for name, holds in row.items() if not holds}
    return {word for number, word in enumerate(words) if number not in refused}


def decide(user: Person, word: str, obj: Model, at: datetime | None = None) -> Decision:
    """Allowed, or exactly what is missing. One query, and one more per missing item for its sentence."""
    _note(word)
    known = _known(user)
    if known is None:
        return Decision(False, False, [Missing("sign_in", _("You are not signed in."))])
    at = at or timezone.now()
    model = type(obj)
    scope = SCOPES[model]
    requirements = requirements_of(word, model)

    def checks(person: User, at: datetime) -> Checks:
        found: Checks = {"may_view": role_q(person, scope.view, model, at)}
        if word != scope.view:
            found["may_do"] = role_q(person, word, model, at)
        return found | {f"needs_{i}": r.condition(person, at) for i, r in enumerate(requirements)}

    row = answers(
        ("decide", word, *_given(model, word)), _made_of(model, word), model, Asking(known, at, obj.pk), checks
    )
    if row is None or not row["may_view"]:
        return Decision(False, False, [Missing("not_found", str(NotFoundError()))])
    may_do = row["may_view"] if word == scope.view else row["may_do"]
    missing = [] if may_do else [_missing_role(known, word, obj, at)]
    missing += [r.explain(known, obj, at) for i, r in enumerate(requirements) if not row[f"needs_{i}"]]
    return Decision(not missing, True, missing)


def require(user: Person, word: str, obj: Model, at: datetime | None = None) -> None:
    """Raise NotFoundError when the object is not theirs to see, RefusedError naming what is missing otherwise."""
    decision = decide(user, word, obj, at)
    if decision.allowed:
        return
    if not decision.visible:
        raise NotFoundError
    raise RefusedError(decision.missing)


def require_for_oneself(user: User, word: str) -> None:
    """For what people do for themselves, with no object yet: their token must let them, if they come with one."""
    _note(word)
    token: ApiToken | None = getattr(user, "token", None)
    if token is None:
        return
    if word in SESSION_WORDS:
        raise RefusedError([Missing("token_session", _("This is done in the browser; a token cannot do it."))])
    if token.scope == "read" and word not in READ_WORDS:
        raise RefusedError([Missing("token_scope", _("Your token “%(name)s” may only read.") % {"name": token.name})])
    if token.project_id is not None and word not in READ_WORDS:
        sentence = _("Your token “%(name)s” is for one project only.") % {"name": token.name}
        raise RefusedError([Missing("token_project", sentence)])


def get_or_404(user: Person, word: str, rows: QuerySet[M], **lookup: object) -> M:
    """The one row matching `lookup` on which the person may do `word`.

    Raises NotFoundError when there is none or it is invisible, RefusedError when it is visible but refused.
    """
    obj = rows.filter(**lookup).first()
    if obj is None:
        _note(word)
        raise NotFoundError
    require(user, word, obj)
    return obj


def party_of(user: User, project_id: UUID, at: datetime | None = None) -> QuerySet[Organisation]:
    """The organisations for which the person acts in the project."""
    mine = counting(Membership.objects.filter(user=user, project_id=project_id).active(at))
    return Organisation.objects.filter(
        pk__in=mine.values("organisation"),
        project_parties__project_id=project_id,
        project_parties__left_on=None,
    )


def holders(word: str, project_id: UUID, at: datetime | None = None) -> QuerySet[User]:
    """Who holds a word in a project by a project role; the people to ask."""
    roles = roles_with(word)
    rows = counting(Membership.objects.filter(project_id=project_id, role__in=roles).active(at), roles)
    return User.objects.filter(pk__in=rows.values("user"), is_active=True)


def _missing_role(user: User, word: str, obj: Model, at: datetime) -> Missing:
    """Why the role does not do: the token is too narrow, a role has ended, or nobody gave one."""
    token: ApiToken | None = getattr(user, "token", None)
    if token is not None and word in SESSION_WORDS:
        return Missing("token_session", _("This is done in the browser; a token cannot do it."))
    if token is not None and token.scope == "read" and word not in READ_WORDS:
        return Missing("token_scope", _("Your token “%(name)s” may only read.") % {"name": token.name})
    scope = SCOPES[type(obj)]
    if scope.explain:
        return scope.explain(user, word, obj, at)
    roles = roles_with(word)
    if scope.project:
        held = Membership.objects.filter(
            user=user, project_id=_follow(obj, scope.project), role__in=roles, starts_at__lte=at
        )
        for role, need in ROLE_NEEDS.items():
            if role not in roles:
                continue
            lacking = held.filter(role=role).exclude(need.condition()).order_by("-starts_at").first()
            if lacking is not None:
                return need.explain(lacking)
        ended = held.filter(ends_at__lte=at).order_by("-ends_at").first()
        if ended is not None:
            return Missing(
                "role_ended",
                _("Your role “%(role)s” ended on %(day)s.")
                % {"role": ended.get_role_display(), "day": date_format(timezone.localtime(ended.ends_at))},
            )
    names: Iterable[str] = [str(role.label) for role in roles]
    if not names:
        return Missing("role", _("Only the person named for it may %(what)s.") % {"what": WORDS[word]})
    return Missing(
        "role",
        _("Your role does not let you %(what)s; these roles do: %(roles)s.")
        % {"what": WORDS[word], "roles": ", ".join(names)},
    )


def _follow(obj: Any, path: str) -> Any:
    for step in path.split("__"):
        obj = getattr(obj, step)
    return getattr(obj, "pk", obj)
