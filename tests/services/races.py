"""Many acts at the same moment, on a database where they really are. Run by test_postgres.py, which starts one."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.invitations import accept_invitation
from collab.accounts.invitations import digest_of as digest_of_link
from collab.accounts.models import Invitation, Membership, OrganisationUnit, User
from collab.accounts.services import add_unit, deactivate_person, edit_organisation, edit_unit, leave_organisation
from collab.agreements.approving import add_step, approve_step, return_step, submit_version
from collab.agreements.asking import SIGNATURE
from collab.agreements.models import Agreement, AgreementVersion, Signature
from collab.agreements.services import (
    decline_version,
    draft_agreement,
    draft_version,
    edit_version,
    send_for_signature,
    sign_version,
    withdraw_version,
)
from collab.audit.models import AuditEvent
from collab.audit.services import first_break, record
from collab.courses.certificates.models import Certificate
from collab.courses.taking import answer_quiz, begin_quiz
from collab.ethics.deciding import decide_case as decide_ethics
from collab.inbox.absences import begin_absence
from collab.inbox.mailing import send_due
from collab.inbox.models import Obligation, Request
from collab.inbox.services import QUESTION, ask, decide_request, meet_condition, notify, set_obligation
from collab.inbox.topics import TOPICS
from collab.internships.applications.deciding import decide_application, make_offer, rank_students, renew_offer
from collab.internships.applications.rounds import confirm_matching, run_matching
from collab.internships.applications.services import answer_offer, rank_choices
from collab.internships.models import Application, Placement
from collab.internships.placements.services import move_placement
from collab.internships.placements.signing import draft_learning_agreement, sign_as_student
from collab.kernel.errors import ConflictError, DomainError, ExpiredError, InvalidError, StaleError
from collab.projects.models import Project
from collab.projects.services import add_member, add_party, edit_project, end_membership
from collab.transfer.licences.models import Licence
from collab.transfer.protection.models import Family, Protection, ProtectionCost
from collab.transfer.royalties.distributing import decide_distribution, propose_distribution, withdraw_distribution
from collab.transfer.royalties.models import LedgerEntry
from collab.transfer.royalties.scheduling import add_payment
from registry.catalog.models import ModelVersion
from registry.catalog.services import TrainedModel, register_version
from registry.datasets.models import Dataset
from registry.datasets.services import create_dataset
from registry.uses.services import CodeTerm, set_uses
from tests.cast import employ, organisation, person
from tests.collab.courses.conftest import School, a_course, right
from tests.collab.ethics.test_services import Panel
from tests.collab.internships.season import season
from tests.licensing import office_of
from tests.royalties import FIRST, books_of
from training.jobs import lifecycle
from training.jobs.models import Attempt, Job
from training.jobs.services import stop_job, submit_job, suggest

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="run by tests/services/test_postgres.py"),
]


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run each act in a thread with its own connection, all from the same moment on; results, or what was raised."""
    results: list[Any] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(index: int) -> None:
        try:
            start.wait(30)
            results[index] = acts[index]()
        except Exception as fault:
            results[index] = fault
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not [thread for thread in threads if thread.is_alive()], "a thread hangs: a deadlock?"
    return results


def acts(verb: str) -> int:
    return AuditEvent.objects.filter(verb=verb).count()


AGREEMENTS = int(os.environ.get("RACE_AGREEMENTS", "40"))


def signing(joint: Any, parties: int) -> list[tuple[User, Any]]:
    """So many signatories, each of a party of the project."""
    signers = [(joint.university_signatory, joint.university), (joint.company_signatory, joint.company)]
    for number in range(3, parties + 1):
        party = organisation(f"Party {number}")
        add_party(project=joint.project, organisation=party, by=joint.lead)
        signers.append((employ(person(f"Director {number}"), party, Role.SIGNATORY), party))
    return signers


