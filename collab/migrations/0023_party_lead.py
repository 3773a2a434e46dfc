
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('collab', '0022_names_as_they_were_sent'),
    ]

    operations = [
        migrations.AddField(
            model_name='projectparty',
            name='lead',
            field=models.ForeignKey(blank=True, help_text='The principal investigator, or whom the others turn to.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='leads its work'),
        ),
    ]
