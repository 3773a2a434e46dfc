
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


def say_when_granted(apps, schema_editor):
    """Those that were granted say since when: with the licensor's consent, or when they were registered."""
    Sublicence = apps.get_model('collab', 'Sublicence')
    Request = apps.get_model('collab', 'Request')
    for row in Sublicence.objects.filter(state__in=['granted', 'ended']):
        asked = Request.objects.filter(topic='sublicence', subject_id=str(row.pk)).order_by('-created_at').first()
        if asked is None or asked.state == 'approved' or row.state == 'granted':
            row.granted_on = django.utils.timezone.localdate(row.created_at)
            row.save(update_fields=['granted_on'])


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0030_courses_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='sublicence',
            name='granted_on',
            field=models.DateField(blank=True, editable=False, null=True, verbose_name='granted on'),
        ),
        migrations.AddField(
            model_name='auditfinding',
            name='sublicence',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='collab.sublicence', verbose_name='income of the sublicence'),
        ),
        migrations.CreateModel(
            name='SublicenceIncome',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('amount', models.BigIntegerField(verbose_name='amount')),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sublicence_incomes', to='collab.royaltyreport', verbose_name='report')),
                ('sublicence', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='incomes', to='collab.sublicence', verbose_name='sublicence')),
            ],
            options={
                'verbose_name': 'income from a sublicence',
                'verbose_name_plural': 'income from sublicences',
                'ordering': ['report', 'position'],
                'constraints': [models.UniqueConstraint(fields=('report', 'sublicence'), name='sublicence_income_once_per_report'), models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', 10000000000000000)), name='sublicence_income_is_sound')],
            },
        ),
        migrations.RunPython(say_when_granted, migrations.RunPython.noop, elidable=True),
    ]
