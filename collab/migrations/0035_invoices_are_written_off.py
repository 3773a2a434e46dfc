import collab.kernel.names
import collab.transfer.royalties.states
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from collab.transfer.royalties import guard


def unguard(apps, schema_editor):
    """SQLite builds tables anew when their constraints change: the triggers would keep it from that."""
    guard.remove(schema_editor.connection)


def guard_again(apps, schema_editor):
    guard.install(schema_editor.connection)


def ask_again(apps, schema_editor):
    """Without write-offs, what they left out is asked for once more."""
    rows = apps.get_model("collab", "Invoice").objects.filter(waived__gt=0)
    rows.filter(paid=0).update(waived=0, state="open")
    rows.filter(paid__gt=0).update(waived=0, state="part_paid")


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0034_confidential_incidents'),
    ]

    operations = [
        migrations.RunPython(unguard, guard_again),
        migrations.CreateModel(
            name='WriteOff',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('kind', models.CharField(choices=[('bank_charge', 'Bank charge'), ('tax_withheld', 'Tax withheld'), ('written_off', 'Written off')], max_length=20, verbose_name='kind')),
                ('amount', models.BigIntegerField(verbose_name='amount')),
                ('reason', models.CharField(max_length=500, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='reason')),
                ('undone_at', models.DateTimeField(blank=True, null=True, verbose_name='undone')),
            ],
            options={
                'verbose_name': 'write-off',
                'verbose_name_plural': 'write-offs',
                'ordering': ['created_at'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoice_state_is_known',
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoice_is_never_overpaid',
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='invoice_state_follows_what_is_paid',
        ),
        migrations.AddField(
            model_name='invoice',
            name='waived',
            field=models.BigIntegerField(default=0, verbose_name='written off'),
        ),
        migrations.AlterField(
            model_name='invoice',
            name='state',
            field=models.CharField(choices=[('open', 'open'), ('part_paid', 'part_paid'), ('paid', 'paid'), ('written_off', 'written_off'), ('cancelled', 'cancelled'), ('credit_note', 'credit_note')], default=collab.transfer.royalties.states.InvoiceState['OPEN'], max_length=20, verbose_name='state'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'part_paid', 'paid', 'written_off', 'cancelled', 'credit_note'])), name='invoice_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('credits', None), ('paid__gte', 0), ('total__gt', 0), ('total__lte', 10000000000000000), ('waived__gte', 0), ('paid__lte', django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('waived')))), models.Q(('credits__isnull', False), ('paid', 0), ('total__lt', 0), ('waived', 0)), _connector='OR'), name='invoice_is_never_overpaid'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('paid', 0), ('state', 'open'), ('waived__lt', models.F('total'))), models.Q(('paid__gt', 0), ('paid__lt', django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('waived'))), ('state', 'part_paid')), models.Q(('paid', django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('waived'))), ('paid__gt', 0), ('state', 'paid')), models.Q(('paid', 0), ('state', 'written_off'), ('waived', models.F('total'))), models.Q(('paid', 0), ('state__in', ['cancelled', 'credit_note']), ('waived', 0)), _connector='OR'), name='invoice_state_follows_what_is_paid'),
        ),
        migrations.AddField(
            model_name='writeoff',
            name='invoice',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='write_offs', to='collab.invoice', verbose_name='invoice'),
        ),
        migrations.AddField(
            model_name='writeoff',
            name='written_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='written off by'),
        ),
        migrations.AddConstraint(
            model_name='writeoff',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', 10000000000000000)), name='write_off_is_something'),
        ),
        migrations.AddConstraint(
            model_name='writeoff',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['bank_charge', 'tax_withheld', 'written_off'])), name='write_off_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='writeoff',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='write_off_has_a_reason'),
        ),
        migrations.RunPython(migrations.RunPython.noop, ask_again),
        migrations.RunPython(guard_again, unguard),
    ]
