"""What a disclosure can be filled in from: the rooms that keep models and data register here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from collab.access.policy import visible_to
from collab.accounts.models import User
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project
from collab.transfer.disclosures.models import DisclosureKind, TransferCase, disclosed


@dataclass(frozen=True)
class ResultTerm:
    """A row of another room, by its table and id, with the name it has now."""

    kind: str
    subject_type: str
    subject_id: UUID
    label: str
    url: str = ""

    @property
    def key(self) -> str:
        """As an address names it."""
        return f"{self.subject_type}:{self.subject_id}"


def subject_of(text: str) -> tuple[str, UUID]:
    """`registry.modelversion:<id>`, taken apart. Raises NotFoundError for what names no row."""
    table, _colon, key = text.partition(":")
    try:
        return table, UUID(key)
    except ValueError:
        raise NotFoundError from None


@dataclass(frozen=True)
class Prefill:
    """What is known of a result already: where it belongs, what it is, who worked on it."""

    project: Project
    kind: str
    title: str
    summary: str = ""
    description: str = ""
    results: tuple[ResultTerm, ...] = ()
    contributors: tuple[User, ...] = ()


# (person, id of the row) -> what is known; None where there is none that the person may see
Source = Callable[[User, UUID], Prefill | None]
# (person, project) -> the rows of a project that the person sees and could disclose, the newest first
Offered = Callable[[User, Project], Iterable[ResultTerm]]
# (person, table, id of the row) -> who worked on it besides
Contributors = Callable[[User, str, UUID], Iterable[User]]

_SOURCES: dict[str, Source] = {}
_OFFERED: dict[str, Offered] = {}
_CONTRIBUTORS: dict[str, Contributors] = {}


def register_prefill(subject_type: str, source: Source, offered: Offered) -> None:
    """Let rows of this table be disclosed. Registering the same table again replaces it."""
    _SOURCES[subject_type] = source
    _OFFERED[subject_type] = offered


def register_contributors(name: str, source: Contributors) -> None:
    """Say who worked on a row of another room; a room above the one that keeps it knows more of them."""
    _CONTRIBUTORS[name] = source


def prefill_of(user: User, subject_type: str, subject_id: UUID) -> Prefill:
    """What is known of the row, with everybody who worked on it; raises NotFoundError when it is not theirs to see."""
    source = _SOURCES.get(subject_type)
    found = source(user, subject_id) if source else None
    if found is None:
        raise NotFoundError
    people = {person.pk: person for person in found.contributors}
    for more in _CONTRIBUTORS.values():
        people |= {person.pk: person for person in more(user, subject_type, subject_id) if person.pk not in people}
    return Prefill(
        found.project, found.kind, found.title, found.summary, found.description, found.results, tuple(people.values())
    )


def prefill_of_several(user: User, subjects: Sequence[tuple[str, UUID]]) -> Prefill:
    """What is known of several results of one project, as one disclosure; the first one names it."""
    found = [prefill_of(user, table, key) for table, key in subjects]
    if len({one.project.pk for one in found}) != 1:
        raise NotFoundError
    people = {person.pk: person for one in found for person in one.contributors}
    first = found[0]
    return Prefill(
        first.project,
        first.kind,
        first.title,
        "\n".join(filter(None, (one.summary for one in found))),
        "\n\n".join(filter(None, (one.description for one in found))),
        tuple(term for one in found for term in one.results),
        tuple(people.values()),
    )


def results_offered(user: User, project: Project) -> list[ResultTerm]:
    """What came out of a project and the person sees: what they may disclose with a case."""
    return [term for offered in _OFFERED.values() for term in offered(user, project)]


def prefill_of_project(project: Project) -> Prefill:
    """A project alone tells its title and summary."""
    return Prefill(project, DisclosureKind.PATENTABLE, project.title, project.summary)


def cases_of(user: User, subject_type: str, subject_id: UUID) -> list[TransferCase]:
    """The cases in which the row is disclosed and that the person may see."""
    return list(visible_to(user, "disclosure.view", disclosed(subject_type, subject_id)).with_rows())  # type: ignore[attr-defined]
