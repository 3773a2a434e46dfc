import collab.kernel.names
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0035_invoices_are_written_off'),
    ]

    operations = [
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
            model_name='royaltyreport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('received_on', None), ('sent_by', '')), models.Q(('received_on__gt', models.F('ends_on')), ('received_on__isnull', False), ('submitted_at__isnull', False), models.Q(('sent_by', ''), _negated=True)), _connector='OR'), name='royalty_report_received_from_somebody'),
        ),
    ]
