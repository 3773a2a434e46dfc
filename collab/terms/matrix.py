"""Who may do what: people × words in a project, or projects × words of a person. A constant number of queries.

Most words are asked of the project; the room that keeps something of its own, such as datasets, registers for which
words it is asked instead, so that nothing imports upward.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from collab.access.many import Verdict, decide_each
from collab.access.policy import SCOPES, visible_to
from collab.access.roles import WORDS, Role
from collab.accounts.models import Membership, User
from collab.projects.models import Project, ProjectParty

# Title of a group -> its words, each as the head of a column.
GROUPS: list[tuple[Any, dict[str, Any]]] = [
    (
        gettext_lazy("Project"),
        {
            "project.view": pgettext_lazy("right", "see"),
            "project.edit": pgettext_lazy("right", "change"),
            "member.manage": pgettext_lazy("right", "people"),
            "audit.view": pgettext_lazy("right", "history"),
        },
    ),
    (
        gettext_lazy("Agreements"),
        {
            "agreement.view": pgettext_lazy("right", "read"),
            "agreement.draft": pgettext_lazy("right", "draft"),
            "agreement.sign": pgettext_lazy("right", "sign"),
            "agreement.end": pgettext_lazy("right", "end"),
        },
    ),
    (
        gettext_lazy("Data"),
        {
            "dataset.view": pgettext_lazy("right", "see"),
            "dataset.read": pgettext_lazy("right", "read"),
            "dataset.train": pgettext_lazy("right", "train"),
            "dataset.upload": pgettext_lazy("right", "add"),
        },
    ),
    (
        gettext_lazy("Training"),
        {
            "job.view": pgettext_lazy("right", "see"),
            "job.submit": pgettext_lazy("right", "submit"),
            "job.control": pgettext_lazy("right", "stop"),
        },
    ),
    (
        gettext_lazy("Models"),
        {
            "model.view": pgettext_lazy("right", "see"),
            "model.register": pgettext_lazy("right", "register"),
            "model.download": pgettext_lazy("right", "download"),
            "model.try": pgettext_lazy("right", "try"),
        },
    ),
]
SHOWN = [word for _title, words in GROUPS for word in words]


@dataclass(frozen=True)
class Asked:
    """Some words are asked of these rows of a project; `project` is the path to it."""

    model: type[Model]
    words: tuple[str, ...]
    project: str


_ASKED: dict[type[Model], Asked] = {}


def register_matrix(model: type[Model], words: tuple[str, ...], *, project: str) -> None:
    """Ask these words of the model's rows instead of the project. Registering a model again replaces it."""
    _ASKED[model] = Asked(model, words, project)


def asked_of(word: str) -> Asked | None:
    """Of which rows of a project the word is asked; None: of the project itself."""
    return next((asked for asked in _ASKED.values() if word in asked.words), None)


def objects_of(word: str, project: Project, viewer: User) -> list[Model]:
    """What the word is asked of in a project, as far as the viewer may know of it."""
    asked = asked_of(word)
    if asked is None:
        return [project]
    return list(_rows(asked, [project.pk], viewer)) or [project]


def _rows(asked: Asked, projects: Iterable[UUID], viewer: User) -> QuerySet[Any]:
    rows = asked.model._default_manager.filter(**{f"{asked.project}__in": list(projects)}).order_by("created_at", "pk")
    return visible_to(viewer, SCOPES[asked.model].view, rows)


@dataclass
class Cell:
    """What a person may do with all that a word is asked of in a project."""

    word: str
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.verdicts)

    @property
    def allowed(self) -> int:
        return sum(verdict.allowed for verdict in self.verdicts)

    @property
    def state(self) -> str:
        """yes, some, or no; `lacks` when the role is there and something else is missing."""
        if self.allowed == self.total:
            return "yes"
        if self.allowed:
            return "some"
        return "lacks" if any(verdict.role for verdict in self.verdicts) else "no"

    @property
    def lacks(self) -> list[str]:
        """What is missing, in one or two words each."""
        if self.state == "no":
            return [_("Role")]
        found = [str(need.label) for verdict in self.verdicts for need in verdict.lacks]
        return list(dict.fromkeys(label or _("Terms") for label in found))

    @property
    def text(self) -> str:
        """The cell in words, for those who hear it and for files."""
        if self.state == "yes":
            return _("yes")
        missing = _(", ").join(self.lacks)
        if self.state == "some":
            return _("%(n)d of %(all)d; missing: %(missing)s") % {
                "n": self.allowed,
                "all": self.total,
                "missing": missing,
            }
        return _("no; missing: %(missing)s") % {"missing": missing}


def cells_of(
    people: QuerySet[User], projects: QuerySet[Project], viewer: User
) -> dict[tuple[UUID, UUID], dict[str, Cell]]:
    """(person, project) -> word -> cell: one query for the words of projects, two for each kind of row they hold."""
    found = {
        key: {word: Cell(word, [verdict]) for word, verdict in verdicts.items()}
        for key, verdicts in decide_each(people, SHOWN, projects).items()
    }
    keys = {project for _person, project in found}
    for asked in _ASKED.values():
        words = [word for word in SHOWN if word in asked.words]
        homes = dict(_rows(asked, keys, viewer).values_list("pk", asked.project))
        finer: dict[tuple[UUID, UUID], dict[str, list[Verdict]]] = {}
        rows = asked.model._default_manager.filter(pk__in=list(homes))
        for (person, row), verdicts in (decide_each(people, words, rows) if homes else {}).items():
            kept = finer.setdefault((person, homes[row]), {word: [] for word in words})
            for word in words:
                kept[word].append(verdicts[word])
        for key, kept in finer.items():
            found[key] |= {word: Cell(word, verdicts) for word, verdicts in kept.items()}
    return found


def people_of(project: Project, *, party: str = "", ended: bool = False) -> QuerySet[User]:
    """Who holds a role in the project, or one in its parties that reaches into it; `ended`: or held one."""
    parties = ProjectParty.objects.filter(project=project)
    if not ended:
        parties = parties.filter(left_on=None)
    if party:
        parties = parties.filter(organisation__slug=party)
    roles = Membership.objects.acting_in(project, parties.values("organisation"))
    if not ended:
        roles = roles.active()
    return User.objects.filter(pk__in=roles.values("user"), is_active=True).order_by("name", "email")


def projects_of(person: User) -> QuerySet[Any]:
    """Keys of the projects in which the person holds a role, or one in a party that reaches into it."""
    mine = Membership.objects.filter(user=person).active()
    parties = ProjectParty.objects.filter(left_on=None)
    reach = mine.filter(project=None).exclude(role=Role.EMPLOYEE)
    return Project.objects.filter(
        Q(pk__in=mine.filter(project__isnull=False).values("project"))
        | Q(pk__in=parties.filter(organisation__in=reach.values("organisation")).values("project"))
    ).values("pk")


def line(cells: dict[str, Cell] | None) -> list[list[Cell]]:
    """The cells of one row, group by group."""
    known = cells or {}
    return [[known.get(word) or Cell(word, [Verdict(False, False)]) for word in words] for _title, words in GROUPS]


def heads() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Groups with (word, head of its column, what it lets a person do)."""
    return [(str(title), [(w, str(head), str(WORDS[w])) for w, head in words.items()]) for title, words in GROUPS]
