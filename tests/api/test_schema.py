"""The OpenAPI schema promises what the lists answer: rows, without what only one thing's own page shows."""

import pytest
from drf_spectacular.generators import SchemaGenerator


@pytest.mark.parametrize(
    ("path", "row"),
    [("dataset-versions", "DatasetVersionRow"), ("jobs", "JobRow"), ("model-versions", "ModelVersionRow")],
)
def test_lists_promise_rows(path, row):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    answer = schema["paths"][f"/api/v1/{path}/"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    page = schema["components"]["schemas"][answer["$ref"].rpartition("/")[2]]
    assert page["properties"]["results"]["items"]["$ref"].endswith(f"/{row}")


def test_no_two_components_share_a_name(capsys):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    assert "components with identical names" not in capsys.readouterr().err
    names = schema["components"]["schemas"]
    assert {"RoyaltiesReasonInputRequest", "AccountsReasonInputRequest"} <= set(names)
