from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"

    def ready(self) -> None:
        from registry import wiring  # noqa: F401  registers this app's requirements with collab.access
