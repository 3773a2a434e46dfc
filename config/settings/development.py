"""One machine, nothing to install: what `make run` uses."""

from django.core.management.utils import get_random_secret_key

from config.settings.base import *
from config.settings.base import ALLOWED_HOSTS, DATA_DIR, SECRET_KEY

if not SECRET_KEY:
    _key_file = DATA_DIR / "secret_key"
    if not _key_file.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        _key_file.touch(mode=0o600)
        _key_file.write_text(get_random_secret_key() + get_random_secret_key(), encoding="ascii")
    SECRET_KEY = _key_file.read_text(encoding="ascii")

ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]
