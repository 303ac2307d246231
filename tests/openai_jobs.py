"""A vendor that trains models as OpenAI does: files, fine-tuning jobs and what becomes of them, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

WAIT_S = 120.0
KEY = "sk-stand-in"
CREATED = 1_772_625_600

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with the next request of this method and path. After `done` the vendor has done what it was asked
    to all the same, and only its answer is lost: a `status` of 0 closes the line, and one of -1 says nothing at all."""

    method: str
    path: str
    status: int
    message: str = "no"
    done: bool = False
    retry_after: str = ""
    page: bytes = b""


@dataclass(slots=True)
class JobsVendor:
    """The vendor's books. A test writes into them what has become of a job."""

    url: str = ""
    files: list[Json] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    jobs: list[Json] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    forgets_metadata: bool = False
    page_size: int = 100
    silent: threading.Event = field(default_factory=threading.Event)
    """Set once somebody was left without an answer."""
    over: threading.Event = field(default_factory=threading.Event)

    def advance(self, status: str, **changes: Any) -> None:
        """Let the newest job be further on."""
        self.jobs[0] |= {"status": status, **changes}

    def trouble(self, method: str, path: str) -> Trouble | None:
        """The next one that fits, which happens once."""
        fitting = next((one for one in self.troubles if (one.method, one.path) == (method, path)), None)
        if fitting is not None:
            self.troubles.remove(fitting)
        return fitting

    def upload(self, body: bytes, content_type: str) -> Json:
        name, content, purpose = _parts(body, content_type)
        made: Json = {
            "id": f"file-{len(self.files) + 1}",
            "object": "file",
            "bytes": len(content),
            "created_at": CREATED,
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        self.files.insert(0, made)
        self.contents[made["id"]] = content
        return made

    def create(self, asked: Json) -> Json:
        made: Json = {
            "id": f"ftjob-{len(self.jobs) + 1}",
            "object": "fine_tuning.job",
            "created_at": CREATED,
            "finished_at": None,
            "fine_tuned_model": None,
            "trained_tokens": None,
            "organization_id": "org-1",
            "result_files": [],
            "hyperparameters": {},
            "status": "validating_files",
            "error": None,
            "asked": asked,
            **{name: asked.get(name) for name in ("model", "training_file", "validation_file", "seed", "method")},
            "metadata": None if self.forgets_metadata else asked.get("metadata"),
        }
        self.jobs.insert(0, made)
        return made

    def page(self, things: list[Json], query: dict[str, list[str]]) -> Json:
        after = query.get("after", [""])[0]
        ids = [thing["id"] for thing in things]
        start = ids.index(after) + 1 if after else 0
        limit = min(self.page_size, int(query.get("limit", ["100"])[0]))
        page = things[start : start + limit]
        return {"object": "list", "data": page, "has_more": start + len(page) < len(things)}


class _Handler(BaseHTTPRequestHandler):
    vendor: ClassVar[JobsVendor]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urlsplit(self.path)
        path = url.path.removeprefix("/v1")
        self.vendor.asked.append((method, path))
        trouble = self.vendor.trouble(method, path)
        if trouble is not None and not trouble.done:
            return self._fail(trouble)
        if self.headers.get("authorization") != f"Bearer {KEY}":
            return self._say(401, _error("Incorrect API key provided"))
        status, said = self._answer(method, path, parse_qs(url.query), body)
        return self._say(status, said) if trouble is None else self._fail(trouble)

    def _answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Json]:
        match method, path.strip("/").split("/"):
            case "POST", ["files"]:
                return 200, self.vendor.upload(body, self.headers["content-type"])
            case "GET", ["files"]:
                return 200, self.vendor.page(self.vendor.files, query)
            case "POST", ["fine_tuning", "jobs"]:
                return 200, self.vendor.create(json.loads(body))
            case "GET", ["fine_tuning", "jobs"]:
                return 200, self.vendor.page(self.vendor.jobs, query)
            case _, ["fine_tuning", "jobs", job_id, *rest]:
                return self._of_job(job_id, rest)
            case _:
                return 404, _error(f"no such thing: {path}")

    def _of_job(self, job_id: str, rest: list[str]) -> tuple[int, Json]:
        job = next((job for job in self.vendor.jobs if job["id"] == job_id), None)
        if job is None:
            return 404, _error(f"Could not find fine tune: {job_id}")
        if rest == ["events"]:
            return 200, {"object": "list", "data": self.vendor.events, "has_more": False}
        if rest == ["cancel"]:
            if job["status"] in ("succeeded", "failed", "cancelled"):
                return 400, _error("Job has already completed")
            job["status"] = "cancelled"
        return 200, job

    def _fail(self, trouble: Trouble) -> None:
        self.vendor.silent.set()
        if trouble.status < 0:
            self.vendor.over.wait(WAIT_S)
        if trouble.status <= 0:
            self.close_connection = True
            return None
        more = {"retry-after": trouble.retry_after} if trouble.retry_after else {}
        if trouble.page:
            kind = "text/html" if trouble.page.startswith(b"<") else "application/json"
            return self._send(trouble.status, trouble.page, {"content-type": kind, **more})
        return self._say(trouble.status, _error(trouble.message), **more)

    def _say(self, status: int, said: Json, **headers: str) -> None:
        self._send(status, json.dumps(said).encode(), {"content-type": "application/json", **headers})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _parts(body: bytes, content_type: str) -> tuple[str, bytes, str]:
    """The name and the content of the file in a form, and its purpose."""
    form = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    name, content, purpose = "", b"", ""
    for part in form.walk():
        match part.get_param("name", header="content-disposition"):
            case "file":
                name, content = str(part.get_filename()), bytes(part.get_payload(decode=True))
            case "purpose":
                purpose = str(part.get_payload())
    return name, content, purpose


def _error(message: str) -> Json:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


@contextmanager
def jobs_vendor() -> Iterator[JobsVendor]:
    """A vendor on a free port of this machine."""
    running = JobsVendor()
    handler: Callable[..., BaseHTTPRequestHandler] = type("Handler", (_Handler,), {"vendor": running})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        running.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield running
        finally:
            running.over.set()
            server.shutdown()
            thread.join()
