from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from training import wiring  # noqa: F401  registers this app's requirements with collab.access
