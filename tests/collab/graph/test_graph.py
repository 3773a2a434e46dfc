"""The cooperation graph: drawn from the records, and only from what its reader may see."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from collab.access.roles import Role
from collab.accounts.models import Membership, User
from collab.agreements.models import Agreement
from collab.graph import building, sources
from collab.graph.building import Graph, graph_of
from collab.graph.sources import GraphRole, Kind, Node, Part, Question, forget_graph_source, register_graph_source
from collab.projects.models import Project, ProjectParty
from collab.projects.services import create_project
from registry.catalog.services import TrainedModel, register_version
from tests.cast import Joint, active, employ, person
from tests.pages import as_, queries, text

pytestmark = pytest.mark.django_db


def drawn(user: User, *, hide: tuple[str, ...] = (), **asked) -> Graph:
    return graph_of(Question(user, timezone.now(), **asked), hide=hide)


def sentences(graph: Graph) -> set[str]:
    names = {node.key: node.name for node in graph.nodes}
    return {f"{names[link.source]} {link.label} {names[link.target]}" for link in graph.links}


def names(graph: Graph, kind: str) -> set[str]:
    return {node.name for node in graph.nodes if node.kind == kind}


def model(joint: Joint, name: str = "Small", **given) -> None:
    """A model that the project trained on its data under its agreements."""
    facts = TrainedModel(
        task="causal-lm",
        architecture="gpt",
        parameters=10,
        metrics={"test/loss": 2.0},
        primary_metric="test/loss",
        baseline={},
        card="",
        manifest={"files": {}},
        manifest_sha256="0" * 64,
        size_bytes=1,
        **given,
    )
    register_version(project=joint.project, name=name, trained=facts, job_id=uuid.uuid4(), by=joint.lead)


@pytest.fixture
def told(aurora: Joint) -> Joint:
    """Aurora with an agreement, data and a model."""
    agreement = aurora.cover(reference="DUA-1")
    data = aurora.dataset()
    model(aurora, dataset_versions=(data.versions.get(),), terms=(agreement,))
    return aurora


def test_the_records_are_drawn(told):
    found = sentences(drawn(told.lead))

    assert {
        "Riverside University leads Aurora",
        "Northwind takes part in Aurora",
        "Northwind has signed DUA-1 · Data use",
        "DUA-1 · Data use was agreed for Aurora",
        "Aurora Engineer acts for Northwind",
        "Aurora produced Small",
        "Aurora Lead trained Small",
        "Riverside University gave data for Small",
        "Small was trained under DUA-1 · Data use",
    } <= found


def test_each_question_draws_its_own(told):
    research, application, transfer, talent = (drawn(told.lead, role=role) for role in GraphRole)

    assert "Aurora produced Small" in sentences(research)
    assert "Aurora Engineer" not in names(research, "person")
    assert names(application, "person") == {"Aurora Engineer"}
    assert "Riverside University gave data for Small" in sentences(transfer)
    assert names(transfer, "person") == set()
    assert talent.nodes == []


def test_a_collaboration_under_which_data_moved_is_a_transfer_too(told):
    Agreement.objects.update(kind="collaboration")
    bare = told.cover(reference="Talks", purposes=())
    Agreement.objects.filter(pk=bare.agreement_id).update(kind="collaboration")

    transfer, research = drawn(told.lead, role=GraphRole.TRANSFER), drawn(told.lead, role=GraphRole.RESEARCH)

    assert names(transfer, "agreement") == {"DUA-1 · Data use"}
    assert {"Small was trained under DUA-1 · Data use", "Northwind has signed DUA-1 · Data use"} <= sentences(transfer)
    assert names(research, "agreement") == {"DUA-1 · Data use", "Talks · Data use"}
    assert names(drawn(told.lead, role=GraphRole.TALENT), "agreement") == set()


def test_what_one_may_not_see_is_not_in_it(told, borealis):
    borealis.cover(reference="DUA-9")
    model(borealis, "Secret")

    assert {"Aurora", "Small"} <= {node.name for node in drawn(told.observer).nodes}
    assert not [
        node for node in drawn(told.observer).nodes if node.name in {"Borealis", "Secret", "Hillside University"}
    ]
    assert drawn(person("Nobody")).nodes == []


def test_who_left_sees_and_is_drawn_no_more(told):
    now = timezone.now()
    Membership.objects.filter(user=told.researcher, project=told.project).update(
        starts_at=now - timedelta(days=9), ends_at=now - timedelta(seconds=1)
    )

    assert drawn(told.researcher).nodes == []
    since = timezone.localdate() + timedelta(days=1)
    assert "Aurora Researcher" not in names(drawn(told.lead, since=since), "person")
    assert "Aurora Researcher" in names(drawn(told.lead), "person")


def test_a_party_narrows_to_its_own_people_and_keeps_its_partners(told):
    found = drawn(told.lead, party=told.company.pk)

    assert names(found, "person") == {"Aurora Engineer"}
    assert names(found, "organisation") == {"Riverside University", "Northwind"}


def test_time_leaves_out_what_was_not_there_yet_or_no_more(told):
    begun = timezone.localdate() - timedelta(days=60)
    Project.objects.update(starts_on=begun)
    ProjectParty.objects.update(joined_on=begun)
    ProjectParty.objects.filter(organisation=told.company).update(left_on=begun + timedelta(days=9))

    assert names(drawn(told.lead, until=begun + timedelta(days=5)), "organisation") == {
        "Riverside University",
        "Northwind",
    }
    assert names(drawn(told.lead, until=begun + timedelta(days=5)), "model") == set()
    assert names(drawn(told.lead, since=begun + timedelta(days=20)), "organisation") == {"Riverside University"}


def test_kinds_are_left_out_with_their_links(told):
    found = drawn(told.lead, hide=("person", "agreement"))

    assert {node.kind for node in found.nodes} == {"organisation", "project", "model"}
    assert "Aurora produced Small" in sentences(found)


def test_other_rooms_join_through_the_same_hook(told):
    placement = Node("placement", uuid.uuid4(), "Summer at Northwind", "/")
    register_graph_source(
        "placements", lambda asked: Part([placement]), kinds=[Kind("placement", "Placements", "Placement", "circle")]
    )
    try:
        assert "Summer at Northwind" in text(as_(told.lead).get("/graph/"))
    finally:
        forget_graph_source("placements", "placement")


def test_what_is_too_much_to_draw_is_counted(told, monkeypatch):
    monkeypatch.setattr(building, "LINKS_DRAWN", 3)
    monkeypatch.setattr(sources, "DRAWN_OF_EACH", 2)
    found = drawn(told.lead)

    assert len(found.links) == 3
    assert found.left_out["person"] == 3
    assert found.left_out["link"] > 0


def test_more_projects_take_no_more_queries(told):
    client = as_(told.lead)
    client.get("/graph/")
    before = queries(client, "/graph/")
    for number in range(3):
        project = active(
            create_project(
                title=f"Further {number}", lead_organisation=told.university, partners=[told.company], by=told.lead
            )
        )
        Membership.objects.create(
            user=employ(person(f"Colleague {number}"), told.company),
            project=project,
            organisation=told.company,
            role=Role.ENGINEER,
        )
        model(Joint(**vars(told) | {"project": project}), f"Model {number}")
    assert names(drawn(told.lead), "model") == {"Small", "Model 0", "Model 1", "Model 2"}
    assert queries(client, "/graph/") == before


# --- page, files, API
def test_the_page_says_in_tables_what_it_draws(told):
    page = text(as_(told.lead).get("/graph/"))

    assert "was trained under" in page
    assert page.count('id="graph-') >= 5
    assert "Only what you may see is in it." in page
    assert "Nothing to draw yet" in text(as_(person("Nobody")).get("/graph/"))


def test_a_project_that_one_may_not_see_is_not_found(told, borealis):
    for query in (f"project={borealis.project.slug}", f"party={borealis.company.slug}", "project=none-such"):
        assert as_(told.lead).get(f"/graph/?{query}").status_code == 404
        assert as_(told.lead).get(f"/api/v1/graph/?{query}").status_code == 404


def test_days_the_wrong_way_round_are_told(told):
    query = "since=2026-05-02&until=2026-05-01"

    assert "The last day is before the first one." in text(as_(told.lead).get(f"/graph/?{query}"))
    answer = as_(told.lead).get(f"/api/v1/graph/?{query}")
    assert answer.status_code == 400
    assert "until" in text(answer)


@pytest.mark.parametrize("query", ["since=soon", "until=9999-12-31", "role=boss", "hide=planets"])
def test_what_cannot_be_asked_is_told_and_no_file_comes(told, query):
    client = as_(told.lead)
    field = query.partition("=")[0]

    assert client.get(f"/graph/?{query}").status_code == 200
    assert field in client.get(f"/api/v1/graph/?{query}").json()["errors"][0]["path"]
    for name in ("links.csv", "nodes.csv", "graph.json"):
        assert client.get(f"/graph/{name}?{query}").status_code == 422


def test_files_and_api_hold_the_same_graph(told):
    client = as_(told.lead)
    api = client.get("/api/v1/graph/?role=transfer").json()
    file = json.loads(client.get("/graph/graph.json?role=transfer").content)
    nodes = list(csv.reader(io.StringIO(text(client.get("/graph/nodes.csv?role=transfer")).lstrip("\ufeff"))))
    links = list(csv.reader(io.StringIO(text(client.get("/graph/links.csv?role=transfer")).lstrip("\ufeff"))))

    assert api == file
    assert {row[-1] for row in nodes[1:]} == {node["id"] for node in api["nodes"]}
    assert len(links) == len(api["links"]) + 1
    assert {"transfer"} <= {role for link in api["links"] for role in link["roles"]}
