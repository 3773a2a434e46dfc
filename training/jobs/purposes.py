"""What a job is for, held against the codes of its data: on submit, on resume, while it runs, when the owner answers.

Codes permit it, refuse it, or leave it to the owner of the data; then the job waits, and the inbox asks those who hold
the word for the codes. An answer holds for exactly this job, its purpose and the set of codes that was asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from collab.access.policy import Missing, decide
from collab.accounts.models import User
from collab.audit.services import record
from collab.inbox.models import Request
from collab.inbox.services import ask, lapse_requests
from collab.inbox.states import Decision, RequestState
from collab.inbox.topics import Topic, register_topic
from collab.kernel.errors import Fault, FaultyInputError, RefusedError
from registry.datasets.models import Dataset
from registry.uses.matching import Match, Statement, for_humans, match, refusals, statement_of, told
from registry.uses.models import UseCode
from training.jobs.models import Job
from training.jobs.starting import behind
from training.jobs.states import JOB_MOVES, Desired, JobState
from training.runner.doorbell import ring_after_commit

TOPIC = "job.purpose"
WORD = "dataset.govern"  # whoever says what the data may be used for
_ANSWERED = (RequestState.APPROVED, RequestState.REJECTED)


class PurposeRefusedError(RefusedError):
    """The data's codes do not permit what the job is for; `missing` names each code and what would mend it."""

    code = "purpose_refused"

    def __init__(self, missing: Sequence[Missing], faults: Sequence[Fault] = ()) -> None:
        super().__init__(missing)
        self.faults = list(faults)


@dataclass(frozen=True)
class Weighing:
    """How a purpose stands at this moment: `missing` is in the way, `asking` only the owner can say."""

    missing: list[Missing]
    asking: list[Match]
    faults: list[Fault]
    number: int

    def require(self) -> Weighing:
        """Raises PurposeRefusedError when something is in the way."""
        if self.missing:
            raise PurposeRefusedError(self.missing, self.faults)
        return self


def weigh(job: Job, by: User) -> Weighing:
    """The purpose of a job against the codes that count now, and against the answer the owner gave, if they did."""
    dataset = job.dataset_version.dataset
    number = dataset.use_terms.filter(current=True).values_list("number", flat=True).first() or 0
    statement = statement_of(job.purpose)
    found = match(dataset, statement, by)
    missing, asking = refusals(dataset, found), for_humans(found)
    missing += _of_the_start(job, statement, by)
    answer = _answer(job, number) if asking else None
    if answer is not None:
        asking = []
        if answer.state == RequestState.REJECTED:
            text = _("%(owner)s does not permit this job: %(reason)s It can be asked again with another purpose.")
            facts = {"owner": dataset.organisation, "reason": answer.reason}
            missing.append(Missing("use.declined", text % facts, reverse("registry:dataset_uses", args=[dataset.pk])))
    return Weighing(missing, asking, [_fault(one, job) for one in found if one.verdict == "refuse"], number)


def _of_the_start(job: Job, statement: Statement, by: User) -> list[Missing]:
    """What the data behind the model that the job starts from has against it.

    A code that leaves it to the owner counts as a no here: a job asks one owner, that of the data it trains on.
    """
    if job.start_version is None:
        return []
    missing = []
    for dataset in behind(job.start_version).exclude(pk=job.dataset_version.dataset_id):
        found = match(dataset, statement, by)
        missing += refusals(dataset, found)
        text = _("“%(model)s” was trained on “%(dataset)s”, and its code “%(code)s” leaves this use to %(owner)s.")
        url = reverse("registry:dataset_uses", args=[dataset.pk])
        for one in for_humans(found):
            facts = {"model": job.start_version, "dataset": dataset, "code": one.label, "owner": dataset.organisation}
            missing.append(Missing(f"use.{one.code}", text % facts, url))
    return missing


def datasets_of(job: Job) -> list[Dataset]:
    """All data whose codes a job has to fit: what it trains on, and what its start was made of."""
    return [job.dataset_version.dataset, *behind(job.start_version)]


def _answer(job: Job, number: int) -> Request | None:
    """What the owner said about this job, this purpose and this set of codes."""
    rows = Request.objects.filter(topic=TOPIC, subject_id=str(job.pk), state__in=_ANSWERED).order_by("-decided_at")
    this = {"number": number, "purpose": job.purpose}
    return next((row for row in rows if {key: row.data.get(key) for key in this} == this), None)


def _fault(one: Match, job: Job) -> Fault:
    """A refusal at the question that its code asks; an answer that was left out needs no other advice than that."""
    hint = one.mend if one.asks in job.purpose else ""
    return Fault(f"purpose.{one.asks}" if one.asks else "purpose", f"{one.label}: {one.reason}", hint)


def lost_by(job: Job, person: User) -> list[Missing]:
    """What a job that is under way, or about to be, has lost: roles, agreements, codes, the answer of the owner."""
    needed: list[tuple[str, Model]] = [("job.submit", job.project), ("dataset.train", job.dataset_version)]
    if job.start_version is not None:
        needed.append(("model.download", job.start_version))
    for word, obj in needed:
        missing = decide(person, word, obj).missing
        if missing:
            return list(missing)
    weighed = weigh(job, person)
    dataset = job.dataset_version.dataset
    url = reverse("registry:dataset_uses", args=[dataset.pk])
    text = _("The data-use code “%(code)s” needs an answer of %(owner)s: %(reason)s Resume the job to ask for it.")
    return weighed.missing + [
        Missing(f"use.{one.code}", text % {"code": one.label, "owner": dataset.organisation, "reason": one.reason}, url)
        for one in weighed.asking
    ]


