"""The figures are counted from the records, and each number opens the rows that it is made of."""

from __future__ import annotations

import pytest

from tests.collab.transfer.protection.ground import case_of, day, member, officer_of
from tests.pages import as_, text

pytestmark = pytest.mark.django_db


def test_numbers_open_their_lists_and_strangers_read_none(aurora):
    officer, case = officer_of(aurora), case_of(aurora, disclosed_on=day(0))
    member(case, officer, "provisional", filed_on=day(0))
    member(case, officer, "trade_secret", jurisdiction="", filed_on=day(0))  # no application
    year = day(0).year
    client = as_(officer)
    assert f"?metric=filed&amp;year={year}" in text(client.get("/transfer/reports/"))
    file = b"".join(client.get("/transfer/reports/file.csv").streaming_content).decode()
    assert f"disclosures,{year},,1" in file and f"filed,{year},,1" in file and f"issued,{year},,0" in file
    rows = text(client.get(f"/transfer/reports/rows/?metric=filed&year={year}"))
    assert "RU-1-F1" in rows and "Trade secret" not in rows
    told = client.get("/transfer/reports/series.json").json()["series"]
    assert {line["name"]: line["y"][-1] for line in told}["disclosures"] == 1
    assert "No figures for you" in text(as_(aurora.engineer).get("/transfer/reports/"))
