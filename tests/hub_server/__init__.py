"""A small, writable Hugging Face Hub in memory, on loopback, for the unmodified client to talk to.

It answers what `huggingface_hub` asks when it creates, writes, reads and lists model repositories,
collections of them and static Spaces, with the Hub's status codes and headers; requests can be made
to fail, be dropped or be held half-way.
`python -m tests.hub_server` serves one until Ctrl-C, for trying commands by hand.

Objects (LFS files) have a second port: the Hub redirects to a storage on another host, and the
client does not treat a redirect within one origin in the same way.
"""

import re
import sys
import threading
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer

from tests.hub_server.endpoints import PATIENCE, Handler
from tests.hub_server.repository import Account, Blob, Repository, is_lfs


@dataclass(eq=False)
class Fault:
    """What befalls the next `times` requests.

    A stalled one sets `reached` half-way through its body, and goes on once a test has set
    `release` or PATIENCE is over.
    """

    kind: str
    pattern: str
    times: int = 1
    status: int = 0
    after: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def cut(self, length):
        """How much of a body passes before the fault."""
        return min({"drop": self.after, "stall": length // 2}.get(self.kind, length), length)

    def strike(self):
        if self.kind == "drop":
            raise ConnectionAbortedError("dropped on purpose")
        if self.kind == "stall":
            self.reached.set()
            self.release.wait(PATIENCE)


class Hub:
    """A Hub that serves from the start, empty.

    The patterns of faults are searched for in "METHOD /path". What is said of a download's body
    befalls the whole answer to a HEAD.
    """

    def __init__(self, port=0):
        self.tokens = {"hf_alice": Account("alice", True), "hf_reader": Account("reader", False)}
        self.repositories = {}
        self.collections = {}  # as the client is told of them, by slug
        self.objects = {}  # content by sha256, committed or not
        self.requests = []
        self.leaks = []  # requests that brought a token to the storage, another origin
        self.faults = []
        self.lock = threading.RLock()
        self.servers = [Server(("127.0.0.1", number), Handler) for number in (port, 0)]
        self.url, self.storage = (f"http://127.0.0.1:{s.server_port}" for s in self.servers)
        for server in self.servers:
            server.hub = self
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def fail(self, pattern, status, times=1):
        """Answer the next matching requests with an HTTP status."""
        self.faults.append(Fault("fail", pattern, times, status=status))

    def drop(self, pattern, after=0, times=1):
        """Hang up after that many bytes of the download or the upload, which then has no effect."""
        self.faults.append(Fault("drop", pattern, times, after=after))

    def stall(self, pattern):
        """Hold the next matching request half-way through its body; see Fault."""
        self.faults.append(Fault("stall", pattern))
        return self.faults[-1]

    def fault(self, request):
        """The fault that befalls a request, counted."""
        with self.lock:
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault
        return Fault("none", "")

    def write(self, repo_id, files, branch="main", private=False):
        """Add files (bytes by path) in one unchecked commit and return its oid.

        A missing repository is made, private or not; a missing branch starts from main.
        """
        with self.lock:
            repository = self.repositories.setdefault(repo_id, Repository(private))
            base = repository.find(branch) or repository.find("main")
            blobs = {path: Blob(data, is_lfs(path, len(data))) for path, data in files.items()}
            self.objects.update({blob.sha256: blob.data for blob in blobs.values() if blob.lfs})
            return repository.add(branch, base.oid, base.files | blobs, "Add files")

    def reset(self):
        """Forget everything but the tokens, and let held requests go."""
        with self.lock:
            for fault in self.faults:
                fault.release.set()
            for memory in (
                self.repositories,
                self.collections,
                self.objects,
                self.requests,
                self.leaks,
                self.faults,
            ):
                memory.clear()

    def close(self):
        self.reset()
        for server in self.servers:
            server.shutdown()
            server.server_close()


class Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # That a client hung up or was killed is no news; anything else is a mistake in here.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
