"""What `huggingface_hub` asks of a Hub, answered with the Hub's status codes and headers."""

import base64
import hashlib
import json
import re
import select
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from tests.hub_server.repository import CARD, PAGE, Blob, Repository, is_lfs, read_card

PATIENCE = 60  # seconds until a silent client is given up


class Answer(NamedTuple):
    """Content is bytes, or anything else to be sent as JSON; a header of None is left out."""

    status: int
    content: object
    headers: dict = {}


class Refusal(Exception):
    def __init__(self, status, message, code=None, commit=None):
        headers = {"X-Error-Message": message, "X-Error-Code": code, "X-Repo-Commit": commit}
        self.answer = Answer(status, {"error": message}, headers)


class Handler(BaseHTTPRequestHandler):
    """One request to a connection (HTTP/1.0), so that no thread is left waiting for another."""

    timeout = PATIENCE

    def do_GET(self):
        self.hub, (path, _, query) = self.server.hub, self.path.partition("?")
        self.query = parse_qs(query)
        self.hub.requests.append(f"{self.command} {self.path}")
        if "Authorization" in self.headers and self.server is self.hub.servers[1]:
            self.hub.leaks.append(f"{self.command} {self.path}")
        self.fault = self.hub.fault(f"{self.command} {path}")
        self.body = self.read_body()
        try:
            if self.fault.kind == "fail":
                refusal = Refusal(self.fault.status, "Failed on purpose")
                if self.fault.status in (429, 503):
                    refusal.answer.headers["Retry-After"] = "1"
                raise refusal
            with self.hub.lock:
                answer = self.find_answer(path)
        except Refusal as refusal:
            answer = refusal.answer
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            answer = Refusal(400, f"Malformed request: {error!a}").answer
        self.send(answer if isinstance(answer, Answer) else Answer(200, answer))

    do_HEAD = do_POST = do_PUT = do_GET

    def read_body(self):
        length = int(self.headers.get("Content-Length", 0))
        if self.command in ("GET", "HEAD"):
            return b""
        body = self.rfile.read(self.fault.cut(length))
        self.fault.strike()
        body += self.rfile.read(length - len(body))
        # All of a small body may be on its way when the client is killed, and so arrive complete.
        held = self.fault.kind == "stall"
        if len(body) < length or (held and select.select([self.connection], [], [], 0.1)[0]):
            raise ConnectionAbortedError("the client is gone")
        return body

    def send(self, answer):
        content = answer.content
        if not isinstance(content, bytes):
            content = json.dumps(content, default=str).encode()
        if self.command == "HEAD":
            self.fault.strike()
        self.send_response_only(answer.status)
        for key, value in {**answer.headers, "Content-Length": len(content)}.items():
            if value is not None:
                self.send_header(key, value)
        self.end_headers()
        cut = 0
        if self.command == "GET":
            cut = self.fault.cut(len(content))
            self.wfile.write(content[:cut])
            self.fault.strike()
        if self.command != "HEAD":
            self.wfile.write(content[cut:])

    def find_answer(self, path):
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.account = self.hub.tokens.get(token)
        if token and not self.account:
            raise Refusal(401, "Invalid credentials in Authorization header")
        request = f"{self.command} {path}".replace("HEAD", "GET", 1)
        for pattern, endpoint in ROUTES:
            if match := re.fullmatch(pattern, request):
                # Unquoted only now: the slash within a revision is sent quoted.
                return endpoint(self, *(unquote(group) for group in match.groups() if group))
        raise Refusal(404, "Sorry, we can't find the page you are looking for.")

    def require_writer(self, owner, code=None):
        """Refuse an account that may not write what is the owner's."""
        if not self.account:
            raise Refusal(401, "Invalid username or password.", code)
        if not self.account.writes:
            raise Refusal(403, "Forbidden: you must use a write token")
        if owner not in (None, self.account.name):
            raise Refusal(403, "Forbidden: you don't have the required permissions")

    def repository(self, name, write=False, proposal=False):
        """A repository that the account may see, and may write to or propose to."""
        repository, owner = self.hub.repositories.get(name), owner_of(name)
        ours = self.account and self.account.name == owner
        if not repository or (repository.private and not ours):
            raise Refusal(404 if self.account else 401, "Repository not found", "RepoNotFound")
        if write:
            # The code is what the client makes of a bare 401, but over https only.
            self.require_writer(None if proposal else owner, "RepoNotFound")
        return repository

    def revision(self, repository, revision):
        if commit := repository.find(revision):
            return commit
        raise Refusal(404, f"Invalid rev id: {revision!a}", "RevisionNotFound")

    def whoami(self):
        if not self.account:
            raise Refusal(401, "Invalid username or password.")
        role, name = "write" if self.account.writes else "read", self.account.name
        auth = {"type": "access_token", "accessToken": {"displayName": "tests", "role": role}}
        return {"type": "user", "name": name, "fullname": name, "orgs": [], "auth": auth}

    def create(self):
        data = json.loads(self.body)
        self.require_writer(data.get("organization"))
        name, kind = f"{self.account.name}/{data.get('name')}", data.get("type", "model")
        if kind not in ("model", "space") or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise Refusal(400, "This Hub has models and Spaces, with plain names")
        if kind == "space" and data.get("sdk") != "static":
            raise Refusal(400, "This Hub's Spaces are static")
        name = f"spaces/{name}" if kind == "space" else name
        answer = {"name": name, "url": f"{self.hub.url}/{name}"}
        if name in self.hub.repositories:
            return Answer(409, answer | {"error": "You already created this repo"})
        private = data.get("visibility") == "private" or data.get("private") is True
        self.hub.repositories[name] = Repository(private, PAGE if kind == "space" else {})
        return answer

    def validate_card(self):
        card, complaints = read_card(str(json.loads(self.body).get("content")))
        warnings = [] if card or complaints else ["empty or missing yaml metadata in repo card"]
        errors, warnings = ([{"message": t} for t in texts] for texts in (complaints, warnings))
        return Answer(400 if errors else 200, {"errors": errors, "warnings": warnings})

    def preupload(self, name, revision):
        repository = self.repository(name, write=True, proposal="create_pr" in self.query)
        files = self.revision(repository, revision).files
        answers = []
        for asked in json.loads(self.body)["files"]:
            path, blob = asked["path"], files.get(asked["path"])
            mode = "lfs" if is_lfs(path, asked["size"]) else "regular"
            oid = blob and (blob.sha256 if blob.lfs else blob.oid)
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return {"files": answers}

    def batch(self, name):
        data = json.loads(self.body)
        # Only a proposal does not say which revision it uploads for.
        self.repository(name, write=True, proposal="ref" not in data)
        answers = [{key: asked[key] for key in ("oid", "size")} for asked in data["objects"]]
        for answer in answers:
            if answer["oid"] not in self.hub.objects:
                upload = {"href": f"{self.hub.storage}/objects/{answer['oid']}", "header": {}}
                answer["actions"] = {"upload": upload}
        return {"transfer": "basic", "objects": answers}

    def store(self, sha256):
        if hashlib.sha256(self.body).hexdigest() != sha256:
            raise Refusal(400, "The content does not have this sha256")
        self.hub.objects[sha256] = self.body
        return {}

    def commit(self, name, revision):
        proposal = "create_pr" in self.query
        repository = self.repository(name, write=True, proposal=proposal)
        base = self.revision(repository, revision)
        header, *lines = (json.loads(line) for line in self.body.splitlines())
        told = header["value"]
        parent = told.get("parentCommit", base.oid)
        if proposal:
            base = self.revision(repository, parent)
        elif revision not in repository.branches:
            raise ValueError("only a branch can be committed to")
        elif parent != base.oid:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        files = dict(base.files)
        for line in lines:
            self.change(files, line["key"], line["value"])
        number = sum(branch.startswith("refs/pr/") for branch in repository.branches) + 1
        branch = f"refs/pr/{number}" if proposal else revision
        message = (told["summary"], told.get("description", ""))
        oid = repository.add(branch, base.oid, files, *message, self.account.name)
        url = f"{self.hub.url}/{name}"
        proposed = f"{url}/discussions/{number}" if proposal else None
        return {"commitOid": oid, "commitUrl": f"{url}/commit/{oid}", "pullRequestUrl": proposed}

    def change(self, files, key, value):
        """Carry out one line of a commit."""
        path = value["path"]
        if not {"", ".", "..", ".git"}.isdisjoint(path.removesuffix("/").split("/")):
            raise ValueError(f"invalid path: {path}")
        if key == "file" and value["encoding"] == "base64":
            files[path] = Blob(base64.b64decode(value["content"], validate=True))
        elif key == "lfsFile":
            data = self.hub.objects.get(value["oid"])
            if data is None or value.get("size", len(data)) != len(data):
                raise Refusal(400, f"LFS pointer to a file that does not exist: {path!a}")
            files[path] = Blob(data, lfs=True)
        elif key in ("deletedFile", "deletedFolder"):
            folder = path.removesuffix("/") + "/"
            inside = [known for known in files if known.startswith(folder)]
            gone = inside if key == "deletedFolder" else [path]
            if not gone or not files.keys() >= set(gone):
                raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
            for path in gone:
                del files[path]
        else:
            raise ValueError(f"unknown operation: {key}")

    def branch(self, name, branch):
        repository = self.repository(name, write=True)
        if branch.startswith("refs/"):
            raise Refusal(400, "Invalid reference for a branch")
        if branch in repository.branches:
            raise Refusal(409, "Reference already exists")
        start = json.loads(self.body).get("startingPoint", "main")
        repository.branches[branch] = self.revision(repository, start).oid
        return {}

    def model(self, name, revision="main"):
        repository = self.repository(name)
        commit = self.revision(repository, revision)
        readme = commit.files.get("README.md", Blob(b""))
        card, complaints = read_card(readme.data.decode(errors="replace"))
        card = {} if complaints else {key: card[key] for key in CARD if key in card}
        about = {key: card[key] for key in ("library_name", "pipeline_tag", "tags") if key in card}
        about |= {"author": owner_of(name), "lastModified": commit.date, "cardData": card}
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        about |= {"sha": commit.oid, "private": repository.private, "siblings": siblings}
        plain = name.removeprefix("spaces/")
        return {"id": plain, "modelId": plain, **about}

    def tree(self, name, revision):
        files = self.revision(self.repository(name), revision).files
        entries = {}
        for path, blob in sorted(files.items()):
            for slash in re.finditer("/", path):
                folder = path[: slash.start()]
                oid = hashlib.sha1(folder.encode()).hexdigest()
                entries[folder] = {"type": "directory", "path": folder, "oid": oid, "size": 0}
            size = len(blob.data)
            entries[path] = {"type": "file", "path": path, "oid": blob.oid, "size": size}
            if blob.lfs:
                lfs = {"oid": blob.sha256, "size": size, "pointerSize": len(blob.pointer)}
                entries[path]["lfs"] = lfs
        deep = self.query.get("recursive") == ["true"]
        return [entry for path, entry in entries.items() if deep or "/" not in path]

    def commits(self, name, revision):
        repository = self.repository(name)
        self.revision(repository, revision)
        listed = []
        for commit in reversed(repository.history(revision)):
            told = {"title": commit.message, "message": commit.description, "date": commit.date}
            listed.append({"id": commit.oid, "authors": [{"user": commit.author}], **told})
        return listed

    def refs(self, name):
        answer = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
        for branch, oid in self.repository(name).branches.items():
            proposal = branch.startswith("refs/pr/")
            ref = branch if proposal else f"refs/heads/{branch}"
            told = {"name": branch, "ref": ref, "targetCommit": oid}
            answer["pullRequests" if proposal else "branches"].append(told)
        return answer

    def resolve(self, name, revision, path):
        commit = self.revision(self.repository(name), revision)
        if path not in commit.files:
            raise Refusal(404, "Entry not found", "EntryNotFound", commit.oid)
        blob = commit.files[path]
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.oid}"'}
        if not blob.lfs:
            return self.part(blob.data, headers)
        headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": len(blob.data)}
        headers["Location"] = f"{self.hub.storage}/objects/{blob.sha256}"
        return Answer(302, b"Found", headers)

    def download(self, sha256):
        if sha256 not in self.hub.objects:
            raise Refusal(404, "No such object")
        return self.part(self.hub.objects[sha256], {"ETag": f'"{sha256}"'})

    def part(self, content, headers):
        """The content, or the range of it that is asked for."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            return Answer(200, content, headers)
        start, length = int(asked[1]), len(content)
        end = min(int(asked[2] or length) + 1, length)
        if start >= end:
            return Answer(416, b"", {"Content-Range": f"bytes */{length}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{length}"
        return Answer(206, content[start:end], headers)

    def models(self):
        """Those that the account may see, of an author and with all tags that are asked for."""
        (author,), wanted = self.query.get("author", [None]), self.query.get("filter", [])
        found = []
        for name, repository in self.hub.repositories.items():
            if name.startswith("spaces/"):
                continue
            owner = owner_of(name)
            ours = self.account and self.account.name == owner
            about = self.model(name) if ours or not repository.private else None
            if about and author in (None, owner):
                tags = [*about.get("tags", ()), about.get("library_name")]
                if set(wanted) <= set(tags):
                    found.append({**about, "tags": tags, "downloads": 0})
        return found

    def create_collection(self):
        data = json.loads(self.body)
        self.require_writer(data["namespace"])
        slug = f"{data['namespace']}/{data['title'].lower()}-{'0' * 24}"
        if slug in self.hub.collections:
            return Answer(409, {"error": "This collection already exists", "slug": slug})
        if len(data.get("description", "")) > 150:
            raise ValueError("a description has at most 150 characters")
        self.hub.collections[slug] = {
            "slug": slug,
            "title": data["title"],
            "owner": {"name": data["namespace"]},
            "description": data.get("description"),
            "private": data["private"],
            "lastUpdated": "2026-01-01T00:00:00.000Z",
            "position": 0,
            "theme": "green",
            "upvotes": 0,
            "items": [],
        }
        return self.hub.collections[slug]

    def collection(self, slug):
        found, owner = self.hub.collections.get(slug), slug.split("/")[0]
        ours = self.account and self.account.name == owner
        if not found or (found["private"] and not ours):
            raise Refusal(404, "Collection not found")
        return found

    def add_to_collection(self, slug):
        found, item = self.collection(slug), json.loads(self.body)["item"]
        self.require_writer(slug.split("/")[0])
        if item["type"] != "model":
            raise ValueError("this Hub has models only")
        self.repository(item["id"])
        if any(known["id"] == item["id"] for known in found["items"]):
            raise Refusal(409, "This item is already in the collection")
        number = len(found["items"])
        found["items"].append({"_id": f"{number:024}", "position": number, **item})
        return found


def owner_of(name):
    return name.removeprefix("spaces/").split("/")[0]


# A repository's name here: "owner/name" of a model, "spaces/owner/name" of a Space.
REPOSITORY = "/api/(?:models/([^/]+/[^/]+)|(spaces/[^/]+/[^/]+))"
COLLECTION = "/api/collections/([^/]+/[^/]+)"
ROUTES = [
    ("GET /api/whoami-v2", Handler.whoami),
    ("POST /api/repos/create", Handler.create),
    ("GET /api/models", Handler.models),
    ("POST /api/collections", Handler.create_collection),
    (f"GET {COLLECTION}", Handler.collection),
    (f"POST {COLLECTION}/items", Handler.add_to_collection),
    ("POST /api/validate-yaml", Handler.validate_card),
    (f"POST {REPOSITORY}/preupload/([^/]+)", Handler.preupload),
    (f"POST {REPOSITORY}/commit/([^/]+)", Handler.commit),
    (f"POST {REPOSITORY}/branch/([^/]+)", Handler.branch),
    (f"GET {REPOSITORY}(?:/revision/([^/]+))?", Handler.model),
    (f"GET {REPOSITORY}/tree/([^/]+)", Handler.tree),
    (f"GET {REPOSITORY}/commits/([^/]+)", Handler.commits),
    (f"GET {REPOSITORY}/refs", Handler.refs),
    (r"POST /((?:spaces/)?[^/]+/[^/]+)\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT /objects/([0-9a-f]{64})", Handler.store),
    ("GET /objects/([0-9a-f]{64})", Handler.download),
    ("GET /((?:spaces/)?[^/]+/[^/]+)/resolve/([^/]+)/(.+)", Handler.resolve),
]
