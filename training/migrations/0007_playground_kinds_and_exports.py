import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import training.exports.states


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0004_audio_kind"),
        ("training", "0006_playground_inputs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

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
        migrations.CreateModel(
            name="OnnxExport",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created at"
                    ),
                ),
                ("manifest_sha256", models.CharField(max_length=64, unique=True, verbose_name="manifest hash")),
                ("asked_at", models.DateTimeField(verbose_name="asked at")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "WAITING"),
                            ("running", "RUNNING"),
                            ("done", "DONE"),
                            ("failed", "FAILED"),
                        ],
                        default=training.exports.states.ExportState["WAITING"],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=20, verbose_name="reason")),
                ("reason_detail", models.TextField(blank=True, verbose_name="in detail")),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="hash")),
                ("size_bytes", models.BigIntegerField(default=0, verbose_name="size")),
                ("facts", models.JSONField(default=dict, verbose_name="facts")),
                ("started_at", models.DateTimeField(blank=True, null=True, verbose_name="begun at")),
                ("ends_by", models.DateTimeField(blank=True, null=True, verbose_name="given up at")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked by",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="onnx_exports",
                        to="registry.modelversion",
                        verbose_name="model version",
                    ),
                ),
            ],
            options={
                "verbose_name": "ONNX export",
                "verbose_name_plural": "ONNX exports",
                "ordering": ["-asked_at", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state", "done"), _negated=True) | models.Q(("sha256", ""), _negated=True),
                        name="onnx_export_done_has_file",
                    )
                ],
            },
        ),
    ]
