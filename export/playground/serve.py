"""A server of one folder for this machine alone, with the headers that threads need in a page."""

import errno
import http.server
from functools import partial
from pathlib import Path
from typing import Any

from zoo.errors import RequestError

HOST = "127.0.0.1"
# What lets a page have threads and shared memory.
THREADS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
HEADERS = {
    **THREADS,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # else a browser shows an earlier site
}
TYPES = {
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
}


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, **TYPES}

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of a folder on a port of this machine, 0 for any that is free.

    Raises:
        RequestError: the port is no port, or in use.
    """
    try:
        return http.server.ThreadingHTTPServer((HOST, port), partial(_Handler, directory=folder))
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "which is in use" if taken else "which cannot be had"
        raise RequestError(
            f"--port must be a free port of this machine, or 0 for any. Received: {port}, {why}"
        ) from error
