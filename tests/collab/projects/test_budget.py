"""Money: lines, costs, thresholds, training booked once, and the curve of plan and spending."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from collab.kernel.errors import ConflictError, InvalidError, RefusedError, StaleError
from collab.projects.models import Budget, BudgetAlert, CostEntry, ProjectParty
from collab.projects.services import (
    add_line,
    book_cost,
    book_training_cost,
    edit_lines,
    set_budget,
    set_training_rate,
)
from collab.projects.services.budget import burn
from training.jobs.lifecycle import Ending, claim, end_attempt
from training.jobs.models import Job
from training.jobs.services import submit_job, suggest

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate


def line(made, **facts):
    party = ProjectParty.objects.select_related("organisation").get(project=made.project, organisation=made.company)
    given = {
        "party": party, "category": "compute", "starts_on": TODAY().replace(day=1),
        "ends_on": TODAY() + timedelta(days=60), "planned": Decimal("100.00"),
    }  # fmt: skip
    return add_line(project=made.project, by=made.lead, **(given | facts))


def train(made, seconds, attempt=None, **facts):
    given = {"ended_at": timezone.now(), "runs_as": made.engineer, "name": "Run"} | facts
    return book_training_cost(
        project_id=made.project.pk, attempt=attempt or uuid4(), cpu_seconds=Decimal(seconds), **given
    )


def test_lines_are_added_and_changed_in_one_act(aurora):
    one, two = line(aurora), line(aurora, category="travel")
    version = Budget.objects.get().version
    changes = {one.pk: {"planned": Decimal("250.00")}, two.pk: {"committed": Decimal("12.345")}}
    edit_lines(project=aurora.project, changes=changes, by=aurora.lead, version=version)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.planned, two.committed) == (Decimal("250.00"), Decimal("12.35"))
    with pytest.raises(StaleError):
        edit_lines(project=aurora.project, changes=changes, by=aurora.lead, version=version)
    with pytest.raises(RefusedError):
        edit_lines(project=aurora.project, changes={}, by=aurora.engineer, version=version)


@pytest.mark.parametrize(
    "wrong",
    [{"planned": Decimal(-1)}, {"planned": Decimal("NaN")}, {"planned": Decimal("1e15")}, {"category": "gold"},
     {"ends_on": date(2001, 1, 1)}],
)  # fmt: skip
def test_lines_that_make_no_sense_are_refused(aurora, wrong):
    with pytest.raises(InvalidError):
        line(aurora, **wrong)


def test_a_line_stands_once(aurora):
    line(aurora)
    with pytest.raises(ConflictError):
        line(aurora)


def test_sums_of_costs_are_exact(aurora):
    made = line(aurora)
    for _ in range(30):
        book_cost(line=made, amount=Decimal("0.10"), on=TODAY(), by=aurora.lead)
    book_cost(line=made, amount=Decimal("-1.00"), on=TODAY(), by=aurora.lead, note="twice")
    made.refresh_from_db()
    assert made.actual == Decimal("2.00") == sum(CostEntry.objects.values_list("amount", flat=True))
    with pytest.raises(InvalidError):
        book_cost(line=made, amount=Decimal(1), on=TODAY() + timedelta(days=1), by=aurora.lead)
    with pytest.raises(InvalidError):
        book_cost(line=made, amount=Decimal(0), on=TODAY(), by=aurora.lead)


def test_a_threshold_tells_once_until_it_falls_below(aurora):
    made = line(aurora)
    book_cost(line=made, amount=Decimal(85), on=TODAY(), by=aurora.lead)
    book_cost(line=made, amount=Decimal(1), on=TODAY(), by=aurora.lead)
    assert list(BudgetAlert.objects.values_list("threshold", flat=True)) == [80]
    book_cost(line=made, amount=Decimal(-50), on=TODAY(), by=aurora.lead)
    assert not BudgetAlert.objects.filter(cleared_at=None).exists()
    book_cost(line=made, amount=Decimal(70), on=TODAY(), by=aurora.lead)
    assert sorted(BudgetAlert.objects.filter(cleared_at=None).values_list("threshold", flat=True)) == [80, 100]


def test_the_currency_stays_once_costs_are_booked(aurora):
    made = line(aurora)
    budget = set_budget(
        project=aurora.project, by=aurora.lead, version=Budget.objects.get().version, currency="CNY", thresholds=[50]
    )
    book_cost(line=made, amount=Decimal(1), on=TODAY(), by=aurora.lead)
    version = Budget.objects.get().version
    with pytest.raises(ConflictError):
        set_budget(project=aurora.project, by=aurora.lead, version=version, currency="EUR", thresholds=[50])
    with pytest.raises(InvalidError):
        set_budget(project=aurora.project, by=aurora.lead, version=version, currency="CNY", thresholds=[0])
    assert budget.currency == "CNY"


# --- training
def test_training_is_booked_once_at_the_price_of_its_day(aurora):
    made = line(aurora)
    rate = {"project": aurora.project, "by": aurora.lead}
    set_training_rate(per_cpu_hour=Decimal("0.5000"), valid_from=TODAY() - timedelta(days=30), **rate)
    set_training_rate(per_cpu_hour=Decimal("2.0000"), valid_from=TODAY(), **rate)
    set_training_rate(per_cpu_hour=Decimal("9.0000"), valid_from=TODAY() + timedelta(days=1), **rate)
    attempt = uuid4()
    entry = train(aurora, 3600 * 3, attempt)
    assert (entry.amount, entry.line) == (Decimal("6.00"), made)
    assert train(aurora, 3600 * 3, attempt).pk == entry.pk
    made.refresh_from_db()
    assert made.actual == Decimal("6.00") and CostEntry.objects.count() == 1
    earlier = train(aurora, 3600, ended_at=timezone.now() - timedelta(days=2))
    assert earlier.amount == Decimal("0.50")
    with pytest.raises(ConflictError):
        set_training_rate(per_cpu_hour=Decimal(1), valid_from=TODAY(), **rate)


def test_training_without_a_price_or_a_line(aurora):
    assert train(aurora, 3600) is None
    set_training_rate(project=aurora.project, per_cpu_hour=Decimal(1), valid_from=TODAY(), by=aurora.lead)
    entry = train(aurora, 3600)
    assert entry.line.party.organisation == aurora.company  # for whom the engineer works
    assert entry.line.planned == 0 and entry.line.starts_on == TODAY().replace(day=1)
    assert train(aurora, 1) is None  # less than a cent


def test_an_attempt_that_ends_is_booked_by_its_lifecycle(aurora):
    aurora.cover(reference="DUA-1")
    set_training_rate(project=aurora.project, per_cpu_hour=Decimal("3600"), valid_from=TODAY(), by=aurora.lead)
    spec = suggest("causal-lm", aurora.dataset().latest())["spec"]
    submit_job(project=aurora.project, name="Run", spec=spec, by=aurora.engineer)
    job = claim(owner="me", host="here", cpus=64)
    attempt = job.attempts.get()
    type(attempt).objects.filter(pk=attempt.pk).update(started_at=timezone.now() - timedelta(seconds=10))
    end_attempt(job_id=job.pk, fence=job.fence, ending=Ending(reason="diverged"))
    entry = CostEntry.objects.get()
    cpus = int(spec.get("resources", {}).get("cpus") or 1)
    assert entry.reference == str(attempt.pk)
    assert Decimal(10 * cpus) <= entry.amount < Decimal(14 * cpus)
    assert Job.objects.get().state == "failed"


def test_the_curve_sums_up_plan_and_spending(aurora):
    start = date(2026, 1, 1)
    made = line(aurora, starts_on=start, ends_on=date(2026, 12, 31), planned=Decimal("365.00"))
    book_cost(line=made, amount=Decimal(40), on=date(2026, 2, 3), by=aurora.lead)
    rows = burn(Budget.objects.get())
    assert [row["planned"] for row in rows[:2]] == [Decimal("31.00"), Decimal("59.00")]
    assert [row["actual"] for row in rows[:3]] == [0, Decimal(40), Decimal(40)]
    assert rows[-1]["planned"] == Decimal("365.00")
