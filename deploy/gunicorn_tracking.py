"""How gunicorn serves the gate to MLflow: one process (MLflow alone takes 300 MB) with threads (its calls wait)."""

import os
from pathlib import Path

bind = f"127.0.0.1:{os.environ.get('TANDEM_TRACKING_PORT') or 8001}"
worker_class = "gthread"
workers = 1
threads = 8
timeout = 120  # the first request imports MLflow
graceful_timeout = 5
keepalive = 5
# A heartbeat file on a disk can block a worker; memory cannot.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) and Path("/dev/shm").is_dir() else None
# Its control socket has one address per user, so two servers (or a read-only home) would clash.
control_socket_disable = True
