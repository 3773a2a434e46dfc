"""A notice walked at random: whatever is tried, it moves along its table only, nothing appears before its day, nobody's
answer is made up, and the history stays whole. Run with WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.inbox.models import Request
from collab.kernel.errors import ConflictError, DomainError
from collab.publications.models import Ground, PublicationNotice, PublicationObjection
from collab.publications.services import (
    agree,
    close_ended,
    lift,
    mark_published,
    object_to,
    revise,
    wait,
    withdraw_notice,
)
from collab.publications.states import GOING_ON, NOTICE_MOVES, NoticeState
from tests.cast import Joint
from tests.collab.publications.test_services import covered, day, later, notice_of

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "120"))
ACTS = (
    *("give", "agree", "object", "object", "revise", "wait", "wait", "lift", "lift", "publish", "withdraw"),
    *("pass", "pass", "close"),
)
# What leads on from a state, so that a walk reaches the far ends as well.
ONWARD = {
    NoticeState.NOTIFIED: ("object", "pass", "publish"),
    NoticeState.OBJECTED: ("wait", "wait", "lift", "revise"),
    NoticeState.DELAYED: ("pass", "object", "publish"),
    NoticeState.PUBLISHED: ("give",),
    NoticeState.WITHDRAWN: ("give",),
}
EDGES = {(source, target) for sources, target in NOTICE_MOVES.table.values() for source in sources}


class Walk:
    """One notice after the other, with everything that anybody could try on it."""

    def __init__(self, joint: Joint, chance: Random) -> None:
        self.joint, self.chance = joint, chance
        self.notice = notice_of(joint)
        self.reached: set[str] = set()

    def step(self) -> None:
        act = self.chance.choice(ACTS if self.chance.random() < 0.4 else ONWARD[NoticeState(self.notice.state)])
        before = self.notice.state
        acts = AuditEvent.objects.count()
        try:
            getattr(self, act)()
            done = True
        except DomainError:
            done = False
        self.notice = PublicationNotice.objects.get(pk=self.notice.pk)
        if not done:
            assert AuditEvent.objects.count() == acts, f"{act} was refused, yet it is in the history"
        self.check(act, before)

    def check(self, act: str, before: str) -> None:
        notice = self.notice
        self.reached.add(notice.state)
        if act != "give":
            assert notice.state == before or (before, notice.state) in EDGES, (act, before, notice.state)
        assert notice.earliest_on <= notice.delay_ends_on
        if notice.state == NoticeState.PUBLISHED:
            assert notice.published_on >= notice.earliest_on
        if notice.state == NoticeState.OBJECTED:
            assert notice.open_objections
        elif notice.state in GOING_ON:
            assert not notice.open_objections and notice.free_on == notice.earliest_on
        answered = Request.objects.filter(topic="publication").exclude(state__in=["open", "withdrawn"])
        assert not answered.filter(decided_by=None).exists()

    # --- what is tried
    def give(self) -> None:
        if self.notice.state not in GOING_ON or self.chance.random() < 0.1:
            self.notice = notice_of(self.joint)

    def agree(self) -> None:
        agree(notice=self.notice, party=self.party(), by=self.somebody())

    def object(self) -> None:
        ground = self.chance.choice([*Ground.values, Ground.PROTECTION, Ground.PROTECTION])
        until = self.notice.notice_ends_on + timedelta(days=self.chance.randint(-5, 65))
        object_to(
            notice=self.notice,
            party=self.joint.company,
            ground=ground,
            text="Because.",
            delay_until=until if ground == Ground.PROTECTION or self.chance.random() < 0.1 else None,
            by=self.somebody(),
        )

    def revise(self) -> None:
        revise(notice=self.notice, by=self.somebody(), link="https://example.org/next")

    def wait(self) -> None:
        wait(objection=self.objection(), by=self.somebody())

    def lift(self) -> None:
        lift(objection=self.objection(), outcome=self.chance.choice(["revised", "withdrawn"]), by=self.somebody())

    def publish(self) -> None:
        mark_published(notice=self.notice, published_on=day(self.chance.randint(-2, 1)), by=self.somebody())

    def withdraw(self) -> None:
        if self.chance.random() < 0.3:
            withdraw_notice(notice=self.notice, by=self.somebody())

    def close(self) -> None:
        close_ended()

    def pass_(self) -> None:
        if self.notice.state in GOING_ON:
            number = self.chance.randint(1, 15)
            later(self.notice, number)
            for row in self.notice.objections.exclude(delay_until=None):
                row.delay_until -= timedelta(days=number)
                row.save()

    def party(self):
        return self.chance.choice([self.joint.company, self.joint.university])

    def somebody(self):
        joint = self.joint
        return self.chance.choice(
            [joint.company_signatory, joint.company_signatory, joint.researcher, joint.researcher, joint.engineer]
        )

    def objection(self) -> PublicationObjection:
        rows = list(self.notice.objections.all())
        if not rows:
            raise ConflictError("nobody objected")
        return self.chance.choice([*rows, rows[-1], rows[-1]])  # the newest is most likely open


setattr(Walk, "pass", Walk.pass_)


@settings(
    max_examples=max(1, STEPS // 60),
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32))
def walk_all(joint: Joint, reached: set[str], seed: int) -> None:
    walk = Walk(joint, Random(seed))
    for _step in range(60):
        walk.step()
    reached |= walk.reached


def test_a_notice_walked_at_random(aurora):
    covered(aurora, publication_notice_days=40, publication_delay_days=60)
    reached: set[str] = set()

    walk_all(aurora, reached)

    assert reached == {state.value for state in NoticeState}
    assert first_break() is None
