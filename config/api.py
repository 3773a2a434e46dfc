"""The REST API: one router for the nouns of every slice."""

from rest_framework.routers import SimpleRouter

router = SimpleRouter(use_regex_path=True)

urlpatterns = router.urls
