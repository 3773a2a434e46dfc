import pytest
from django.utils import timezone
from collab.graph.building import graph_of
from collab.graph.sources import Question

pytestmark = pytest.mark.django_db


def test_x(aurora, borealis):
    aurora.cover(reference="DUA-1")
    aurora.dataset()
    g = graph_of(Question(aurora.lead, timezone.now()))
    for n in g.nodes:
        print(n.key, n.name, n.detail, n.since, n.until)
    names = {n.key: n.name for n in g.nodes}
    for l in g.links:
        print(names[l.source], l.label, names[l.target], sorted(l.roles), l.since, l.until)
    print(g.left_out)
    assert 0
