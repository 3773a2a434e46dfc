"""Training jobs walked at random, by people, owners of data, workers and clocks: every job keeps to the table of moves,
refusals leave nothing half-done, and the history stays whole.

Run with WALK_STEPS=10000 for the long walk.
"""

from __future__ import annotations

import os
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from collab.agreements.models import AgreementVersion
from collab.agreements.services import resume_version, suspend_version
from collab.audit.models import AuditEvent
from collab.audit.services import first_break
from collab.inbox.models import Request
from collab.inbox.services import decide_request, withdraw_request
from collab.kernel.errors import DomainError
from registry.catalog.services import TrainedModel, register_version
from registry.uses.services import CodeTerm, set_uses
from tests.cast import Joint
from training.jobs import lifecycle
from training.jobs.lifecycle import Ending
from training.jobs.models import Attempt, Job
from training.jobs.purposes import TOPIC
from training.jobs.services import resume_job, stop_job, submit_job
from training.jobs.states import ENDED, JOB_MOVES, LIVE, Desired, JobState

pytestmark = pytest.mark.django_db
STEPS = int(os.environ.get("WALK_STEPS", "80"))
TOGETHER = 40 if STEPS > 1000 else 20  # steps of one walk
JOBS = 4
PURPOSES: list[dict[str, Any]] = [
    {"commercial": False, "about": "Doors"},  # fits, or is for the owner to say
    {"commercial": False, "ethics": "E-1"},
    {"commercial": True},
    {},
]
CODES = [[], ["general_research"], ["ethics_required"], ["non_commercial", "topic_specific"]]
PEOPLE = ["engineer", "lead", "engineer", "lead", "observer", "former"]  # mostly those who may
ENDINGS = ["done", "done", "access_lost", "lost", "internal", "limit_minutes", "shutdown", "oom", "publish"]
HOST = "node-1"
# Moves of a worker and of a clock are not acts of anybody; the history holds how an attempt ended.
UNTOLD = ("claim", "start")

jobs = st.integers(0, JOBS - 1)
people = st.sampled_from(PEOPLE)
late = st.sampled_from([False, False, False, True])


def reachable(before: str, after: str) -> bool:
    return before == after or any(
        JOB_MOVES.allows(move, before) and JOB_MOVES.target(move) == after for move in JOB_MOVES.table
    )


def rows() -> dict[uuid.UUID, Job]:
    return {job.pk: job for job in Job.objects.order_by("created_at", "pk")}


