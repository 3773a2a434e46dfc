"""How gunicorn serves the pages and the REST API. `make run` sets the port; a service manager may set more workers."""

import os
from pathlib import Path

bind = f"127.0.0.1:{os.environ.get('TANDEM_WEB_PORT') or 8000}"
worker_class = "gthread"
# workers: gunicorn reads WEB_CONCURRENCY, and takes 1 without it
threads = 8  # requests are short: nothing streams for long, live pages poll
timeout = 60  # seconds without a sign of life from a worker, not the length of a request
graceful_timeout = 5
keepalive = 5
# A heartbeat file on a disk can block a worker; memory cannot.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) and Path("/dev/shm").is_dir() else None
# Its control socket has one address per user, so two servers (or a read-only home) would clash.
control_socket_disable = True
