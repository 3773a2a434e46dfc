from django.apps import AppConfig


class CollabConfig(AppConfig):
    name = "collab"

    def ready(self) -> None:
        from collab import wiring  # noqa: F401  registers this app's requirements with collab.access