def walking(joint: Joint, agreement: AgreementVersion, spec: dict[str, Any]) -> type[RuleBasedStateMachine]:
    """The machine on this ground; each walk begins where no job is, and leaves none."""
    spec = spec | {"resources": {"cpus": 1, "gpus": 0}}
    seen: set[tuple[str, str]] = set()

    class Walk(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.rolled_back = transaction.atomic()
            self.rolled_back.__enter__()
            self.models, self.in_force = 0, True
            self.before = rows()
            self.acts = AuditEvent.objects.count()

        def teardown(self) -> None:
            broken = first_break()
            transaction.set_rollback(True)
            self.rolled_back.__exit__(None, None, None)
            assert broken is None

        # --- what happens
        def try_it(self, act: Any) -> Any:
            """An act of a person: done whole, or refused and nothing has changed."""
            try:
                with transaction.atomic():
                    return act()
            except DomainError:
                assert AuditEvent.objects.count() == self.acts, "a refusal is no act"
                assert [vars_of(job) for job in rows().values()] == [vars_of(job) for job in self.before.values()]
                return None

        def job(self, number: int) -> Job:
            found = list(self.before.values())
            return Job.objects.select_related("project", "dataset_version__dataset").get(
                pk=found[number % len(found)].pk
            )

        @initialize(codes=st.sampled_from(CODES))
        def begin(self, codes: list[str]) -> None:
            """Each walk begins with jobs under way, so that there is something to walk with."""
            self.change_codes(codes, "lead")
            self.every_job_keeps_to_the_table()
            for purpose in PURPOSES[:2]:
                self.submit(purpose, "engineer")
                self.every_job_keeps_to_the_table()
            if any(job.state == JobState.QUEUED for job in self.before.values()):
                self.claim()

        @precondition(lambda self: len(self.before) < JOBS)
        @rule(purpose=st.sampled_from(PURPOSES), who=people)
        def submit(self, purpose: dict[str, Any], who: str) -> None:
            by = getattr(joint, who)
            facts = {"project": joint.project, "name": "Walk", "spec": spec, "purpose": purpose}
            self.try_it(lambda: submit_job(by=by, **facts))

        @precondition(lambda self: self.before)
        @rule(number=jobs, who=people, kill=st.booleans())
        def stop(self, number: int, who: str, kill: bool) -> None:
            job = self.job(number)
            done = self.try_it(lambda: stop_job(job=job, by=getattr(joint, who), kill=kill))
            if done is not None:
                assert done.state in {JobState.STOPPED, JobState.STOPPING}, "who stops a job sees it stop"

        @precondition(lambda self: self.before)
        @rule(number=jobs, who=people, purpose=st.sampled_from([None, *PURPOSES]))
        def resume(self, number: int, who: str, purpose: dict[str, Any] | None) -> None:
            job = self.job(number)
            done = self.try_it(lambda: resume_job(job=job, by=getattr(joint, who), purpose=purpose))
            if done is not None:
                assert (done.state in {JobState.QUEUED, JobState.WAITING}, done.desired) == (True, Desired.RUN)

        @precondition(lambda self: any(job.state == JobState.WAITING for job in self.before.values()))
        @rule(yes=st.booleans(), who=people)
        def answer(self, yes: bool, who: str) -> None:
            asked = Request.objects.open().filter(topic=TOPIC).order_by("created_at").first()
            facts = {"decision": "approved" if yes else "rejected", "reason": "Because."}
            self.try_it(lambda: decide_request(request=asked, by=getattr(joint, who), **facts))

        @precondition(lambda self: any(job.state == JobState.WAITING for job in self.before.values()))
        @rule(who=people)
        def take_back(self, who: str) -> None:
            asked = Request.objects.open().filter(topic=TOPIC).order_by("created_at").first()
            self.try_it(lambda: withdraw_request(request=asked, by=getattr(joint, who)))

        @rule(codes=st.sampled_from(CODES), who=st.sampled_from(["lead", "engineer"]))
        def change_codes(self, codes: list[str], who: str) -> None:
            dataset = joint.project.datasets.get()
            number = dataset.use_terms.filter(current=True).values_list("number", flat=True).first() or 0
            terms = [CodeTerm(code, text="Doors" if code == "topic_specific" else "") for code in codes]
            self.try_it(lambda: set_uses(dataset=dataset, codes=terms, version=number, by=getattr(joint, who)))

        @precondition(lambda self: self.acts % 3 == 0 or not self.in_force)
        @rule()
        def turn_the_agreement(self) -> None:
            """In force, then suspended, then in force again."""
            version = AgreementVersion.objects.get(pk=agreement.pk)
            self.in_force = version.state == "suspended"
            if self.in_force:
                self.try_it(lambda: resume_version(version=version, by=joint.lead))
            else:
                self.try_it(lambda: suspend_version(version=version, by=joint.lead, reason="Because."))

        @precondition(lambda self: self.before)
        @rule()
        def claim(self) -> None:
            Job.objects.update(not_before=None)  # the back-off has passed
            taken = lifecycle.claim(owner=HOST, host=HOST, cpus=2)
            assert taken is None or taken.state == JobState.STARTING

        @precondition(lambda self: self.before)
        @rule(number=jobs, late=late, saved=st.booleans())
        def go_on(self, number: int, late: bool, saved: bool) -> None:
            """A supervisor says that the engine runs, or saves; an old one says so too late."""
            job = self.job(number)
            fence = job.fence - late
            lifecycle.mark_running(job_id=job.pk, fence=fence)
            told = lifecycle.beat(job_id=job.pk, fence=fence)
            if saved:
                lifecycle.note_checkpoint(job_id=job.pk, fence=fence, step=3)
            assert told == (job.desired if job.state in LIVE and not late else None)

        @precondition(lambda self: any(job.state in LIVE for job in self.before.values()))
        @rule(number=jobs, late=late, reason=st.sampled_from(ENDINGS))
        def end(self, number: int, late: bool, reason: str) -> None:
            """An attempt ends; `late`: of a supervisor that was taken for lost."""
            live = [job for job in self.before.values() if job.state in LIVE]
            job = live[number % len(live)]
            version = None
            if reason == "done" and job.state != JobState.STARTING:
                self.models += 1
                version = model(joint, job, self.models)
            ended = lifecycle.end_attempt(
                job_id=job.pk, fence=job.fence - late, ending=Ending("" if version else reason), done_with=version
            )
            assert (ended is None) == late

        @rule()
        def lose_the_machine(self) -> None:
            """Leases run out, and whoever sweeps ends their attempts."""
            Job.objects.filter(state__in=LIVE).update(lease_until=timezone.now() - timedelta(seconds=1))
            for key, fence in lifecycle.abandoned():
                lifecycle.end_attempt(job_id=key, fence=fence, ending=Ending("lost"))

        # --- what is always so
        @invariant()
        def every_job_keeps_to_the_table(self) -> None:
            now, acts = rows(), AuditEvent.objects.count()
            for key, job in now.items():
                was = self.before.get(key)
                if was is None:
                    assert job.state in {JobState.QUEUED, JobState.WAITING}
                    assert acts > self.acts
                    continue
                assert reachable(was.state, job.state), (was.state, job.state)
                untold = [JOB_MOVES.target(move) for move in UNTOLD]
                assert job.state in {was.state, *untold} or acts > self.acts, (was.state, job.state, "is not told")
                assert job.fence - was.fence in {0, 1} and job.attempt_count >= was.attempt_count
                seen.add((was.state, job.state))
            self.before, self.acts = now, acts

        @invariant()
        def intent_and_state_agree(self) -> None:
            for job in self.before.values():
                assert (job.lease_until is not None) == (job.state in LIVE) == (job.owner != ""), job.state
                assert (job.finished_at is not None) == (job.state in ENDED), job.state
                assert (job.model_version_id is not None) == (job.state == JobState.DONE), job.state
                if job.state in {
                    JobState.QUEUED,
                    JobState.WAITING,
                    JobState.PAUSED,
                    JobState.STARTING,
                    JobState.RUNNING,
                }:
                    assert job.desired == Desired.RUN, (job.state, job.desired)
                elif job.state == JobState.STOPPING:
                    assert job.desired in {Desired.STOP, Desired.KILL}
                open_attempts = [one.fence for one in Attempt.objects.filter(job=job, ended_at=None)]
                assert open_attempts == ([job.fence] if job.state in LIVE else [])
                asked = Request.objects.open().filter(topic=TOPIC, subject_id=str(job.pk)).count()
                assert asked == (1 if job.state == JobState.WAITING else 0), (job.state, asked)

    Walk.seen = seen  # type: ignore[attr-defined]
    return Walk


def vars_of(job: Job) -> dict[str, Any]:
    return {name: value for name, value in vars(job).items() if not name.startswith("_")}


def model(joint: Joint, job: Job, number: int) -> Any:
    facts = TrainedModel(
        task="causal-lm", architecture="gpt", parameters=1, metrics={"test/loss": 2.0}, primary_metric="test/loss",
        baseline={}, card="", manifest={"files": {}}, manifest_sha256="0" * 64, size_bytes=1,
    )  # fmt: skip
    return register_version(project=joint.project, name="Walk", trained=facts, job_id=uuid.uuid4(), by=joint.lead)


def test_a_random_walk_keeps_to_the_table(covered, spec):
    machine = walking(covered, covered.agreements[0], spec)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, STEPS // TOGETHER),
            stateful_step_count=TOGETHER,
            deadline=None,
            derandomize=STEPS < 1000,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    seen = {(before, after) for before, after in machine.seen if before != after}  # type: ignore[attr-defined]
    assert len(seen) >= min(16, STEPS // 40), sorted(seen)
