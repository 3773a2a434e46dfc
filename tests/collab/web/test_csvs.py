"""CSV files hold texts that no spreadsheet runs, and numbers that it can add up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils.functional import lazystr

from collab.accounts.models import User
from collab.web.csvs import csv_file, csv_lines


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_text_that_would_begin_a_formula_is_quoted(sign):
    row = [f"{sign}cmd|' /C calc'!A0", User(name=f"{sign}1"), lazystr(f"{sign}2")]
    line = "".join(list(csv_lines([row]))[1:])
    assert [cell.lstrip('"')[:2] for cell in line.split(",")] == [f"'{sign}"] * 3


def test_numbers_stay_numbers_and_nothing_stays_empty():
    assert list(csv_lines([[-3, Decimal("-1250.00"), -0.5, None, "plain"]]))[1] == "-3,-1250.00,-0.5,,plain\r\n"


def test_a_file_begins_with_the_mark_of_its_encoding():
    response = csv_file("money.csv", [["金额"], [-1]])
    assert response.content.decode() == "\ufeff金额\r\n-1\r\n"
    assert response["Content-Disposition"] == 'attachment; filename="money.csv"'
