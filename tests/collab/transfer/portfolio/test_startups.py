"""Start-ups: entered with what they build on, moved by dated moves, and never more than 100 % of one given away."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from collab.kernel.errors import ConflictError, InvalidError, NotFoundError, StaleError
from collab.transfer.models import EquityHolding, StartUp
from collab.transfer.portfolio.models import shares_on
from collab.transfer.portfolio.services import change_equity, edit_startup, found_startup, move_startup
from tests.cast import organisation, token_for
from tests.collab.transfer.protection.ground import case_of, day, officer_of
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(aurora):
    return officer_of(aurora)


@pytest.fixture
def robots(aurora, officer) -> StartUp:
    return found_startup(
        organisation=aurora.university, name="Soft Robots", name_zh="软体机器人", country="de", founded_on=day(-400),
        cases=[case_of(aurora)], founders=[aurora.researcher], by=officer,
    )  # fmt: skip


def hold(startup, holder, percent, from_on, by, **more) -> EquityHolding:
    return change_equity(startup=startup, holder=holder, percent=Decimal(percent), from_on=from_on, by=by, **more)


def test_shares_are_dated_rows_and_never_more_than_the_whole(aurora, officer, robots):
    fund = organisation("Fund")
    hold(robots, aurora.university, "12.5", day(-400), officer, event="founding")
    hold(robots, aurora.company, "80", day(-300), officer)
    with pytest.raises(InvalidError) as raised:
        hold(robots, fund, "7.5001", day(-200), officer)
    assert raised.value.field == "percent" and "100.0001" in str(raised.value)

    hold(robots, fund, "7.5", day(-200), officer)
    with pytest.raises(InvalidError, match=r"100\.5"):  # earlier, but what it makes later counts as well
        hold(robots, aurora.university, "13", day(-250), officer)
    hold(robots, aurora.university, "10", day(-100), officer, event="dilution")
    hold(robots, aurora.university, "9", day(-100), officer, event="dilution")  # the same day corrects

    rows = list(robots.holdings.all())
    assert [row.percent for row in shares_on(rows, day(-350))] == [Decimal("12.5")]
    assert {row.holder: row.percent for row in shares_on(rows)} == {
        aurora.company: 80, aurora.university: 9, fund: Decimal("7.5"),
    }  # fmt: skip
    assert StartUp.objects.with_rows().get().own_percent == 9


def test_what_cannot_be_is_refused_at_its_field(aurora, officer, robots):
    def refused(field: str, **facts: object) -> None:
        given = {"holder": aurora.university, "percent": Decimal(1), "from_on": day(-1), "by": officer} | facts
        with pytest.raises(InvalidError) as raised:
            change_equity(startup=robots, **given)
        assert raised.value.field == field

    refused("from_on", from_on=day(1))
    refused("from_on", from_on=day(-401))
    refused("percent", percent=Decimal("100.1"))
    refused("percent", percent=Decimal(-1))
    refused("licence", event="licence")
    with pytest.raises(InvalidError) as raised:
        found_startup(
            organisation=aurora.university, name="Late", country="DE", founded_on=day(1), by=officer
        )  # fmt: skip
    assert raised.value.field == "founded_on"
    with pytest.raises(InvalidError, match="entered already"):
        found_startup(
            organisation=aurora.university, name="Soft Robots", country="DE", founded_on=date(2020, 1, 1), by=officer
        )
    with pytest.raises(NotFoundError):  # not even there for them
        edit_startup(startup=robots, by=aurora.lead, version=robots.version, note="Mine")
    for facts in ({"percent": 101}, {"percent": 1, "event": "licence"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            EquityHolding.objects.create(
                startup=robots, holder=aurora.company, from_on=day(0), entered_by=officer, **facts
            )


def test_it_moves_by_its_table_and_keeps_its_days(aurora, officer, robots):
    with pytest.raises(InvalidError, match="comes before"):
        move_startup(startup=robots, move="start", on=day(-401), by=officer)
    moved = move_startup(startup=robots, move="start", on=day(-300), by=officer)
    with pytest.raises(StaleError):
        move_startup(startup=robots, move="acquire", on=day(-9), acquired_by="Big", by=officer, version=robots.version)
    with pytest.raises(InvalidError, match="who acquired"):
        move_startup(startup=robots, move="acquire", on=day(-9), by=officer)
    moved = move_startup(
        startup=robots, move="acquire", on=day(-9), acquired_by="Big Robots", by=officer, version=moved.version
    )
    moved = move_startup(startup=moved, move="close", on=day(-1), reason="Merged into its owner", by=officer)
    assert (moved.state, moved.active_on, moved.acquired_on, moved.closed_on) == ("closed", day(-300), day(-9), day(-1))
    with pytest.raises(ConflictError, match="closed"):
        hold(robots, aurora.university, "1", day(-2), officer)
    with pytest.raises(ConflictError):
        move_startup(startup=moved, move="start", on=day(0), by=officer)
    with pytest.raises(IntegrityError), transaction.atomic():
        StartUp.objects.update(state="active")


def test_its_pages_tell_and_change_it(aurora, officer, robots):
    client = as_(officer)
    url = f"/transfer/startups/{robots.pk}/"
    sent = {"holder": aurora.university.pk, "percent": "20", "from_on": day(-10), "event": "founding", "version": 1}
    assert client.post(f"{url}equity/new/", sent).status_code == 302
    assert "20 %" in text(client.get(url)) and "RU-1" in text(client.get(url))
    again = client.post(f"{url}edit/", {"name": "Other", "country": "DE", "founded_on": day(-400), "version": 1})
    assert again.status_code == 412 and "Somebody changed it" in text(again)
    made = client.post(
        "/transfer/startups/new/",
        {"organisation": aurora.university.pk, "name": "Second", "country": "cn", "founded_on": day(-1)},
    )
    assert made.status_code == 302 and StartUp.objects.get(name="Second").country == "CN"
    assert "Second" in text(client.get("/transfer/startups/?country=CN"))
    assert "Second" not in text(client.get("/transfer/startups/?q=RU-1"))
    assert client.get("/transfer/startups/").status_code == 200
    assert "No start-up yet" in text(as_(aurora.engineer).get("/transfer/startups/"))


def test_lists_take_the_same_queries_for_more_rows(aurora, officer, robots):
    client = as_(officer)
    urls = "/transfer/startups/", "/api/v1/startups/"
    hold(robots, aurora.university, "5", day(-9), officer)
    client.get(urls[0])
    first = [queries(client, url) for url in urls]
    for number in range(5):
        made = found_startup(
            organisation=aurora.university, name=f"Number {number}", country="SE", founded_on=day(-9), by=officer,
            cases=robots.cases.all(), founders=[aurora.researcher, officer],
        )  # fmt: skip
        hold(made, aurora.university, "5", day(-9), officer)
        hold(made, aurora.company, "5", day(-8), officer)
    assert [queries(client, url) for url in urls] == first


def test_the_api_reads_and_writes(aurora, officer, client):
    head = {"HTTP_AUTHORIZATION": f"Bearer {token_for(officer)}", "content_type": "application/json"}
    case = case_of(aurora)
    given = {
        "organisation": aurora.university.slug, "name": "Soft", "country": "de", "founded_on": str(day(-30)),
        "cases": [str(case.pk)], "founders": [str(aurora.researcher.pk)],
    }  # fmt: skip
    made = client.post("/api/v1/startups/", given, **head)
    assert made.status_code == 201, made.content
    url, tag = f"/api/v1/startups/{made.json()['id']}/", made["ETag"]
    share = {"holder": aurora.university.slug, "percent": "12.5", "from_on": str(day(-30)), "event": "founding"}
    assert client.post(f"{url}equity/", share, **head).status_code == 428
    held = client.post(f"{url}equity/", share, HTTP_IF_MATCH=tag, **head)
    assert held.status_code == 200 and held.json()["own_percent"] == "12.5000"
    assert client.patch(url, {"note": "x"}, HTTP_IF_MATCH=tag, **head).status_code == 412
    moved = client.post(f"{url}move/", {"move": "start", "on": str(day(-3))}, HTTP_IF_MATCH=held["ETag"], **head)
    assert moved.json()["state"] == "active" and moved.json()["cases"][0]["docket"] == case.docket
    head["HTTP_AUTHORIZATION"] = f"Bearer {token_for(aurora.engineer)}"
    assert client.get(url, **head).status_code == 404
