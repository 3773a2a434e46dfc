"""What can be asked. The rooms above register their topics here, so that nothing imports upward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collab.access.policy import Missing
from collab.accounts.models import User
from collab.inbox.states import Decision

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from collab.inbox.models import Request


@dataclass(frozen=True)
class Reminding:
    """When people are reminded of a request; None takes the installation's setting."""

    before_days: int | None = None  # first reminder so many days before it is due
    repeat_days: int | None = None  # and once it is overdue, again every so many days
    escalate_days: int | None = None  # overdue for so many days: the next are told


@dataclass(frozen=True)
class Topic:
    """One kind of request.

    `on_decided(request, by)` runs in the transaction of the decision: what it raises undoes the decision. After an
    approval with conditions it waits until all of them are met, unless `waits_for_conditions` is False; it reads
    `request.state` to tell a yes from a no.
    `may_answer(request, user)` gives what stands in this person's way beside the word (a conflict of interest, say);
    an empty answer means that they may.
    `elsewhere(request, user)` gives why a click in the inbox does not decide it: that happens on another page.
    `on_withdrawn(request, by)` runs in the transaction in which whoever asked takes it back.
    `facts(request)` are pairs to read before deciding: what the request is about, and what was said of it.
    `effect(request)` is the sentence that says what a yes does.
    `delegable` False: neither somebody standing in during an absence nor somebody it was handed to may decide.
    `private` True: nothing of it is told in the history of its project.
    `next_answers` False: those to whom a stuck request climbs only hand it to somebody, and do not decide themselves.
    `on_dashboard` False: the dashboard has a line of its own for who decides it, so that nobody is told twice.
    """

    code: str
    label: StrOrPromise
    decisions: Sequence[str] = (Decision.APPROVED, Decision.REJECTED)
    due_days: int | None = 14
    on_decided: Callable[[Request, User], Any] | None = None
    on_withdrawn: Callable[[Request, User], Any] | None = None
    facts: Callable[[Request], Sequence[tuple[str, str]]] | None = None
    may_answer: Callable[[Request, User], Sequence[Missing]] | None = None
    elsewhere: Callable[[Request, User], Sequence[Missing]] | None = None
    effect: Callable[[Request], StrOrPromise] | None = None
    asker_may_decide: bool = False
    asker_meets_conditions: bool = False
    waits_for_conditions: bool = True
    delegable: bool = True
    next_answers: bool = True
    on_dashboard: bool = True
    private: bool = False
    reminding: Reminding = Reminding()

    def refusals(self, request: Request, user: User) -> list[Missing]:
        """What keeps somebody who holds the word from deciding it here and now."""
        return [missing for check in (self.may_answer, self.elsewhere) if check for missing in check(request, user)]


TOPICS: dict[str, Topic] = {}


def register_topic(topic: Topic) -> None:
    """Let requests of this topic be asked. Registering the same code again replaces it."""
    unknown = set(topic.decisions) - set(Decision)
    if unknown or not topic.decisions:
        raise ValueError(f"{topic.code}: decisions are {sorted(map(str, Decision))}, not {sorted(unknown)}")
    TOPICS[topic.code] = topic


def topic_of(code: str) -> Topic:
    """The topic of a code; one whose room is gone can be read, and decided by nobody."""
    return TOPICS.get(code) or Topic(code, code, decisions=(), delegable=False, next_answers=False)


def codes_where(test: Callable[[Topic], bool]) -> list[str]:
    """Codes of the topics for which this holds."""
    return [topic.code for topic in TOPICS.values() if test(topic)]