def test_every_agreement_is_sealed_exactly_once(aurora):
    """Two to five parties sign at the same moment, and one of them twice. RACE_AGREEMENTS=1000 for the long run."""
    everybody = signing(aurora, 5)
    out = []
    for number in range(AGREEMENTS):
        agreement = draft_agreement(
            project=aurora.project, reference=f"A-{number}", kind="nda", title="A", by=aurora.lead
        )
        signers = everybody[: 2 + number % 4]
        version = draft_version(
            agreement=agreement,
            text="t",
            effective_on=timezone.localdate(),
            by=aurora.lead,
            parties=[party for _user, party in signers],
        )
        out.append((send_for_signature(version=version, by=aurora.lead), signers))

    failures = []
    began = time.monotonic()
    for version, signers in out:

        def sign(user: User, party: Any, version: AgreementVersion = version) -> str:
            return sign_version(
                version=version,
                party=party,
                typed_name=user.name,
                capacity="Director",
                document_sha256=version.document_sha256,
                by=user,
            ).state

        crowd = [*signers, signers[0]]
        results = at_once([lambda u=user, p=party: sign(u, p) for user, party in crowd])
        failures += [result for result in results if isinstance(result, Exception)]

    took = time.monotonic() - began
    sys.stdout.write(f"{AGREEMENTS} agreements, {Signature.objects.count()} signatures in {took:.0f} s\n")
    assert failures == []
    assert AgreementVersion.objects.filter(state="executed").count() == AGREEMENTS
    assert acts("agreement.execute") == AGREEMENTS
    assert Signature.objects.count() == acts("agreement.sign") == sum(len(signers) for _version, signers in out)
    # those who joined afterwards are still asked about the joint project itself; about signatures nobody is
    assert not Request.objects.open().filter(topic=SIGNATURE).exists()
    assert first_break() is None


def test_declining_and_the_last_signature_at_once_end_it_one_way(aurora):
    """Either all have signed and it is executed, or one said no and it is not: never both."""
    (one, university), (two, company) = signing(aurora, 2)
    for number in range(10):
        agreement = draft_agreement(
            project=aurora.project, reference=f"D-{number}", kind="nda", title="A", by=aurora.lead
        )
        version = draft_version(agreement=agreement, text="t", effective_on=timezone.localdate(), by=aurora.lead)
        version = send_for_signature(version=version, by=aurora.lead)
        given = {"version": version, "capacity": "Director", "document_sha256": version.document_sha256}
        sign_version(**given, party=university, typed_name=one.name, by=one)
        at_once(
            [
                lambda g=given: sign_version(**g, party=company, typed_name=two.name, by=two),
                lambda v=version: decline_version(version=v, party=company, reason="No.", by=two),
                lambda v=version: withdraw_version(version=v, by=aurora.lead),
            ]
        )
        version.refresh_from_db()
        sealed = AuditEvent.objects.filter(verb="agreement.execute", subject_id=str(version.pk)).count()
        assert (version.state, sealed) in {("executed", 1), ("withdrawn", 0)}
    assert not Request.objects.open().exists() and first_break() is None


def test_decisions_on_steps_and_an_edit_at_once_do_not_block_each_other(aurora):
    """Two steps side by side, one approved, one returned, while the drafter edits: no deadlock, one consistent end."""
    registrar = employ(person("Registrar"), aurora.company, Role.ORGANISATION_ADMIN)
    for name in ("Legal", "Finance"):
        add_step(organisation=aurora.company, name=name, by=registrar)
    for number in range(10):
        agreement = draft_agreement(
            project=aurora.project, reference=f"S-{number}", kind="nda", title="A", by=aurora.lead
        )
        version = draft_version(agreement=agreement, text="t", effective_on=timezone.localdate(), by=aurora.lead)
        version = submit_version(version=version, by=aurora.lead)
        legal, finance = version.approvals.order_by("step__name").select_related("version", "step")
        results = at_once(
            [
                lambda a=legal: approve_step(approval=a, by=registrar),
                lambda a=finance: return_step(approval=a, by=registrar, reason="No."),
                lambda v=version: edit_version(version=v, edit=v.version, text="u", by=aurora.lead),
            ]
        )
        faults = [result for result in results if isinstance(result, Exception)]
        assert all(isinstance(fault, DomainError) for fault in faults), faults
        version.refresh_from_db()
        edited = version.text == "u"
        assert version.state in ({"negotiation", "draft"} if edited else {"draft", "internal_review"})
        if version.state != "internal_review":
            assert not version.approvals.filter(state__in=["open", "approved"]).exists()
            keys = [str(pk) for pk in version.approvals.values_list("pk", flat=True)]
            assert not Request.objects.open().filter(subject_id__in=keys).exists()
    assert first_break() is None


@pytest.fixture
def ready(aurora):
    """Aurora, covered, with a dataset and a spec that fits."""
    aurora.cover(reference="DUA-1")
    version = aurora.dataset().latest()
    return aurora, version, suggest("causal-lm", version)["spec"]


