
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0021_entries_of_cases'),
    ]

    operations = [
        migrations.AddField(
            model_name='agreementversion',
            name='names',
            field=models.JSONField(blank=True, default=dict, editable=False, verbose_name='names as they were sent'),
        ),
        migrations.AlterField(
            model_name='agreementversion',
            name='format',
            field=models.PositiveSmallIntegerField(default=3, editable=False),
        ),
    ]