def said(purpose: Any) -> dict[str, Any]:
    """A purpose as a job keeps it; raises FaultyInputError naming every answer at fault."""
    return statement_of(purpose).said()


def at_its_question(error: PurposeRefusedError) -> FaultyInputError:
    """The refusal as faults of a form, each at the question that its code asks."""
    declined = [Fault("", str(one.sentence)) for one in error.missing if one.code == "use.declined"]
    return FaultyInputError(error.faults + declined, field="purpose")


# --- the owner of the data
def ask_owner(job: Job, weighed: Weighing, by: User) -> Request:
    """Ask those who say what the data may be used for. Inside the verb that lets the job wait."""
    dataset = job.dataset_version.dataset
    return ask(
        topic=TOPIC,
        subject=job,
        title=f"{job.name[:80]}: may it be trained on “{dataset.name[:120]}”?",
        title_zh=f"{job.name[:80]}：可以使用“{dataset.name[:120]}”训练吗？",
        by=by,
        project=job.project,
        organisation=dataset.organisation,
        word=WORD,
        data={
            "dataset": str(dataset.pk),
            "number": weighed.number,
            "purpose": job.purpose,
            "codes": [one.code for one in weighed.asking],
        },
    )


def question_of(job: Job) -> Request | None:
    """What the owner is asked about a job that waits."""
    if job.state != JobState.WAITING:
        return None
    rows = Request.objects.open().filter(topic=TOPIC, subject_id=str(job.pk))
    return rows.select_related("organisation", "project", "asked_by", "receiver").first()


def withdraw_questions(jobs: Sequence[Job], by: User, reason: str = "") -> None:
    """Nobody need answer about these jobs any more. Before the jobs are locked, as an answer locks in this order."""
    lapse_requests(topic=TOPIC, subjects=jobs, by=by, reason=reason)


def _owner_said(request: Request, by: User) -> None:
    job = _waiting(request)
    if job is None:  # it was stopped in the same moment
        return
    if request.state == RequestState.REJECTED:
        job.finished_at = timezone.now()
        _move(job, "decline", by, "owner_declined", request.reason)
        return
    send_on(job, by)


def _taken_back(request: Request, by: User) -> None:
    job = _waiting(request)
    if job is not None:
        job.desired, job.finished_at = Desired.STOP, timezone.now()
        _move(job, "stop_waiting", by, "stopped_by_person")


def send_on(job: Job, by: User) -> None:
    """A waiting job is weighed anew: into the queue, to the owner again, or paused with what it has lost meanwhile."""
    person = job.runs_as
    weighed = weigh(job, person)
    if weighed.asking and not weighed.missing:
        ask_owner(job, weighed, person)
        return
    with override(person.language):
        lost = " ".join(str(one.sentence) for one in lost_by(job, person))
    if lost:
        _move(job, "hold", by, "access_lost", lost)
        return
    job.queued_at = timezone.now()
    _move(job, "permit", by)
    ring_after_commit()


def _move(job: Job, move: str, by: User, reason: str = "", detail: str = "") -> None:
    job.state = JOB_MOVES.require(move, job.state, what=str(job))
    job.reason, job.reason_detail = reason, detail[:500]
    job.save(update_fields=["state", "desired", "reason", "reason_detail", "queued_at", "finished_at"])
    record(verb=f"job.{move}", subject=job, by=by, project_id=job.project_id, data={"name": job.name})


def _waiting(request: Request) -> Job | None:
    rows = Job.objects.select_for_update(of=("self",)).select_related(
        "project", "runs_as", "dataset_version__dataset__project", "dataset_version__dataset__organisation"
    )
    return rows.filter(pk=request.subject_id, state=JobState.WAITING).first()


def uses_changed(dataset: Dataset, by: User) -> None:
    """Jobs that wait for an answer about codes that count no longer are weighed anew."""
    waiting = list(Job.objects.filter(dataset_version__dataset=dataset, state=JobState.WAITING))
    if not waiting:
        return
    withdraw_questions(waiting, by, _("The data-use codes changed in the meantime."))
    rows = Job.objects.select_for_update(of=("self",)).select_related(
        "project", "runs_as", "dataset_version__dataset__project", "dataset_version__dataset__organisation"
    )
    for job in rows.filter(pk__in=[one.pk for one in waiting], state=JobState.WAITING).order_by("pk"):
        send_on(job, by)


def _facts(request: Request) -> list[tuple[str, str]]:
    """What the owner must know to answer: the purpose, and the codes that leave it to them."""
    codes = UseCode.objects.filter(
        terms__dataset=request.data["dataset"], terms__number=request.data["number"], code__in=request.data["codes"]
    ).with_names()
    asking = [(str(code), code.parameter or str(code.spec.explanation)) for code in codes]
    return told(request.data["purpose"]) + asking


register_topic(
    Topic(
        TOPIC,
        gettext_lazy("Purpose of a training job"),
        decisions=(Decision.APPROVED, Decision.REJECTED),
        on_decided=_owner_said,
        on_withdrawn=_taken_back,
        asker_may_decide=True,  # who holds the word could as well change the codes
        effect=lambda request: gettext_lazy(
            "The job is queued, for this purpose and as long as these codes count; then you are asked again."
        ),
        facts=_facts,
    )
)
