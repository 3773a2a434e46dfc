from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0006_playground_inputs")]

    operations = [
        migrations.AlterField(
            "trial",
            "kind",
            models.CharField(
                choices=[
                    ("text", "a text"),
                    ("numbers", "a series of numbers"),
                    ("image", "an image"),
                    ("audio", "a recording"),
                    ("question", "a question and a text that it is about"),
                    ("pair", "two texts"),
                    ("captions", "an image and texts that may belong to it"),
                    ("drawing", "what to draw"),
                    ("speech", "a text to read aloud"),
                    ("scan", "a protein, residue by residue"),
                ],
                max_length=10,
                verbose_name="kind",
            ),
        ),
    ]
