"""An imitation of the Hugging Face hub on 127.0.0.1: as many of its routes as ganvas uses.

It says no as the real one does (status, `X-Error-Code`), and it takes .safetensors by the protocol
of Git LFS, whose files others get in a second step.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

OWNER, TOKEN = "you", "hf_secretOfMaria"
LARGE = ".safetensors"
GIT_FILE = ".gitattributes"
LICENCES = ("mit", "apache-2.0", "cc-by-4.0", "other")

Files = dict[str, bytes]


@dataclass
class Commit:
    """A state of a repository."""

    sha: str
    files: Files
    message: str


@dataclass
class StoredRepository:
    """A repository of the imitation."""

    private: bool = False
    gated: bool = False
    commits: list[Commit] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Mapping[str, bytes], message: str = "commit") -> str:
        """Add or replace files on the main branch; the new commit."""
        everything = {**(self.commits[-1].files if self.commits else {}), **files}
        text = f"{len(self.commits)} {sorted(everything.items())} {message}"
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits.append(Commit(sha, everything, message))
        self.branches["main"] = sha
        return sha

    def at(self, revision: str) -> Commit | None:
        sha = self.branches.get(revision, revision)
        return next((commit for commit in self.commits if commit.sha == sha), None)

    @property
    def files(self) -> Files:
        return self.commits[-1].files


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Hub:
    """What the imitation holds, and what it was asked."""

    address: str
    repositories: dict[tuple[str, str], StoredRepository] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: "write"})
    """Each token and what it may do."""
    requests: list[str] = field(default_factory=list)
    """METHOD /path of each request, in order."""
    uploads: Files = field(default_factory=dict)
    """Large files by their SHA-256, once they are uploaded."""
    failure: Refused | None = None
    """What every answer is from now on."""

    def add(
        self, repo: str, files: Mapping[str, bytes], kind: str = "dataset", **settings: bool
    ) -> StoredRepository:
        """A repository with files, and with the small one that the hub adds to each."""
        stored = StoredRepository(**settings)
        stored.commit({GIT_FILE: b"*", **files})
        self.repositories[kind, repo] = stored
        return stored

    def downloads(self) -> list[str]:
        """The files that were sent."""
        return [
            line.partition(" ")[2] for line in self.requests if re.match("GET .*/resolve/", line)
        ]


@contextlib.contextmanager
def imitation() -> Iterator[Hub]:
    """Serve an empty hub while entered."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the receipt of its header

    def do_GET(self) -> None:  # the names that http.server calls
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def log_message(self, *arguments: object) -> None:
        pass

    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined, no-any-return]

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            if self.hub.failure is not None:
                raise self.hub.failure
            if self.token() not in {None, *self.hub.tokens}:
                raise Refused(401, "", "Invalid credentials in Authorization header")
            status, headers, content = self.route(path, body)
        except Refused as no:
            status, content = no.status, json.dumps({"error": no.message}).encode()
            headers = {"X-Error-Code": no.code, "X-Error-Message": no.message}
            headers = {name: value for name, value in headers.items() if value}
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            headers = {**headers, "Content-Type": "application/json"}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def role(self) -> str | None:
        return self.hub.tokens.get(self.token() or "")

    def writer(self) -> None:
        if self.role() != "write":
            raise Refused(403, "", "you need a token with the right to write")

    def route(self, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        for pattern, action in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match is not None:
                return action(self, body, **match.groupdict())
        raise Refused(404, "", f"the imitation has no {path}")

    def repository(self, kind: str, repo: str) -> StoredRepository:
        stored = self.hub.repositories.get((kind, repo))
        if stored is None or (stored.private and self.role() is None):
            raise Refused(404 if self.role() else 401, "RepoNotFound", "Repository not found")
        return stored

    def commit_of(self, stored: StoredRepository, revision: str) -> Commit:
        commit = stored.at(revision)
        if commit is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def who(self, body: bytes) -> tuple[int, dict[str, str], Any]:
        if self.role() is None:
            raise Refused(401, "", "Invalid username or password.")
        access = {"accessToken": {"role": self.role()}}
        return 200, {}, {"name": OWNER, "orgs": [{"name": "atelier"}], "auth": access}

    def create(self, body: bytes) -> tuple[int, dict[str, str], Any]:
        self.writer()
        asked = json.loads(body)
        repo = f"{asked.get('organization') or OWNER}/{asked['name']}"
        if ("model", repo) in self.hub.repositories:
            raise Refused(409, "", "You already created this model repo")
        stored = StoredRepository(private=asked.get("visibility") == "private")
        stored.commit({GIT_FILE: b"*"}, "initial commit")
        self.hub.repositories["model", repo] = stored
        return 200, {}, {"url": f"{self.hub.address}/{repo}"}

    def validate(self, body: bytes) -> tuple[int, dict[str, str], Any]:
        content = json.loads(body)["content"]
        metadata = yaml.safe_load(content.split("---")[1])
        if metadata["license"] not in LICENCES:
            problem = f'"license" must be one of {LICENCES}'
            return 400, {}, {"errors": [{"message": problem}], "warnings": []}
        return 200, {}, {"errors": [], "warnings": []}

    def info(
        self, body: bytes, kind: str, repo: str, revision: str | None = None
    ) -> tuple[int, dict[str, str], Any]:
        stored = self.repository(kind, repo)
        commit = self.commit_of(stored, revision or "main")
        siblings = [{"rfilename": path} for path in commit.files]
        answer = {"id": repo, "sha": commit.sha, "private": stored.private, "siblings": siblings}
        return 200, {}, answer | {"gated": "manual" if stored.gated else False, "tags": []}

    def tree(
        self, body: bytes, kind: str, repo: str, revision: str
    ) -> tuple[int, dict[str, str], Any]:
        commit = self.commit_of(self.repository(kind, repo), revision)
        return (
            200,
            {},
            [
                {"type": "file", "path": path, "size": len(content), "oid": _oid(content)}
                for path, content in commit.files.items()
            ],
        )

    def preupload(
        self, body: bytes, kind: str, repo: str, revision: str
    ) -> tuple[int, dict[str, str], Any]:
        self.writer()
        self.repository(kind, repo)
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(body)["files"]
        ]
        return 200, {}, {"files": files}

    def batch(self, body: bytes, repo: str) -> tuple[int, dict[str, str], Any]:
        objects = json.loads(body)["objects"]
        for each in objects:
            target = f"{self.hub.address}/storage/{each['oid']}"
            each["actions"] = {"upload": {"href": target, "header": {}}}
        return 200, {}, {"transfer": "basic", "objects": objects}

    def store(self, body: bytes, oid: str) -> tuple[int, dict[str, str], Any]:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(422, "", "other bytes than were announced")
        self.hub.uploads[oid] = body
        return 200, {}, b""

    def commit(
        self, body: bytes, kind: str, repo: str, revision: str
    ) -> tuple[int, dict[str, str], Any]:
        self.writer()
        stored = self.repository(kind, repo)
        files: Files = {}
        message = ""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                message = value["summary"]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                files[value["path"]] = self.hub.uploads[value["oid"]]
        sha = stored.commit(files, message)
        return 200, {}, {"commitUrl": f"{self.hub.address}/{repo}/commit/{sha}", "commitOid": sha}

    def resolve(
        self, body: bytes, repo: str, revision: str, path: str, prefix: str | None = None
    ) -> tuple[int, dict[str, str], Any]:
        stored = self.repository("dataset" if prefix else "model", repo)
        if stored.gated and self.role() is None:
            raise Refused(401, "GatedRepo", f"Access to {repo} is restricted.")
        commit = self.commit_of(stored, revision)
        if path not in commit.files:
            raise Refused(404, "EntryNotFound", "Entry not found")
        content = commit.files[path]
        headers = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": commit.sha}
        return 200, headers, content


def _oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_KIND = r"/api/(?P<kind>model|dataset)s/" + _REPO
_ROUTES: list[tuple[str, Any]] = [
    (r"/api/whoami-v2", _Handler.who),
    (r"/api/repos/create", _Handler.create),
    (r"/api/validate-yaml", _Handler.validate),
    (_KIND, _Handler.info),
    (_KIND + r"/revision/(?P<revision>.+)", _Handler.info),
    (_KIND + r"/tree/(?P<revision>.+)", _Handler.tree),
    (_KIND + r"/preupload/(?P<revision>.+)", _Handler.preupload),
    (_KIND + r"/commit/(?P<revision>.+)", _Handler.commit),
    (rf"/{_REPO}\.git/info/lfs/objects/batch", _Handler.batch),
    (r"/storage/(?P<oid>\w+)", _Handler.store),
    (rf"/(?P<prefix>datasets/)?{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _Handler.resolve),
]