def test_one_submit_sent_twenty_times_is_one_job(ready):
    aurora, _version, spec = ready

    def submit() -> Any:
        return submit_job(project=aurora.project, name="One", spec=spec, by=aurora.researcher, idempotency_key="k").pk

    results = at_once([submit] * 20)
    assert set(results) == {Job.objects.get().pk}
    assert acts("job.submit") == 1
    other = spec | {"train": spec["train"] | {"seed": 99}}
    with pytest.raises(InvalidError):
        submit_job(project=aurora.project, name="One", spec=other, by=aurora.researcher, idempotency_key="k")


def test_one_post_sent_twenty_times_has_one_effect_and_one_answer(aurora):
    client = Client()
    client.force_login(aurora.lead)
    cookie = client.cookies["sessionid"].value
    sent = {"project": aurora.project.slug, "reference": "NDA-9", "kind": "nda", "title": "Silence"}

    def post() -> Any:
        browser = Client(headers={"Idempotency-Key": "k"})
        browser.cookies["sessionid"] = cookie
        answer = browser.post("/api/v1/agreements/", sent, "application/json")
        return answer.status_code, answer.json()["id"]

    results = at_once([post] * 20)
    assert set(results) == {(201, str(Agreement.objects.get().pk))}
    assert acts("agreement.draft") == 1


def test_without_a_key_each_is_a_job_of_its_own(ready):
    aurora, _version, spec = ready
    jobs = at_once([lambda: submit_job(project=aurora.project, name="Many", spec=spec, by=aurora.researcher).pk] * 8)
    assert len(set(jobs)) == Job.objects.count() == 8


def test_the_chain_of_history_stays_whole_under_many_writers(aurora):
    before = AuditEvent.objects.count()

    def write() -> int:
        for number in range(100):
            with transaction.atomic():
                record(verb="test", subject=aurora.project, by=aurora.lead, data={"n": number})
        return 100

    assert at_once([write] * 4) == [100] * 4
    assert first_break() is None
    ids = list(AuditEvent.objects.order_by("id").values_list("id", flat=True))
    assert ids == list(range(1, before + 401))


def queued(ready, count: int) -> None:
    aurora, _version, spec = ready
    job = submit_job(project=aurora.project, name="Many", spec=spec, by=aurora.researcher)
    fields = {f.attname: getattr(job, f.attname) for f in Job._meta.concrete_fields if f.name not in {"id"}}
    Job.objects.bulk_create(Job(**fields) for _ in range(count - 1))


def test_every_waiting_job_is_claimed_once(ready):
    queued(ready, 40)

    def claim(host: str) -> list[Any]:
        mine = []
        while (job := lifecycle.claim(owner=host, host=host, cpus=1000)) is not None:
            mine.append(job.pk)
        return mine

    claimed = at_once([lambda h=f"host-{n}": claim(h) for n in range(4)])
    everything = [pk for mine in claimed for pk in mine]
    assert len(everything) == len(set(everything)) == 40
    assert Attempt.objects.count() == 40 and set(Job.objects.values_list("fence", flat=True)) == {1}


def test_a_machine_never_gives_more_processors_than_it_has(ready):
    queued(ready, 10)
    wanted = Job.objects.first().spec["resources"]["cpus"]
    claimed = at_once([lambda: lifecycle.claim(owner="h", host="h", cpus=3 * wanted)] * 8)
    assert sum(isinstance(job, Job) for job in claimed) == 3
    assert not [result for result in claimed if isinstance(result, Exception)]


def test_an_end_and_a_new_claim_do_not_both_write(ready):
    """The supervisor that was given up comes back while another attempt is claimed: only one fence counts."""
    queued(ready, 1)
    job = lifecycle.claim(owner="a", host="a", cpus=2)
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    results = at_once(
        [
            lambda: lifecycle.end_attempt(job_id=job.pk, fence=job.fence, ending=lifecycle.Ending("lost")),
            lambda: lifecycle.end_attempt(job_id=job.pk, fence=job.fence, ending=lifecycle.Ending("lost")),
            lambda: lifecycle.beat(job_id=job.pk, fence=job.fence, progress={"step": 1}),
        ]
    )
    assert sum(isinstance(result, Job) for result in results[:2]) == 1
    assert Job.objects.get().state == "queued" and acts("job.requeue") == 1


