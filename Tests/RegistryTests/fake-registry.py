"""A registry that misbehaves as it is told, for tests.

    fake-registry.py SETTINGS LOG

Prints its port, serves until its standard input ends, and writes one line of JSON for each request to LOG. SETTINGS is
JSON: `blobs` {digest: path}, `manifests` {tag or digest: {path, type}}, `faults` [rule], `auth` and `tls`. A rule has
`match` (METHOD, a space, and what the path begins with), `times` (how often it counts; always without) and what it does:
`status`, `headers`, `body`; `cut` (close after so many bytes of the body); `stall` (seconds without a byte, after `cut`
bytes or none); `size` (so many bytes instead of the right ones); `endless` (so many spaces); `ignore_range`; `unsized` (no
Content-Length); `wait` (seconds before an answer); `range`, `digest` (other fields than the right ones);
`cut_request` (close after so many bytes of what is sent).
"""

import base64
import hashlib
import http.server
import json
import re
import ssl
import sys
import threading
import time
import urllib.parse

settings = json.load(open(sys.argv[1]))
log = open(sys.argv[2], "a")
lock = threading.Lock()
blobs = {name: open(path, "rb").read() for name, path in settings.get("blobs", {}).items()}
manifests = {
    name: (open(found["path"], "rb").read(), found["type"]) for name, found in settings.get("manifests", {}).items()
}
faults = settings.get("faults", [])
auth = settings.get("auth")
uploads = {}
tokens = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def answer(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fault(self):
        line = f"{self.command} {self.path}"
        with lock:
            for rule in faults:
                if line.startswith(rule["match"]) and rule.get("times", 1) > 0:
                    if "times" in rule:
                        rule["times"] -= 1
                    return rule
        return {}

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def handle_any(self):
        path = urllib.parse.urlsplit(self.path)
        with lock:
            log.write(json.dumps({"method": self.command, "path": self.path, "fields": dict(self.headers.items())}) + "\n")
            log.flush()
        rule = self.fault()
        if "cut_request" in rule:
            self.rfile.read(rule["cut_request"])
            self.close_connection = True
            return
        if self.command in ("POST", "PUT", "PATCH"):
            self.sent = self.body()
        time.sleep(rule.get("wait", 0))
        if "status" in rule:
            return self.answer(rule["status"], rule.get("headers"), rule.get("body", "").encode())
        if "endless" in rule:
            return self.endless(rule["endless"], rule.get("headers"))
        if path.path == "/token":
            return self.token(urllib.parse.parse_qs(path.query))
        if auth and not self.allowed():
            return
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs/uploads|blobs)/([^/]*)", path.path)
        if not match:
            return self.answer(404)
        name, kind, word = match.groups()
        if kind == "manifests":
            self.manifest(word, rule)
        elif kind == "blobs/uploads":
            self.upload(name, word, urllib.parse.parse_qs(path.query), rule)
        else:
            self.blob(word, rule)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any

    def origin(self):
        return f"{'https' if settings.get('tls') else 'http'}://127.0.0.1:{self.server.server_address[1]}"

    def basic(self):
        given = self.headers.get("Authorization", "")
        wanted = base64.b64encode(f"{auth['user']}:{auth['password']}".encode()).decode()
        return given == "Basic " + wanted

    def allowed(self):
        if auth["kind"] == "basic":
            if self.basic():
                return True
            challenge = 'Basic realm="fake, \\"quoted\\""'
        else:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if tokens.get(token, 0) > time.time():
                return True
            realm = auth.get("realm") or self.origin() + "/token"
            challenge = f'Bearer realm="{realm}",service="fake service",scope="repository:x:pull"'
        reason = {"errors": [{"code": "UNAUTHORIZED", "message": auth.get("echo", "authentication required")}]}
        self.answer(401, {"WWW-Authenticate": challenge}, json.dumps(reason).encode())
        return False

    def token(self, query):
        if self.command == "POST":
            query = urllib.parse.parse_qs(self.sent.decode())
            good = query.get("refresh_token") == [auth.get("refresh")] and query.get("grant_type") == ["refresh_token"]
        else:
            good = "user" not in auth or self.basic()
        if not good or query.get("service") != ["fake service"]:
            return self.answer(401, {}, json.dumps({"details": "incorrect username or password"}).encode())
        token = f"token-{len(tokens)}-" + "t" * 40
        tokens[token] = time.time() + auth.get("lifetime", 300)
        answer = {"token": token, "expires_in": auth.get("says", 300)}
        self.answer(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def manifest(self, word, rule):
        if self.command == "PUT":
            name = "sha256:" + hashlib.sha256(self.sent).hexdigest()
            manifests[word] = manifests[name] = (self.sent, self.headers["Content-Type"])
            return self.answer(201, {"Docker-Content-Digest": name})
        if word not in manifests:
            reason = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest \u001b[31munknown"}]}
            return self.answer(404, {"Content-Type": "application/json"}, json.dumps(reason).encode())
        body, kind = manifests[word]
        name = rule.get("digest", "sha256:" + hashlib.sha256(body).hexdigest())
        self.content(body, {"Content-Type": kind, "Docker-Content-Digest": name}, rule)

    def blob(self, word, rule):
        if word not in blobs:
            return self.answer(404, {}, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
        self.content(blobs[word], {"Content-Type": "application/octet-stream"}, rule)

    def content(self, body, headers, rule):
        status = 200
        if "size" in rule:
            body = (body + b"x" * rule["size"])[: rule["size"]]
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and not rule.get("ignore_range"):
            start = int(wanted.group(1))
            if start >= len(body):
                return self.answer(416, {"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = rule.get("range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body, status = body[start:], 206
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if rule.get("unsized"):
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: rule.get("cut", len(body))])
        if "cut" in rule or "stall" in rule:
            self.wfile.flush()
            time.sleep(rule.get("stall", 0))
            self.close_connection = True

    def endless(self, size, headers):
        self.send_response(200)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        sent = 0
        try:
            while sent < size:
                sent += self.wfile.write(b" " * 65536)
        finally:
            with lock:
                log.write(json.dumps({"method": "SENT", "path": str(sent), "fields": {}}) + "\n")
                log.flush()

    def upload(self, name, word, query, rule):
        if self.command == "POST":
            word = f"u{len(uploads)}"
            uploads[word] = b""
            place = f"/v2/{name}/blobs/uploads/{word}?state=a%2Fb"
            return self.answer(202, {"Location": settings.get("uploads_at", "") + place})
        if word not in uploads:
            return self.answer(404)
        wanted = self.headers.get("Content-Range")
        if self.command == "PATCH" and wanted:
            start, end = map(int, wanted.split("-"))
            if start != len(uploads[word]) or end - start + 1 != len(self.sent):
                return self.answer(416)
        uploads[word] += self.sent
        if self.command == "PATCH":
            return self.answer(202, {"Location": f"/v2/{name}/blobs/uploads/{word}?state=c"})
        digest = "sha256:" + hashlib.sha256(uploads[word]).hexdigest()
        if query.get("digest") != [digest]:
            return self.answer(400, {}, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        blobs[digest] = uploads.pop(word)
        self.answer(201, {"Docker-Content-Digest": rule.get("digest", digest)})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
if tls := settings.get("tls"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls["certificate"], tls["key"])
    if tls.get("client"):
        context.load_verify_locations(tls["client"])
        context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("port", server.server_address[1], flush=True)
sys.stdin.read()
