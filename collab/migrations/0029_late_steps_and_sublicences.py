
import collab.kernel.names
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0028_split_of_receipts'),
    ]

    operations = [
        migrations.CreateModel(
            name='LateStep',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('stage', models.PositiveSmallIntegerField(choices=[(1, 'the licensee was reminded'), (2, "the licensor's officers were told"), (3, 'the licensor was asked whether it is a breach')], verbose_name='step')),
                ('told_on', models.DateField(verbose_name='told on')),
                ('invoice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='late_steps', to='collab.invoice', verbose_name='invoice')),
                ('licence', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='late_steps', to='collab.licence', verbose_name='licence')),
                ('report', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='late_steps', to='collab.royaltyreport', verbose_name='report')),
            ],
            options={
                'verbose_name': 'step about what is late',
                'verbose_name_plural': 'steps about what is late',
                'ordering': ['told_on', 'stage'],
                'constraints': [models.UniqueConstraint(fields=('report', 'stage'), name='late_step_once_per_report'), models.UniqueConstraint(fields=('invoice', 'stage'), name='late_step_once_per_invoice'), models.CheckConstraint(condition=models.Q(models.Q(('invoice__isnull', False), ('report', None)), models.Q(('invoice', None), ('report__isnull', False)), _connector='OR'), name='late_step_is_about_one_thing')],
            },
        ),
        migrations.CreateModel(
            name='Sublicence',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('name', models.CharField(max_length=200, validators=[collab.kernel.names.DisplayNameValidator()], verbose_name='sublicensee')),
                ('starts_on', models.DateField(verbose_name='in force from')),
                ('ends_on', models.DateField(blank=True, help_text='The first day without effect.', null=True, verbose_name='ends on')),
                ('state', models.CharField(choices=[('asked', 'asked'), ('granted', 'granted'), ('refused', 'refused'), ('ended', 'ended')], editable=False, max_length=20, verbose_name='state')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('fields_of_use', models.ManyToManyField(related_name='+', to='collab.fieldofuse', verbose_name='fields of use')),
                ('licence', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sublicences', to='collab.licence', verbose_name='licence')),
                ('organisation', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.organisation', verbose_name='organisation')),
                ('registered_by', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='registered by')),
                ('territories', models.ManyToManyField(related_name='+', to='collab.territory', verbose_name='territories')),
            ],
            options={
                'verbose_name': 'sublicence',
                'verbose_name_plural': 'sublicences',
                'ordering': ['licence', '-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_on', None), ('ends_on__gt', models.F('starts_on')), _connector='OR'), name='sublicence_ends_after_its_start'), models.CheckConstraint(condition=models.Q(('state__in', ['asked', 'granted', 'refused', 'ended'])), name='sublicence_state_is_known')],
            },
        ),
    ]
