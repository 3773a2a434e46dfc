"""An agreement walked at random: whatever is tried, its versions only ever move along the table, are sealed at most
once, and the history stays whole. Run with WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
from random import Random

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collab.access.policy import can
from collab.access.roles import Role
from collab.agreements.approvals import Approval
from collab.agreements.approving import add_step, approve_step, return_step, submit_version
from collab.agreements.models import Agreement, AgreementVersion, Signature
from collab.agreements.services import (
    CoverageTerm,
    counter_version,
    decline_version,
    draft_agreement,
    draft_version,
    edit_version,
    negotiate_version,
    resume_version,
    send_for_signature,
    sign_version,
    suspend_version,
    terminate_version,
    withdraw_version,
)
from collab.agreements.states import STANDING, VERSION_MOVES, VersionState
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.kernel.errors import DomainError
from tests.cast import Joint, employ, person

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "150"))
ACTS = (
    *("draft", "edit", "negotiate", "counter", "submit", "approve", "approve", "return", "send", "send"),
    *("sign", "sign", "sign", "decline", "withdraw", "suspend", "resume", "terminate"),
)
# What leads on from a state, so that a walk reaches the far ends as well.
ONWARD = {
    "": ("draft",),
    VersionState.DRAFT: ("edit", "negotiate", "submit"),
    VersionState.NEGOTIATION: ("counter", "submit", "edit"),
    VersionState.INTERNAL_REVIEW: ("approve", "approve", "return"),
    VersionState.AGREED: ("send", "send", "edit"),
    VersionState.OUT_FOR_SIGNATURE: ("sign", "sign", "sign", "decline"),
    VersionState.EXECUTED: ("suspend", "draft", "terminate"),
    VersionState.SUSPENDED: ("resume", "draft", "terminate"),
}


class Walk:
    """One agreement after the other, and everybody who may, or may not, move it."""

    def __init__(self, joint: Joint) -> None:
        self.joint = joint
        self.registrar = employ(person("Registrar"), joint.company, Role.ORGANISATION_ADMIN)
        add_step(organisation=joint.company, name="Legal", by=self.registrar)
        self.people = [joint.lead, joint.lead, self.registrar, joint.company_signatory, joint.university_signatory]
        self.people += [joint.engineer]
        self.dataset = joint.dataset()
        self.number = 0
        self.begin()

    def begin(self) -> None:
        self.number += 1
        self.agreement = draft_agreement(
            project=self.joint.project, reference=f"W-{self.number}", kind="nda", title="W", by=self.joint.lead
        )

    def newest(self) -> AgreementVersion | None:
        return AgreementVersion.objects.filter(agreement=self.agreement).first()

    def states(self) -> dict[str, str]:
        rows = AgreementVersion.objects.filter(agreement=self.agreement).values_list("pk", "state")
        return {str(pk): state for pk, state in rows}

    def act(self, what: str, by) -> None:  # type: ignore[no-untyped-def]
        joint, version = self.joint, self.newest()
        if what == "draft":
            terms = [CoverageTerm(joint.company, "training")]
            draft_version(agreement=self.agreement, text="T", effective_on=timezone.localdate(), coverage=terms, by=by)
            return
        if version is None:
            return
        party = joint.company if by == joint.company_signatory else joint.university
        step = Approval.objects.filter(version=version, state="open").select_related("version", "step").first()
        acts = {
            "edit": lambda: edit_version(version=version, edit=version.version, text="U", by=by),
            "negotiate": lambda: negotiate_version(version=version, by=by),
            "counter": lambda: counter_version(version=version, text="V", by=by),
            "submit": lambda: submit_version(version=version, by=by),
            "approve": lambda: approve_step(approval=step, by=by) if step else None,
            "return": lambda: return_step(approval=step, by=by, reason="No.") if step else None,
            "send": lambda: send_for_signature(version=version, by=by),
            "sign": lambda: self.sign(version, party, by),
            "decline": lambda: decline_version(version=version, party=party, reason="No.", by=by),
            "withdraw": lambda: withdraw_version(version=version, by=by),
            "suspend": lambda: suspend_version(version=version, reason="Why.", by=by),
            "resume": lambda: resume_version(version=version, by=by),
            "terminate": lambda: terminate_version(version=version, by=by),
        }
        acts[what]()

    def sign(self, version: AgreementVersion, party, by) -> None:  # type: ignore[no-untyped-def]
        sign_version(
            version=version,
            party=party,
            typed_name=by.name,
            capacity="Director",
            document_sha256=version.document_sha256,
            by=by,
        )


# One verb makes two moves: the first approval that suffices, an approval where none is wanted, a last signature.
BY_TWO = {("draft", "agreed"), ("negotiation", "agreed")}


def reachable(before: str, after: str) -> bool:
    """Whether the table leads from one state to the other."""
    return (
        before == after
        or (before, after) in BY_TWO
        or any(
            VERSION_MOVES.allows(move, before) and VERSION_MOVES.target(move) == after for move in VERSION_MOVES.table
        )
    )


def check(walk: Walk, before: dict[str, str]) -> None:
    """What holds after every step, whatever was tried."""
    after = walk.states()
    for pk, state in after.items():
        assert reachable(before.get(pk, "draft"), state) or before.get(pk) is None, (before.get(pk), state)
    standing = [row for row in AgreementVersion.objects.filter(agreement=walk.agreement) if row.state in STANDING]
    assert len(standing) <= 1
    for row in AgreementVersion.objects.filter(agreement=walk.agreement):
        signed = Signature.objects.filter(version=row).count()
        sealed = AuditEvent.objects.filter(verb="agreement.execute", subject_id=str(row.pk)).count()
        assert sealed == (row.executed_at is not None) and sealed <= 1
        assert not sealed or signed == row.parties.count()
        if row.document_sha256:
            assert row.document_hash() == row.document_sha256
    covered = any(row.state == VersionState.EXECUTED and row.coverage.exists() for row in standing)
    assert can(walk.joint.engineer, "dataset.train", walk.dataset) == covered


@settings(
    max_examples=max(1, STEPS // 75),
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
def test_no_walk_leaves_the_table(aurora_walk, seed):
    walk, random = aurora_walk, Random(seed)
    walk.begin()
    for _ in range(min(75, STEPS)):
        version = walk.newest()
        state = version.state if version else ""
        if state in {VersionState.TERMINATED, VersionState.SUPERSEDED}:
            walk.begin()
            continue
        onward = ONWARD.get(state, ("draft",))  # withdrawn: another version
        what = random.choice(onward if random.random() < 0.75 else ACTS)
        before, acts = walk.states(), AuditEvent.objects.count()
        try:
            walk.act(what, random.choice(walk.people))
        except DomainError:
            assert walk.states() == before and AuditEvent.objects.count() == acts
        check(walk, before)
    for row in AgreementVersion.objects.filter(agreement=walk.agreement, state__in=STANDING):
        terminate_version(version=row, by=walk.joint.lead)
    assert first_break() is None
    walk.reached |= set(walk.states().values())


@pytest.fixture
def aurora_walk(aurora) -> Walk:
    walk = Walk(aurora)
    walk.reached = set()  # type: ignore[attr-defined]
    return walk


def test_the_table_is_walked_to_its_ends(aurora):
    """The walk above can reach what it looks for: sealed, suspended, superseded and terminated ones."""
    walk = Walk(aurora)
    lead, joint = aurora.lead, aurora
    path = [
        ("draft", lead),
        ("submit", lead),
        ("approve", walk.registrar),
        ("send", lead),
        ("sign", joint.company_signatory),
        ("sign", joint.university_signatory),
        ("suspend", lead),
        ("draft", lead),
        ("negotiate", lead),
        ("counter", walk.registrar),
        ("submit", lead),
        ("approve", walk.registrar),
        ("send", lead),
        ("sign", joint.university_signatory),
        ("sign", joint.company_signatory),
        ("terminate", lead),
    ]
    for what, by in path:
        before = walk.states()
        walk.act(what, by)
        check(walk, before)
    assert sorted(walk.states().values()) == ["superseded", "terminated", "withdrawn"]
    assert Agreement.objects.count() == 1
