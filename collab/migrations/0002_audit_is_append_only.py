"""Triggers refuse to change, remove or cut the history."""

from django.db import migrations

from collab.audit import guard


def forwards(apps, schema_editor):
    guard.install(schema_editor.connection)


def backwards(apps, schema_editor):
    guard.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("collab", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
