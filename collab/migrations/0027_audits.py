
import collab.kernel.names
import collab.transfer.royalties.states
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0026_transfer_gaps'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditCorrection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('base', models.DecimalField(decimal_places=4, default=Decimal('0'), max_digits=20, verbose_name='basis')),
                ('royalty', models.BigIntegerField(default=0, verbose_name='royalty')),
                ('minimum', models.BigIntegerField(default=0, verbose_name='to make up the minimum')),
                ('sublicence_share', models.BigIntegerField(default=0, verbose_name='share of sublicence income')),
            ],
            options={
                'verbose_name': 'correction of a royalty report',
                'verbose_name_plural': 'corrections of royalty reports',
                'ordering': ['audit', 'report__starts_on'],
            },
        ),
        migrations.CreateModel(
            name='AuditFinding',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('product', models.CharField(max_length=200, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='product')),
                ('units', models.DecimalField(decimal_places=4, default=0, max_digits=18, verbose_name='units not reported')),
                ('gross', models.BigIntegerField(default=0, verbose_name='gross sales not reported')),
                ('disallowed', models.BigIntegerField(default=0, verbose_name='deductions not allowed')),
                ('sublicence_income', models.BigIntegerField(default=0, verbose_name='sublicence income not reported')),
            ],
            options={
                'verbose_name': 'finding of an audit',
                'verbose_name_plural': 'findings of audits',
                'ordering': ['audit', 'position'],
            },
        ),
        migrations.CreateModel(
            name='RoyaltyAudit',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('number', models.PositiveSmallIntegerField(verbose_name='number')),
                ('starts_on', models.DateField(verbose_name='examined from')),
                ('ends_on', models.DateField(verbose_name='examined until')),
                ('auditor', models.CharField(max_length=200, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='auditor')),
                ('announced_on', models.DateField(default=django.utils.timezone.localdate, verbose_name='announced on')),
                ('begins_on', models.DateField(verbose_name='begins on')),
                ('note', models.TextField(blank=True, max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='what is to be made ready')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('state', models.CharField(choices=[('announced', 'announced'), ('under_way', 'under_way'), ('reported', 'reported'), ('disputed', 'disputed'), ('agreed', 'agreed'), ('cancelled', 'cancelled')], default=collab.transfer.royalties.states.AuditState['ANNOUNCED'], max_length=20, verbose_name='state')),
                ('summary', models.TextField(blank=True, max_length=8000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='what was found')),
                ('cost', models.BigIntegerField(default=0, verbose_name='cost of the audit')),
                ('reported', models.BigIntegerField(default=0, verbose_name='owed as reported')),
                ('underpaid', models.BigIntegerField(default=0, verbose_name='paid too little')),
                ('interest', models.BigIntegerField(default=0, verbose_name='late interest')),
                ('cost_borne', models.BigIntegerField(default=0, verbose_name='cost that the licensee bears')),
                ('answer_by', models.DateField(blank=True, null=True, verbose_name='to be answered by')),
                ('reason', models.TextField(blank=True, max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='objection or reason')),
                ('reported_at', models.DateTimeField(blank=True, null=True, verbose_name='findings entered')),
                ('answered_at', models.DateTimeField(blank=True, null=True, verbose_name='answered')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
            ],
            options={
                'verbose_name': 'royalty audit',
                'verbose_name_plural': 'royalty audits',
                'ordering': ['-announced_on', '-number'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='licence',
            name='licence_percentages_are_sound',
        ),
        migrations.AddField(
            model_name='licence',
            name='audit_cost_percent',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=7, null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='the licensee bears the cost of an audit that finds more than, per cent'),
        ),
        migrations.AlterField(
            model_name='scheduledpayment',
            name='kind',
            field=models.CharField(choices=[('issue_fee', 'Issue fee'), ('minimum', 'Annual minimum'), ('milestone', 'Milestone payment'), ('costs', 'Repayment of protection costs'), ('audit', 'Found by an audit'), ('other', 'Other payment')], max_length=20, verbose_name='kind'),
        ),
        migrations.AddConstraint(
            model_name='licence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('sublicence_percent', None), models.Q(('sublicence_percent__gte', 0), ('sublicence_percent__lte', 100)), _connector='OR'), models.Q(('equity_percent', None), models.Q(('equity_percent__gte', 0), ('equity_percent__lte', 100)), _connector='OR'), models.Q(('late_interest_percent', None), models.Q(('late_interest_percent__gte', 0), ('late_interest_percent__lte', 100)), _connector='OR'), models.Q(('costs_percent', None), models.Q(('costs_percent__gte', 0), ('costs_percent__lte', 100)), _connector='OR'), models.Q(('audit_cost_percent', None), models.Q(('audit_cost_percent__gte', 0), ('audit_cost_percent__lte', 100)), _connector='OR')), name='licence_percentages_are_sound'),
        ),
        migrations.AddField(
            model_name='auditcorrection',
            name='report',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='collab.royaltyreport', verbose_name='report'),
        ),
        migrations.AddField(
            model_name='auditfinding',
            name='report',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='collab.royaltyreport', verbose_name='report'),
        ),
        migrations.AddField(
            model_name='royaltyaudit',
            name='announced_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='announced by'),
        ),
        migrations.AddField(
            model_name='royaltyaudit',
            name='answered_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='answered by'),
        ),
        migrations.AddField(
            model_name='royaltyaudit',
            name='licence',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='audits', to='collab.licence', verbose_name='licence'),
        ),
        migrations.AddField(
            model_name='royaltyaudit',
            name='reported_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='findings entered by'),
        ),
        migrations.AddField(
            model_name='auditfinding',
            name='audit',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='findings', to='collab.royaltyaudit', verbose_name='audit'),
        ),
        migrations.AddField(
            model_name='auditcorrection',
            name='audit',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='corrections', to='collab.royaltyaudit', verbose_name='audit'),
        ),
        migrations.AddConstraint(
            model_name='royaltyaudit',
            constraint=models.UniqueConstraint(fields=('licence', 'number'), name='royalty_audit_number_once'),
        ),
        migrations.AddConstraint(
            model_name='royaltyaudit',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['announced', 'under_way', 'reported', 'disputed'])), fields=('licence',), name='royalty_audit_one_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='royaltyaudit',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['announced', 'under_way', 'reported', 'disputed', 'agreed', 'cancelled'])), name='royalty_audit_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='royaltyaudit',
            constraint=models.CheckConstraint(condition=models.Q(('begins_on__gte', models.F('announced_on')), ('ends_on__gte', models.F('starts_on'))), name='royalty_audit_days_in_order'),
        ),
        migrations.AddConstraint(
            model_name='royaltyaudit',
            constraint=models.CheckConstraint(condition=models.Q(('cost__gte', 0), ('cost__lte', 10000000000000000), ('interest__gte', 0), ('interest__lte', 10000000000000000), ('cost_borne__gte', 0), ('cost_borne__lte', models.F('cost')), ('underpaid__gte', -10000000000000000), ('underpaid__lte', 10000000000000000)), name='royalty_audit_money_is_sound'),
        ),
        migrations.AddConstraint(
            model_name='royaltyaudit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'agreed'), _negated=True), models.Q(('answered_by__isnull', False), ('reported_by__isnull', False), models.Q(('reported_by', models.F('answered_by')), _negated=True)), _connector='OR'), name='royalty_audit_agreed_by_the_other'),
        ),
        migrations.AddConstraint(
            model_name='auditfinding',
            constraint=models.UniqueConstraint(fields=('audit', 'position'), name='audit_finding_once'),
        ),
        migrations.AddConstraint(
            model_name='auditfinding',
            constraint=models.CheckConstraint(condition=models.Q(('disallowed__gte', 0), ('gross__gte', 0), ('sublicence_income__gte', 0), ('units__gte', 0), ('disallowed__lte', 10000000000000000), ('gross__lte', 10000000000000000), ('sublicence_income__lte', 10000000000000000)), name='audit_finding_is_sound'),
        ),
        migrations.AddConstraint(
            model_name='auditcorrection',
            constraint=models.UniqueConstraint(fields=('audit', 'report'), name='audit_correction_once'),
        ),
    ]
