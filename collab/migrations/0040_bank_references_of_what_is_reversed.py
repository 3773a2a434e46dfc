"""What is reversed says since when, and frees its bank reference for what is entered anew."""

from django.db import migrations, models
from django.db.models import Exists, OuterRef, Q, Subquery

from collab.transfer.royalties import guard

BOOKS = ("Receipt", "PartnerPayment")


def unguard(apps, schema_editor):
    """SQLite builds tables anew when their constraints change: the triggers would keep it from that."""
    guard.remove(schema_editor.connection)


def guard_again(apps, schema_editor):
    guard.install(schema_editor.connection)


def say_since_when(apps, schema_editor):
    for name in BOOKS:
        model = apps.get_model("collab", name)
        back = model.objects.filter(reverses=OuterRef("pk"))
        model.objects.filter(Exists(back)).update(reversed_at=Subquery(back.values("created_at")[:1]))


def take_back(apps, schema_editor):
    """Before, no two had one reference: of those that do, only the one that stands keeps it."""
    for name in BOOKS:
        model = apps.get_model("collab", name)
        same = {"organisation": OuterRef("organisation"), "reference": OuterRef("reference")}
        others = model.objects.filter(reverses=None, **same).exclude(pk=OuterRef("pk"))
        model.objects.filter(~Q(reference=""), Exists(others), reversed_at__isnull=False).update(reference="")


class Migration(migrations.Migration):
    dependencies = [("collab", "0039_notes_on_cases_are_append_only")]

    operations = [
        migrations.RunPython(unguard, guard_again),
        migrations.RemoveConstraint(model_name="partnerpayment", name="partner_payment_reference_once"),
        migrations.RemoveConstraint(model_name="receipt", name="receipt_reference_once"),
        migrations.AddField(
            model_name="partnerpayment",
            name="reversed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="reversed at"),
        ),
        migrations.AddField(
            model_name="receipt",
            name="reversed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="reversed at"),
        ),
        migrations.RunPython(say_since_when, take_back),
        migrations.AddConstraint(
            model_name="partnerpayment",
            constraint=models.UniqueConstraint(
                condition=~Q(reference="") & Q(reverses=None, reversed_at=None),
                fields=("organisation", "reference"),
                name="partner_payment_reference_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(
                condition=~Q(reference="") & Q(reverses=None, reversed_at=None),
                fields=("organisation", "reference"),
                name="receipt_reference_once",
            ),
        ),
        migrations.RunPython(guard_again, unguard),
    ]
