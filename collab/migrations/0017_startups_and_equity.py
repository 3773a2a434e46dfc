"""Start-ups that came out of an organisation, and who holds which part of them."""

import collab.kernel.names
import collab.transfer.portfolio.states
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from collab.kernel.migrating import CreateTables


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0016_internships'),
    ]

    operations = [
        CreateTables(
            tables=[migrations.CreateModel(
                name='StartUp',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('name', models.CharField(max_length=200, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='name')),
                    ('name_zh', models.CharField(blank=True, max_length=200, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='Chinese name')),
                    ('country', models.CharField(max_length=2, validators=[django.core.validators.RegexValidator('\\A[A-Z]{2}\\Z', 'Write the two letters of the country, such as DE, US or CN.')], verbose_name='country')),
                    ('founded_on', models.DateField(verbose_name='founded on')),
                    ('other_founders', models.CharField(blank=True, help_text='Names, with commas.', max_length=300, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='founders without an account')),
                    ('note', models.TextField(blank=True, max_length=4000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='remark')),
                    ('state', models.CharField(choices=[('founded', 'founded'), ('active', 'active'), ('acquired', 'acquired'), ('closed', 'closed')], default=collab.transfer.portfolio.states.StartUpState['FOUNDED'], max_length=20, verbose_name='state')),
                    ('active_on', models.DateField(blank=True, editable=False, null=True, verbose_name='does business since')),
                    ('acquired_on', models.DateField(blank=True, editable=False, null=True, verbose_name='acquired on')),
                    ('acquired_by', models.CharField(blank=True, max_length=200, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='acquired by')),
                    ('closed_on', models.DateField(blank=True, editable=False, null=True, verbose_name='closed on')),
                    ('reason', models.CharField(blank=True, max_length=1000, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='reason')),
                    ('version', models.PositiveIntegerField(default=1, editable=False)),
                    ('cases', models.ManyToManyField(blank=True, related_name='startups', to='collab.transfercase', verbose_name='builds on the cases')),
                    ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='entered by')),
                    ('founders', models.ManyToManyField(blank=True, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='founders')),
                    ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='startups', to='collab.organisation', verbose_name='came out of')),
                    ('platform', models.ForeignKey(blank=True, help_text='Where the start-up itself takes part, for example as a licensee.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.organisation', verbose_name='its organisation here')),
                ],
                options={
                    'verbose_name': 'start-up',
                    'verbose_name_plural': 'start-ups',
                    'ordering': ['-founded_on', 'name'],
                    'indexes': [models.Index(fields=['organisation', 'founded_on'], name='startup_by_day')],
                    'constraints': [models.UniqueConstraint(fields=('organisation', 'name'), name='startup_name_once'), models.UniqueConstraint(fields=('organisation', 'platform'), name='startup_platform_once'), models.CheckConstraint(condition=models.Q(('state__in', ['founded', 'active', 'acquired', 'closed'])), name='startup_state_is_known'), models.CheckConstraint(condition=models.Q(('platform', None), models.Q(('platform', models.F('organisation')), _negated=True), _connector='OR'), name='startup_is_not_its_origin'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'founded'), _negated=True), models.Q(('acquired_on', None), ('active_on', None), ('closed_on', None)), _connector='OR'), name='startup_founded_has_no_other_day'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'active'), _negated=True), models.Q(('acquired_on', None), ('active_on__isnull', False), ('closed_on', None)), _connector='OR'), name='startup_active_has_its_day'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'acquired'), _negated=True), models.Q(('acquired_on__isnull', False), ('closed_on', None)), _connector='OR'), name='startup_acquired_has_its_day'), models.CheckConstraint(condition=models.Q(models.Q(('closed_on__isnull', False), ('state', 'closed')), models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_on', None)), _connector='OR'), name='startup_closed_has_its_day'), models.CheckConstraint(condition=models.Q(models.Q(('acquired_by', ''), ('acquired_on', None)), models.Q(('acquired_on__isnull', False), models.Q(('acquired_by', ''), _negated=True)), _connector='OR'), name='startup_acquired_by_somebody'), models.CheckConstraint(condition=models.Q(('active_on', None), ('active_on__gte', models.F('founded_on')), _connector='OR'), name='startup_active_after_founding'), models.CheckConstraint(condition=models.Q(('acquired_on', None), ('acquired_on__gte', models.F('founded_on')), _connector='OR'), name='startup_acquired_after_founding'), models.CheckConstraint(condition=models.Q(('closed_on', None), ('closed_on__gte', models.F('founded_on')), _connector='OR'), name='startup_closed_after_founding')],
                },
            ), migrations.CreateModel(
                name='EquityHolding',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('percent', models.DecimalField(decimal_places=4, help_text='All that it holds from this day; 0 when it holds nothing any more.', max_digits=7, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='per cent')),
                    ('from_on', models.DateField(verbose_name='from')),
                    ('event', models.CharField(choices=[('founding', 'Founding'), ('licence', 'Paid for a licence'), ('investment', 'Investment'), ('dilution', 'Diluted by new shares'), ('sale', 'Sold'), ('other', 'Something else')], default=collab.transfer.portfolio.states.EquityEvent['OTHER'], max_length=20, verbose_name='why')),
                    ('note', models.CharField(blank=True, max_length=500, validators=[collab.kernel.names.PlainTextValidator()], verbose_name='remark')),
                    ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='entered by')),
                    ('holder', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='equity_held', to='collab.organisation', verbose_name='holder')),
                    ('licence', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='equity', to='collab.licence', verbose_name='licence')),
                    ('startup', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holdings', to='collab.startup', verbose_name='start-up')),
                ],
                options={
                    'verbose_name': 'equity held',
                    'verbose_name_plural': 'equity held',
                    'ordering': ['startup', 'from_on', 'created_at'],
                    'constraints': [models.UniqueConstraint(fields=('startup', 'holder', 'from_on'), name='equity_once_per_holder_and_day'), models.CheckConstraint(condition=models.Q(('percent__gte', 0), ('percent__lte', 100)), name='equity_percent_is_sound'), models.CheckConstraint(condition=models.Q(('event__in', ['founding', 'licence', 'investment', 'dilution', 'sale', 'other'])), name='equity_event_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('event', 'licence'), _negated=True), ('licence__isnull', False), _connector='OR'), name='equity_of_a_licence_names_it')],
                },
            )],
        ),
    ]