@pytest.mark.parametrize("answer", ["approved", "rejected"])
def test_a_stop_and_the_answer_of_the_owner_end_a_waiting_job_one_way(ready, answer):
    """Whoever is first, the job, what was asked and the history tell the same. Eight times: a race may be lucky."""
    aurora, version, spec = ready
    terms = [CodeTerm("ethics_required")]
    set_uses(dataset=version.dataset, codes=terms, version=0, by=aurora.lead)
    ends = set()
    for number in range(8):
        facts = {"project": aurora.project, "name": f"Run {number}", "spec": spec, "purpose": {"ethics": "E-1"}}
        job = submit_job(by=aurora.engineer, **facts)
        asked = Request.objects.get(topic="job.purpose", subject_id=str(job.pk))
        results = at_once(
            [
                lambda j=job: stop_job(job=j, by=aurora.engineer),
                lambda r=asked: decide_request(request=r, decision=answer, by=aurora.lead, reason="So."),
            ]
        )
        job.refresh_from_db()
        asked.refresh_from_db()
        stopped, decided = results
        assert isinstance(stopped, Job) and job.state == "stopped", results  # who stops a job sees it stopped
        if isinstance(decided, Request):
            want = ("stopped_by_person", "stop") if answer == "approved" else ("owner_declined", "run")
            assert (asked.state, job.reason, job.desired) == (answer, *want)
        else:
            assert isinstance(decided, ConflictError), results
            assert (asked.state, job.reason, job.desired) == ("withdrawn", "stopped_by_person", "stop")
        told = list(AuditEvent.objects.filter(subject_id=str(job.pk)).order_by("id").values_list("verb", flat=True))
        ways = {
            "withdrawn": ["job.submit", "job.stop"],
            "approved": ["job.submit", "job.permit", "job.stop"],
            "rejected": ["job.submit", "job.decline"],
        }
        assert told == ways[asked.state]
        ends.add(asked.state)
    assert ends <= {"withdrawn", answer} and not Request.objects.open().exists()
    assert first_break() is None


def test_two_edits_from_the_same_state_one_is_refused(aurora):
    version = Project.objects.get().version
    results = at_once(
        [
            lambda t=title: (
                edit_project(project=Project.objects.get(), by=aurora.lead, version=version, title=t, summary="").title
            )
            for title in ("North", "South")
        ]
    )
    assert sorted(isinstance(result, StaleError) for result in results) == [False, True]
    assert Project.objects.get().title in results and acts("project.edit") == 1


def test_the_last_two_leads_do_not_both_leave(aurora):
    add_member(
        project=aurora.project, user=aurora.researcher, organisation=aurora.university, role=Role.LEAD, by=aurora.lead
    )
    leads = list(Membership.objects.filter(project=aurora.project, role=Role.LEAD).select_related("user", "project"))
    results = at_once([lambda m=held: end_membership(membership=m, by=m.user) for held in leads])
    assert sorted(isinstance(result, ConflictError) for result in results) == [False, True]
    assert Membership.objects.active().filter(project=aurora.project, role=Role.LEAD).count() == 1


def test_an_invitation_accepted_five_times_at_once_makes_one_membership(aurora):
    boss = employ(person("Boss"), aurora.university, Role.ORGANISATION_ADMIN)
    guest = person("Guest")
    EmailAddress.objects.create(user=guest, email=guest.email, verified=True, primary=True)
    secret = "a-secret-that-is-long-enough"
    Invitation.objects.create(
        organisation=aurora.university,
        role=Role.EMPLOYEE,
        email=guest.email,
        invited_by=boss,
        expires_at=timezone.now() + timedelta(days=1),
        digest=digest_of_link(secret),
    )
    results = at_once([lambda: accept_invitation(secret=secret, by=User.objects.get(pk=guest.pk))] * 5)
    assert sum(isinstance(result, list) for result in results) == 1
    assert sum(isinstance(result, ExpiredError) for result in results) == 4, results
    assert Membership.objects.filter(user=guest).count() == acts("organisation.accept_invitation") == 1


def test_the_last_two_admins_do_not_both_go(aurora):
    admins = [employ(person(f"Admin {n}"), aurora.university, Role.ORGANISATION_ADMIN) for n in range(2)]
    root = person("Root", is_staff=True, is_superuser=True)
    first, second = admins
    results = at_once(
        [
            lambda: leave_organisation(organisation=aurora.university, by=first),
            lambda: deactivate_person(user=User.objects.get(pk=second.pk), by=root),
        ]
    )
    assert sorted(isinstance(result, ConflictError) for result in results) == [False, True], results
    held = Membership.objects.filter(organisation=aurora.university, role=Role.ORGANISATION_ADMIN)
    assert held.open_ended().count() == 1


