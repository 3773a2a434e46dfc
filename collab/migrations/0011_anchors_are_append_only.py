"""Triggers refuse to change, remove or cut the published anchors, as they do for the history."""

from django.db import migrations

from collab.audit import guard


def forwards(apps, schema_editor):
    guard.install(schema_editor.connection, (guard.ANCHORS,))


def backwards(apps, schema_editor):
    guard.remove(schema_editor.connection, (guard.ANCHORS,))


class Migration(migrations.Migration):
    dependencies = [("collab", "0010_evidence_anchors_and_sealed_documents")]
    operations = [migrations.RunPython(forwards, backwards)]
