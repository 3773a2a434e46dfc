"""Triggers refuse to change or remove what was noted about a case; taking it back is all that is left."""

from django.db import migrations

from collab.transfer.disclosures import note_guard


def forwards(apps, schema_editor):
    note_guard.install(schema_editor.connection)


def backwards(apps, schema_editor):
    note_guard.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("collab", "0038_ethics_files")]
    operations = [migrations.RunPython(forwards, backwards)]