def test_two_units_do_not_become_parts_of_each_other(aurora):
    boss = employ(person("Boss"), aurora.university, Role.ORGANISATION_ADMIN)
    law, arts = (add_unit(organisation=aurora.university, name=name, by=boss) for name in ("Law", "Arts"))
    results = at_once(
        [
            lambda: edit_unit(
                unit=OrganisationUnit.objects.get(pk=law.pk), by=boss, version=1, name="Law", parent=arts
            ),
            lambda: edit_unit(
                unit=OrganisationUnit.objects.get(pk=arts.pk), by=boss, version=1, name="Arts", parent=law
            ),
        ]
    )
    assert sorted(isinstance(result, InvalidError) for result in results) == [False, True], results
    assert OrganisationUnit.objects.filter(parent=None).count() == 1


def test_an_organisation_changed_twice_from_the_same_state(aurora):
    boss = employ(person("Boss"), aurora.university, Role.ORGANISATION_ADMIN)
    results = at_once(
        [
            lambda n=name: edit_organisation(organisation=aurora.university, by=boss, version=1, name=n).name
            for name in ("North", "South")
        ]
    )
    assert sorted(isinstance(result, StaleError) for result in results) == [False, True]
    assert acts("organisation.edit") == 1


def test_a_role_a_dataset_and_a_party_are_added_once(aurora):
    anna = employ(person("Anna"), aurora.company)
    other = organisation("Other")
    given = {"project": aurora.project, "user": anna, "organisation": aurora.company, "role": Role.ENGINEER}
    for act, count in (
        (
            lambda: add_member(**given, by=aurora.lead),
            lambda: Membership.objects.filter(user=anna).exclude(project=None),
        ),
        (lambda: create_dataset(project=aurora.project, name="One", by=aurora.lead), Dataset.objects.all),
        (lambda: add_party(project=aurora.project, organisation=other, by=aurora.lead), other.project_parties.all),
    ):
        results = at_once([act] * 5)
        assert count().count() == 1
        refusals = [result for result in results if isinstance(result, Exception)]
        assert len(refusals) == 4
        # Whoever comes second is told so by the verb, or by the database, which the site says as a 409.
        assert all(isinstance(fault, DomainError) or "duplicate key" in str(fault) for fault in refusals), refusals


def test_versions_of_a_model_are_numbered_without_a_gap(ready):
    aurora, _version, _spec = ready
    queued(ready, 8)
    jobs = list(Job.objects.all())
    trained = TrainedModel(
        task="causal-lm",
        architecture="gpt",
        parameters=1,
        metrics={"test/loss": 1.0},
        primary_metric="test/loss",
        baseline={},
        card="c",
        manifest={},
        manifest_sha256="1" * 64,
        size_bytes=1,
    )

    def register(job: Job) -> int:
        return register_version(
            project=aurora.project, name="Model", trained=trained, job_id=job.pk, by=aurora.researcher
        ).number

    numbers = at_once([lambda j=job: register(j) for job in [*jobs, *jobs[:2]]])  # two of them asked twice
    assert sorted(set(numbers)) == list(range(1, 9))
    assert ModelVersion.objects.count() == acts("model.register") == 8


def test_two_decide_at_once_and_one_is_told_who_did(aurora):
    """Of two deciders one wins; the other learns the name and the answer. Ten times, because a race may be lucky."""
    for number in range(10):
        asked = ask(
            topic=QUESTION,
            subject=aurora.project,
            title=f"May we, {number}?",
            by=aurora.engineer,
            project=aurora.project,
            organisation=aurora.university,
            word="agreement.end",
        )
        answers = {aurora.lead: "approved", aurora.university_signatory: "rejected"}
        results = at_once(
            [
                lambda r=asked, u=user, d=decision: decide_request(request=r, decision=d, by=u, reason="So.")
                for user, decision in answers.items()
            ]
        )
        won = [result for result in results if isinstance(result, Request)]
        lost = [result for result in results if isinstance(result, ConflictError)]
        assert len(won) == len(lost) == 1, results
        assert won[0].decided_by.name in str(lost[0]) and won[0].state in str(lost[0])
        assert Request.objects.get(pk=asked.pk).state == won[0].state
    assert acts("request.decide") == 10
    assert first_break() is None


