"""Tables that are created together are those that are created one by one."""

from __future__ import annotations

import pytest
from django.db import connection, models
from django.db.migrations import Migration
from django.db.migrations.operations import AddField, CreateModel
from django.db.migrations.state import ProjectState

from collab.kernel.migrating import CreateTables


def _hen() -> list:
    return [("id", models.IntegerField(primary_key=True))]


def _egg() -> CreateModel:
    fields = [("id", models.IntegerField(primary_key=True)), ("hen", models.ForeignKey("farm.Hen", models.PROTECT))]
    rule = models.CheckConstraint(condition=models.Q(id__gt=0), name="egg_is_counted")
    return CreateModel("Egg", fields, {"constraints": [rule]})


def _from_egg() -> models.ForeignKey:
    return models.ForeignKey("farm.Egg", models.PROTECT, null=True)


@pytest.mark.django_db(transaction=True)
def test_tables_may_point_to_each_other_and_go_again():
    together = Migration("0001_farm", "farm")
    together.operations = [CreateTables([CreateModel("Hen", [*_hen(), ("from_egg", _from_egg())]), _egg()])]
    single = ProjectState()
    for operation in (CreateModel("Hen", _hen()), _egg(), AddField("Hen", "from_egg", _from_egg())):
        operation.state_forwards("farm", single)

    with connection.schema_editor() as editor:
        state = together.apply(ProjectState(), editor)
    assert {key: set(model.fields) for key, model in state.models.items()} == {
        key: set(model.fields) for key, model in single.models.items()
    }
    names = connection.introspection.table_names
    assert {"farm_hen", "farm_egg"} <= set(names())
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "farm_egg")
    assert "egg_is_counted" in found
    with connection.schema_editor() as editor:
        together.unapply(ProjectState(), editor)
    assert not {"farm_hen", "farm_egg"} & set(names())
