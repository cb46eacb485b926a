"""A Maven repository on loopback, for the download of jars: what it hands out is the test's choice."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from services.cli.stack.jars import Jar


@dataclass
class MavenRepository:
    """`files`: path → content. `asked`: the paths of jars that were asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, name: str, content: bytes) -> Jar:
        """Hand out a jar from now on; the line of a lock file that names it."""
        self.files[f"/org/example/{name}/1.0/{name}-1.0.jar"] = content
        return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))

    def replace(self, jar: Jar, content: bytes) -> None:
        """Hand out other bytes under the same name, as a broken proxy does."""
        self.files[f"/org/example/{jar.artifact}/1.0/{jar.file_name}"] = content


@contextmanager
def serve_maven() -> Iterator[MavenRepository]:
    """Serve until the block ends."""
    repository = MavenRepository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith(".jar"):
                repository.asked.append(self.path)
            content = repository.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            """The test's output stays quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        repository.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield repository
        server.shutdown()
        thread.join()
