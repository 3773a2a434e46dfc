"""The closed list: nothing that MLflow serves slips past it, and nothing in it is imaginary."""

import re

import pytest

from registry.tracking import inspection, rules

# What MLflow serves for its own pages or for services that are not offered here: refused as a whole.
REFUSED_PREFIXES = ("/ajax-api/", "/static-files/", "/graphql", "/get-artifact", "/model-versions/get-artifact")
EXAMPLES = {"model_id": "m-" + "0" * 32, "tag_key": "owner", "path": "1/" + "a" * 32 + "/artifacts/x.txt"}


@pytest.fixture(scope="module")
def served() -> set[tuple[str, str]]:
    """(method, path) of every route of MLflow's own application, with examples for its variables."""
    from mlflow.server import app

    found = set()
    for route in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: EXAMPLES.get(m[1].replace("artifact_", ""), "x"), route.rule)
        found |= {(method, path) for method in (route.methods or set()) - {"HEAD", "OPTIONS"}}
    return found


def _example(rule: rules.Rule) -> str:
    return rule.template.format(**EXAMPLES)


def test_every_line_of_the_list_is_really_served(served):
    imaginary = {(rule.method, _example(rule)) for rule in rules.RULES} - served
    assert imaginary == set()


def test_everything_mlflow_serves_is_listed_or_refused(served):
    listed = {(rule.method, _example(rule)) for rule in rules.RULES}
    let_through = {(method, path) for method, path in served if rules.find(method, path) is not None}
    assert let_through == listed
    assert len(served) > 300  # the walk has really seen MLflow's routes


def test_nothing_of_mlflows_own_pages_and_services_passes(served):
    sensitive = ("gateway", "webhook", "workspaces", "scorers", "jobs", "users", "roles", "graphql", "trace", "secret")
    for method, path in served:
        if path.startswith(REFUSED_PREFIXES) or any(word in path for word in sensitive):
            assert rules.find(method, path) is None, (method, path)


def test_a_line_asks_only_for_checks_that_exist():
    asked = {check for rule in rules.RULES for check in rule.checks}
    assert asked == set(inspection.CHECKS)


def test_what_nobody_may_do_says_why():
    assert all(str(rule.refusal) for rule in rules.RULES if rule.word == rules.NOBODY)


def test_reading_words_never_change_anything():
    changing = [
        rule
        for rule in rules.RULES
        if rule.word == rules.READ and rule.method != "GET" and not rule.template.endswith(("search", "-versions"))
    ]
    assert changing == []


def test_deleting_and_moving_aliases_is_for_managers():
    for rule in rules.RULES:
        # Tags and loose fields may be taken away by those who may write them.
        deletes = rule.method == "DELETE" or rule.template.endswith(("/delete", "/restore"))
        if (deletes and "tag" not in rule.template) or (rule.template.endswith("/alias") and rule.method != "GET"):
            assert rule.word == rules.MANAGE, rule.template


def test_what_managers_do_enters_the_history():
    assert all(bool(rule.act) == (rule.word == rules.MANAGE) for rule in rules.RULES)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/api/2.0/mlflow/runs/get"),
        ("POST", "/api/2.0/mlflow/runs/get"),
        ("GET", "/api/2.0/mlflow/runs/get/"),
        ("GET", "/api/2.1/mlflow/runs/get"),
        ("GET", "/api/2.0/mlflow/logged-models/m-1"),
        ("GET", "/API/2.0/mlflow/runs/get"),
        ("GET", "//api/2.0/mlflow/runs/get"),
        ("POST", "/v1/traces"),
        ("GET", "/"),
    ],
)
def test_near_misses_are_refused(method, path):
    assert rules.find(method, path) is None


def test_variables_of_a_path_are_found():
    found = rules.find("DELETE", f"/api/2.0/mlflow/logged-models/{EXAMPLES['model_id']}/tags/owner")
    assert found is not None
    assert found.variables == {"model_id": EXAMPLES["model_id"], "tag_key": "owner"}
