
import collab.kernel.names
import django.core.validators
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


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0027_audits'),
    ]

    operations = [
        migrations.RunPython(unguard, guard_again),
        migrations.CreateModel(
            name='LicensorShare',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('percent', models.DecimalField(decimal_places=4, max_digits=7, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='part of the receipts, per cent')),
                ('position', models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'part of a licensor',
                'verbose_name_plural': 'parts of licensors',
                'ordering': ['licence', 'position'],
            },
        ),
        migrations.CreateModel(
            name='PartnerPayment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('paid_on', models.DateField(verbose_name='paid on')),
                ('amount', models.BigIntegerField(verbose_name='amount')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('reference', models.CharField(blank=True, max_length=80, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='bank reference')),
                ('note', models.CharField(blank=True, max_length=500, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='note')),
            ],
            options={
                'verbose_name': 'payment to a licensor',
                'verbose_name_plural': 'payments to licensors',
                'ordering': ['-paid_on', '-created_at'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='distribution',
            name='distribution_is_whole_to_the_cent',
        ),
        migrations.RemoveConstraint(
            model_name='distribution',
            name='distribution_has_one_sign',
        ),
        migrations.RemoveConstraint(
            model_name='ledgerentry',
            name='entry_account_is_known',
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
            model_name='distribution',
            name='passed_on',
            field=models.BigIntegerField(default=0, verbose_name='passed on'),
        ),
        migrations.AddField(
            model_name='ledgerentry',
            name='licensor',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.organisation', verbose_name='further licensor'),
        ),
        migrations.AddField(
            model_name='licence',
            name='share_days',
            field=models.PositiveSmallIntegerField(default=30, verbose_name='days to pass on the part of another licensor'),
        ),
        migrations.AddField(
            model_name='licence',
            name='shares_by',
            field=models.CharField(choices=[('assets', 'by the parts of the assets, each to its owners'), ('agreed', 'as agreed')], default='assets', max_length=20, verbose_name='receipts are shared'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='passed_on',
            field=models.BigIntegerField(default=0, verbose_name='passed on'),
        ),
        migrations.AlterField(
            model_name='ledgerentry',
            name='account',
            field=models.CharField(choices=[('undistributed', 'Undistributed'), ('inventors', 'Inventors'), ('unit', 'Unit'), ('school', 'School'), ('third_parties', 'Third parties'), ('central', 'Central administration'), ('office', 'Transfer office'), ('costs', 'Costs repaid'), ('licensors', 'Further licensors')], max_length=20, verbose_name='account'),
        ),
        migrations.AddConstraint(
            model_name='distribution',
            constraint=models.CheckConstraint(condition=models.Q(('amount', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('distributed'), '+', models.F('retained')), '+', models.F('passed_on')))), name='distribution_is_whole_to_the_cent'),
        ),
        migrations.AddConstraint(
            model_name='distribution',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gte', 0), ('distributed__gte', 0), ('passed_on__gte', 0), ('retained__gte', 0), ('reverses', None)), models.Q(('amount__lte', 0), ('distributed__lte', 0), ('passed_on__lte', 0), ('retained__lte', 0), ('reverses__isnull', False)), _connector='OR'), name='distribution_has_one_sign'),
        ),
        migrations.AddConstraint(
            model_name='ledgerentry',
            constraint=models.CheckConstraint(condition=models.Q(('account__in', ['undistributed', 'inventors', 'unit', 'school', 'third_parties', 'central', 'office', 'costs', 'licensors'])), name='entry_account_is_known'),
        ),
        migrations.AddConstraint(
            model_name='ledgerentry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('account', 'licensors'), ('licensor__isnull', False)), models.Q(models.Q(('account', 'licensors'), _negated=True), ('licensor', None)), _connector='OR'), name='entry_of_a_licensor_names_it'),
        ),
        migrations.AddField(
            model_name='licensorshare',
            name='licence',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shares', to='collab.licence', verbose_name='licence'),
        ),
        migrations.AddField(
            model_name='licensorshare',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.organisation', verbose_name='licensor'),
        ),
        migrations.AddField(
            model_name='partnerpayment',
            name='entered_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='entered by'),
        ),
        migrations.AddField(
            model_name='partnerpayment',
            name='licence',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='partner_payments', to='collab.licence', verbose_name='licence'),
        ),
        migrations.AddField(
            model_name='partnerpayment',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.organisation', verbose_name='paid by'),
        ),
        migrations.AddField(
            model_name='partnerpayment',
            name='partner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.organisation', verbose_name='paid to'),
        ),
        migrations.AddField(
            model_name='partnerpayment',
            name='reverses',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='collab.partnerpayment', verbose_name='reverses'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='partner_payment',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='collab.partnerpayment', verbose_name='passed on by'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(('booked', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('distributed'), '+', models.F('retained')), '+', models.F('passed_on')), '+', models.F('undistributed')))), name='receipt_is_somewhere_to_the_cent'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('booked__gte', 0), ('distributed__gte', 0), ('reverses', None), ('passed_on__gte', 0), ('retained__gte', 0), ('undistributed__gte', 0), ('matched__gte', 0), ('matched__lte', models.F('amount'))), models.Q(('amount__lt', 0), ('booked__lte', 0), ('reverses__isnull', False), ('distributed', 0), ('matched', 0), ('passed_on', 0), ('retained', 0)), _connector='OR'), name='receipt_has_one_sign'),
        ),
        migrations.AddConstraint(
            model_name='licensorshare',
            constraint=models.UniqueConstraint(fields=('licence', 'organisation'), name='licensor_share_once'),
        ),
        migrations.AddConstraint(
            model_name='licensorshare',
            constraint=models.CheckConstraint(condition=models.Q(('percent__gte', 0), ('percent__lte', 100)), name='licensor_share_is_sound'),
        ),
        migrations.AddConstraint(
            model_name='partnerpayment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('amount__lte', 10000000000000000), ('reverses', None)), models.Q(('amount__gte', -10000000000000000), ('amount__lt', 0), ('reverses__isnull', False)), _connector='OR'), name='partner_payment_has_one_sign'),
        ),
        migrations.AddConstraint(
            model_name='partnerpayment',
            constraint=models.CheckConstraint(condition=models.Q(('organisation', models.F('partner')), _negated=True), name='partner_payment_is_between_two'),
        ),
        migrations.AddConstraint(
            model_name='partnerpayment',
            constraint=models.CheckConstraint(condition=models.Q(('currency', ''), _negated=True), name='partner_payment_currency_is_known'),
        ),
        migrations.AddConstraint(
            model_name='partnerpayment',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('reference', ''), _negated=True), ('reverses', None)), fields=('organisation', 'reference'), name='partner_payment_reference_once'),
        ),
        migrations.AddField(
            model_name='licensedasset',
            name='label_zh',
            field=models.CharField(blank=True, max_length=200, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='asset in Chinese'),
        ),
        migrations.AddField(
            model_name='licensedthing',
            name='label_zh',
            field=models.CharField(blank=True, max_length=200, verbose_name='Chinese name'),
        ),
        migrations.RunPython(guard_again, unguard),
    ]
