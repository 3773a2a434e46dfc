from django.db import migrations, models
from django.db.models import Q


def call_them_other(apps, schema_editor):
    """Until now a repayment could be entered without its cost; it was divided like any other payment, and stays one."""
    payments = apps.get_model("collab", "ScheduledPayment").objects
    payments.filter(kind="costs", cost__isnull=True).update(kind="other")


class Migration(migrations.Migration):
    dependencies = [("collab", "0032_ethics_corrections")]

    operations = [
        migrations.RunPython(call_them_other, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="scheduledpayment",
            constraint=models.CheckConstraint(
                condition=Q(("cost__isnull", False), ("kind", "costs"))
                | (Q(("kind", "costs"), _negated=True) & Q(("cost__isnull", True))),
                name="payment_of_costs_names_the_cost",
            ),
        ),
    ]