def test_a_condition_is_met_once_and_the_topic_acts_once(aurora, monkeypatch):
    done = []
    hooked = replace(TOPICS[QUESTION], on_decided=lambda request, by: done.append(by))
    monkeypatch.setitem(TOPICS, QUESTION, hooked)
    asked = ask(
        topic=QUESTION,
        subject=aurora.project,
        title="May we?",
        by=aurora.engineer,
        project=aurora.project,
        word="project.edit",
    )
    decide_request(
        request=asked, decision="approved_with_conditions", conditions=["Report.", "Delete."], by=aurora.lead
    )
    results = at_once(
        [
            lambda c=condition: meet_condition(condition=c, by=aurora.lead, evidence="Done.")
            for condition in [*asked.conditions.all(), *asked.conditions.all()]
        ]
    )
    assert sorted(isinstance(result, ConflictError) for result in results) == [False, False, True, True]
    assert len(done) == 1 and acts("request.meet") == 2


def test_two_workers_send_each_mail_once(aurora, mailoutbox):
    for number in range(20):
        notify(people=[person(f"Reader {number}")], kind="request", title="News", url="/")
    results = at_once([send_due] * 4)
    assert sum(results) == len(mailoutbox) == 20


def test_two_colleagues_do_not_name_each_other(aurora):
    until = timezone.now() + timedelta(days=2)
    results = at_once(
        [
            lambda: begin_absence(by=aurora.lead, delegate=aurora.researcher, ends_at=until),
            lambda: begin_absence(by=aurora.researcher, delegate=aurora.lead, ends_at=until),
        ]
    )
    assert sorted(isinstance(result, InvalidError) for result in results) == [False, True], results


def test_a_date_set_by_many_is_one_row(aurora):
    def set_it() -> Any:
        return set_obligation(
            source=aurora.project,
            kind="report",
            title="Report",
            due_on=timezone.localdate(),
            url="/",
            project=aurora.project,
        ).pk

    results = at_once([set_it] * 6)
    assert set(results) == {Obligation.objects.get().pk}, results


def test_of_two_exclusive_licences_signed_at_once_one_counts(aurora):
    """Both term sheets were possible when they were drafted; whoever signs last is told what stands against it."""
    office = office_of(aurora)
    out = [office.send(office.draft(licensee=firm)) for firm in (office.firm, office.rival)]
    for version in out:
        _sign_licence(version, aurora.university, aurora.university_signatory)
    results = at_once(
        [
            lambda: _sign_licence(out[0], office.firm, office.firm_signatory),
            lambda: _sign_licence(out[1], office.rival, office.rival_signatory),
        ]
    )
    assert sorted(isinstance(result, ConflictError) for result in results) == [False, True], results
    assert Licence.objects.in_force().count() == 1


def test_two_receipts_entered_at_once_pay_an_invoice_once(aurora):
    """Each alone would pay 3,000 of the 5,000; together they pay all of it, and 1,000 stays over."""
    books = books_of(office_of(aurora))
    invoice = books.invoiced(0)
    results = at_once([lambda: books.receive("3000.00").matched] * 2)
    assert sorted(results, key=str) == [200_000, 300_000], results
    invoice.refresh_from_db()
    assert (invoice.paid, invoice.state) == (500_000, "paid")


@pytest.mark.parametrize("licences", [1, 2])
def test_a_cost_is_asked_for_by_hand_once_under_one_licence_or_two(aurora, licences):
    books = books_of(office_of(aurora))
    family = Family.objects.create(case=books.case, number=1, title="Family", created_by=books.officer)
    right = Protection.objects.create(family=family, kind="national", jurisdiction="US", created_by=books.officer)
    cost = ProtectionCost.objects.create(
        protection=right, kind="counsel", amount=Decimal("600.00"), currency="EUR", incurred_on=FIRST, paid_on=FIRST,
        entered_by=books.officer,
    )  # fmt: skip
    of = [books.licence, books.licence]
    if licences == 2:
        facts = {"licensee": books.office.rival, "exclusivity": "non_exclusive", "fields": ["energy"]}
        of[1] = books.office.execute(case=books.case, **facts)

    def ask(licence: Licence) -> int:
        facts = {"kind": "costs", "title": "Filing", "currency": "EUR", "due_on": timezone.localdate()}
        return add_payment(
            licence=licence, cost=cost, amount=Decimal("600.00"), by=books.officer, **facts
        ).amount  # fmt: skip

    results = at_once([lambda one=one: ask(one) for one in [*of, *of]])
    assert [one for one in results if not isinstance(one, InvalidError)] == [600_00], results


