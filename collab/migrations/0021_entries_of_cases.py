
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0020_withdrawn_payments'),
    ]

    operations = [
        migrations.AddField(
            model_name='ledgerentry',
            name='case',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='collab.transfercase', verbose_name='case'),
        ),
    ]
