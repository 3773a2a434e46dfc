"""Triggers hold the books: an append-only ledger, balanced distributions, receipts that say what the ledger says."""

from django.db import migrations

from collab.transfer.royalties import guard


def forwards(apps, schema_editor):
    guard.install(schema_editor.connection)


def backwards(apps, schema_editor):
    guard.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("collab", "0016_royalties_books")]
    operations = [migrations.RunPython(forwards, backwards)]