def test_a_distribution_is_approved_or_withdrawn_or_rejected_once(aurora):
    """Three press at the same moment; whatever wins, every cent of the receipt is where the ledger says it is."""
    books = books_of(office_of(aurora))
    books.invoiced(0)
    receipt = books.receive("5000.00")
    third = employ(person("Thea Third"), aurora.university, Role.TRANSFER_OFFICER)
    row = propose_distribution(organisation=books.organisation, by=books.officer)
    results = at_once(
        [
            lambda: decide_distribution(distribution=row, decision="approved", by=books.second).state,
            lambda: decide_distribution(distribution=row, decision="rejected", reason="No.", by=third).state,
            lambda: withdraw_distribution(distribution=row, by=books.officer).state,
        ]
    )
    won = [result for result in results if isinstance(result, str)]
    assert len(won) == 1 and all(isinstance(one, DomainError) for one in results if one not in won), results
    row.refresh_from_db()
    receipt.refresh_from_db()
    assert row.state == won[0]
    assert receipt.booked == receipt.distributed + receipt.retained + receipt.undistributed
    assert bool(receipt.distributed) == (row.state == "posted") == LedgerEntry.objects.filter(distribution=row).exists()


def test_the_answers_of_a_quiz_sent_eight_times_count_once(aurora):
    teacher = employ(person("Tina Teacher"), aurora.university, Role.COORDINATOR)
    school = School(aurora, teacher, (course := a_course(aurora, teacher, pass_mark=100)), course.versions.get())
    learner = aurora.researcher
    enrolment = school.study(learner)
    attempts = {one.pk for one in at_once([lambda: begin_quiz(enrolment=enrolment, by=learner)] * 4)}
    assert len(attempts) == 1, "an attempt that is open is gone on with"
    attempt = enrolment.attempts.get()
    results = at_once([lambda: answer_quiz(attempt=attempt, answers=right(enrolment), by=learner).state] * 8)
    refused = [one.code for one in results if isinstance(one, ConflictError)]
    assert (results.count("submitted"), refused) == (1, ["replayed"] * 7), results
    assert Certificate.objects.filter(person=learner).count() == 1 and first_break() is None


def test_an_ethics_case_is_decided_once(aurora):
    """The chair and another chair at the same moment: one decision holds, and the other is told that it is not open."""
    panel = Panel(aurora)
    other = employ(person("Other Chair"), aurora.university, Role.ETHICS_CHAIR)
    case = panel.reviewed(panel.case())
    results = at_once(
        [
            lambda: panel.approve(case).state,
            lambda: decide_ethics(case=case, decision="rejected", reason="No.", by=other).state,
        ]
    )
    won = [one for one in results if isinstance(one, str)]
    assert len(won) == 1 and len([one for one in results if isinstance(one, ConflictError)]) == 1, results
    case.refresh_from_db()
    assert case.state == won[0] and acts("ethics.approve") + acts("ethics.reject") == 1 and first_break() is None


def _sign_licence(version: AgreementVersion, party: Any, user: User) -> str:
    return sign_version(
        version=version,
        party=party,
        typed_name=user.name,
        capacity="Director",
        document_sha256=version.document_sha256,
        by=user,
    ).state


def test_an_offer_is_taken_back_or_accepted_and_a_declined_one_renewed_or_outdone(aurora):
    """The host takes an offer back while the student accepts it; later renews one while the student accepts another."""
    summer = season(aurora)
    for number in range(3):
        student, posting = summer.student(f"Student {number}"), summer.offer(title=f"Place {number}")
        offer = make_offer(application=summer.apply(student, posting), by=summer.host)
        facts = {"application": offer, "reason": "No money", "by": summer.host}
        results = at_once(
            [
                lambda offer=offer, by=student: answer_offer(application=offer, accept=True, by=by).state,
                lambda facts=facts: decide_application(move="retract", **facts).state,
            ]
        )
        state = Application.objects.get(pk=offer.pk).state
        assert state in {"accepted", "applied"}, results
        assert Placement.objects.filter(student=student).count() == (state == "accepted")
        assert len([one for one in results if isinstance(one, ConflictError)]) == 1, results

        rival = summer.student(f"Rival {number}")
        first, second = (summer.apply(rival, summer.offer(title=f"{title} {number}")) for title in ("One", "Two"))
        first, second = (make_offer(application=row, by=summer.host) for row in (first, second))
        answer_offer(application=first, accept=False, by=rival)
        results = at_once(
            [
                lambda row=second, by=rival: answer_offer(application=row, accept=True, by=by).state,
                lambda row=first: renew_offer(application=row, by=summer.host).state,
            ]
        )
        assert results[0] == "accepted", results
        states = {row.pk: (row.state, row.seat) for row in (Application.objects.filter(candidate=rival))}
        assert states[first.pk] in {("withdrawn", None), ("declined", None)}, results


