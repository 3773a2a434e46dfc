from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0005_playground")]

    operations = [
        migrations.RenameField("trial", "image", "file"),
        migrations.AlterField(
            "trial", "file", models.BinaryField(blank=True, null=True, verbose_name="file")
        ),
        migrations.AlterField(
            "trial",
            "kind",
            models.CharField(
                choices=[
                    ("text", "a text"),
                    ("numbers", "a series of numbers"),
                    ("image", "an image"),
                    ("audio", "a recording"),
                    ("question", "a question and a text that holds its answer"),
                    ("pair", "two texts"),
                    ("captions", "an image and texts that may belong to it"),
                ],
                max_length=10,
                verbose_name="kind",
            ),
        ),
    ]
