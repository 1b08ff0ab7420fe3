# Copyright (c) 2026 the shimops.containerd authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built site behind a web server, and the browser that reads it."""

import functools
import http.server
import os
import threading

import pytest
from chromium import Browser


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, format, *args):
        """Log nothing: the browser says what it misses."""


@pytest.fixture(scope="session")
def site():
    handler = functools.partial(Quiet, directory=os.environ["SHIMOPS_SITE"])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser():
    one = Browser()
    yield one
    one.driver.quit()