def test_the_last_seat_goes_to_one_of_two(aurora):
    """Two are offered the only place at the same moment; later one student accepts two places at the same moment."""
    summer = season(aurora)
    students = [summer.student(f"Student {number}") for number in range(2)]
    applications = [summer.apply(student) for student in students]
    results = at_once([lambda row=row: make_offer(application=row, by=summer.host).state for row in applications])
    refused = [one for one in results if isinstance(one, ConflictError)]
    assert (results.count("offered"), [one.code for one in refused]) == (1, ["no_seat"])
    assert Application.objects.filter(posting=summer.posting).exclude(seat=None).count() == 1
    assert acts("application.offer") == 1

    offers = []
    for title in ("First", "Second"):
        posting = summer.offer(title=title)
        offers.append(make_offer(application=summer.apply(students[0], posting), by=summer.host))
    answers = at_once(
        [lambda row=row: answer_offer(application=row, accept=True, by=students[0]).state for row in offers]
    )
    assert answers.count("accepted") == 1 and len([one for one in answers if isinstance(one, DomainError)]) == 1, (
        answers
    )
    assert Placement.objects.filter(student=students[0]).count() == 1
    assert first_break() is None


def test_a_matching_is_confirmed_while_its_students_accept_other_places(aurora):
    """All lock cohort, postings and applications in one order, so that nobody waits in a circle."""
    summer = season(aurora)
    students = [summer.student(f"Student {number}") for number in range(3)]
    first, second, by_hand = (summer.offer(title=title, places=3) for title in ("First", "Second", "By hand"))
    rows = {(student, one): summer.apply(student, one) for student in students for one in (first, second)}
    for number, student in enumerate(students):
        posting = (first, second)[number % 2]
        rank_choices(cohort=summer.cohort, order=[rows[student, posting]], by=student)
    for posting in (first, second):
        rank_students(posting=posting, order=[rows[student, posting] for student in students], by=summer.host)
    others = [summer.apply(student, by_hand) for student in students]
    with time_machine.travel(summer.cohort.ranking_ends_at + timedelta(seconds=1)):
        matching = run_matching(cohort=summer.cohort, by=summer.coordinator)
    assert len(matching.pairs) == 3
    offers = [make_offer(application=row, by=summer.host) for row in others]
    results = at_once(
        [
            lambda: confirm_matching(matching=matching, by=summer.coordinator),
            *[lambda row=row: answer_offer(application=row, accept=True, by=row.candidate) for row in offers],
        ]
    )
    assert not isinstance(results[0], Exception) or isinstance(results[0], ConflictError), results
    assert not [one for one in results[1:] if isinstance(one, Exception)], results
    assert Placement.objects.count() == 3 and first_break() is None


def test_a_placement_is_cancelled_while_a_party_declines_its_agreement(aurora):
    summer = season(aurora)
    placement = summer.approved(summer.described(summer.accepted(summer.student())))
    version = draft_learning_agreement(placement=placement, governing_law="Scotland", by=summer.coordinator)
    no = {"version": version, "party": aurora.company, "reason": "No.", "by": aurora.company_signatory}
    yes = {"placement": placement, "typed_name": placement.student.name, "document_sha256": version.document_sha256}
    results = at_once(
        [
            lambda: decline_version(**no),
            lambda: sign_as_student(by=placement.student, **yes),
            lambda: move_placement(placement=placement, move="cancel", reason="No visa", by=summer.coordinator),
        ]
    )
    assert all(isinstance(one, DomainError) for one in results if isinstance(one, Exception)), results
    placement.refresh_from_db()
    version.refresh_from_db()
    assert (placement.state, version.state) == ("cancelled", "withdrawn") and first_break() is None
