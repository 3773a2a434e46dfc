"""The gate before the embedded MLflow: the stock client's day, and who may do what."""

import pytest

from tests.registry.tracking import stock_session


def test_stock_client_does_its_whole_day(gate, cast, tmp_path):
    found = stock_session.run(address=gate, project=cast.project.slug, token=cast.lead.token, folder=tmp_path)
    stock_session.check(found)
