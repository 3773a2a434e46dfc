import collab.kernel.names
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


def put_back(apps, schema_editor):
    """Without refunds, what they took out is undistributed once more."""
    rows = apps.get_model("collab", "Receipt").objects.exclude(refunded=0, paid_back=0)
    rows.update(undistributed=models.F("undistributed") + models.F("refunded"), refunded=0, paid_back=0)


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0035_invoices_are_written_off'),
    ]

    operations = [
        migrations.RunPython(unguard, guard_again),
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('refunded_on', models.DateField(default=django.utils.timezone.localdate, verbose_name='refunded on')),
                ('amount', models.BigIntegerField(verbose_name='amount')),
                ('booked', models.BigIntegerField(verbose_name='in the books')),
                ('reference', models.CharField(blank=True, max_length=80, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='bank reference')),
                ('reason', models.CharField(max_length=500, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='reason')),
            ],
            options={
                'verbose_name': 'refund',
                'verbose_name_plural': 'refunds',
                'ordering': ['created_at'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='receipt',
            name='receipt_is_somewhere_to_the_cent',
        ),
        migrations.RemoveConstraint(
            model_name='receipt',
            name='receipt_has_one_sign',
        ),
        migrations.AddField(
            model_name='receipt',
            name='paid_back',
            field=models.BigIntegerField(default=0, verbose_name='paid back'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='refunded',
            field=models.BigIntegerField(default=0, verbose_name='refunded'),
        ),
        migrations.AddField(
            model_name='royaltyreport',
            name='received_on',
            field=models.DateField(blank=True, null=True, verbose_name='received on'),
        ),
        migrations.AddField(
            model_name='royaltyreport',
            name='sent_by',
            field=models.CharField(blank=True, max_length=200, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='signed or sent by'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(('booked', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('distributed'), '+', models.F('retained')), '+', models.F('passed_on')), '+', models.F('refunded')), '+', models.F('undistributed')))), name='receipt_is_somewhere_to_the_cent'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('booked__gte', 0), ('distributed__gte', 0), ('reverses', None), ('passed_on__gte', 0), ('retained__gte', 0), ('undistributed__gte', 0), ('paid_back__gte', 0), ('refunded__gte', 0), ('matched__gte', 0), ('matched__lte', django.db.models.expressions.CombinedExpression(models.F('amount'), '-', models.F('paid_back')))), models.Q(('amount__lt', 0), ('booked__lte', 0), ('reverses__isnull', False), ('distributed', 0), ('matched', 0), ('paid_back', 0), ('passed_on', 0), ('refunded', 0), ('retained', 0)), _connector='OR'), name='receipt_has_one_sign'),
        ),
        migrations.AddConstraint(
            model_name='royaltyreport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('received_on', None), ('sent_by', '')), models.Q(('received_on__gt', models.F('ends_on')), ('received_on__isnull', False), ('submitted_at__isnull', False), models.Q(('sent_by', ''), _negated=True)), _connector='OR'), name='royalty_report_received_from_somebody'),
        ),
        migrations.AddField(
            model_name='refund',
            name='entered_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='entered by'),
        ),
        migrations.AddField(
            model_name='refund',
            name='receipt',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='collab.receipt', verbose_name='receipt'),
        ),
        migrations.AddField(
            model_name='refund',
            name='reverses',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='collab.refund', verbose_name='reverses'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('amount__lte', 10000000000000000), ('booked__gte', 0), ('booked__lte', 10000000000000000), ('reverses', None)), models.Q(('amount__gte', -10000000000000000), ('amount__lt', 0), ('booked__gte', -10000000000000000), ('booked__lte', 0), ('reverses__isnull', False)), _connector='OR'), name='refund_has_one_sign'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='refund_has_a_reason'),
        ),
        migrations.RunPython(migrations.RunPython.noop, put_back),
        migrations.RunPython(guard_again, unguard),
    ]
