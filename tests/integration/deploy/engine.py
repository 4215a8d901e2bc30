"""A stand-in for a container engine, as far as `deploy.brokers.container` asks of one.

It proves nothing about a real engine. It shows what is asked of it (which ports, on which interface), what a refusal
becomes, and that whatever was made is removed. What runs in its "containers" is real: the same Valkey, and the same
Kafka under the setup program of the official image, as processes of this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from deploy.brokers.guard import Guarded
from deploy.brokers.jars import classpath
from deploy.brokers.java import java_home
from deploy.brokers.start import free_ports
from deploy.brokers.valkey import valkey_program

Program = Callable[[dict[str, Any], Path], Guarded]
Answer = tuple[int, Any]


@dataclass
class Box:
    """One container: what was asked for, and the process that plays it."""

    asked: dict[str, Any]
    log: Path
    child: Guarded | None = None

    @property
    def published(self) -> dict[str, list[dict[str, str]]]:
        return dict(self.asked["HostConfig"]["PortBindings"])

    def status(self) -> str:
        if self.child is None:
            return "created"
        return "running" if self.child.wait(0) is None else "exited"


@dataclass
class Engine:
    """The stand-in: programs by image, what is there, and what has been made so far."""

    folder: Path
    programs: dict[str, Program]
    refuse_starts: list[str] = field(default_factory=list)
    here: dict[str, Box] = field(default_factory=dict)
    made: list[Box] = field(default_factory=list)

    def answer(self, method: str, parts: list[str], body: dict[str, Any]) -> Answer:
        match method, parts:
            case "GET", ["version"]:
                return 200, {"ApiVersion": "1.44", "Version": "0", "Platform": {"Name": "stand-in"}}
            case "GET", ["images", *name, "json"] if "/".join(name) in self.programs:
                return 200, {"Id": "sha256:0"}
            case "POST", ["containers", "create"]:
                return 201, {"Id": self._make(body), "Warnings": []}
            case _, ["containers", name, *rest] if name in self.here:
                return self._of_container(method, name, "".join(rest))
        return 404, {"message": f"there is no {'/'.join(parts)}"}

    def _of_container(self, method: str, name: str, what: str) -> Answer:
        box = self.here[name]
        match method, what:
            case "POST", "start":
                return self._start(box)
            case "GET", "json":
                return 200, {"Id": name, "State": {"Status": box.status()}, "Config": {"Tty": True}}
            case "GET", "logs":
                return 200, box.log.read_text()
            case "DELETE", "":
                return self._remove(name)
        return 501, {"message": f"the stand-in has no {method} {what}"}

    def _make(self, body: dict[str, Any]) -> str:
        name = f"{len(self.made):012d}"
        self.here[name] = Box(body, self.folder / f"{name}.log")
        self.made.append(self.here[name])
        return name

    def _start(self, box: Box) -> Answer:
        if self.refuse_starts:
            return 500, {"message": self.refuse_starts.pop()}
        box.child = self.programs[box.asked["Image"]](box.asked, box.log)
        return 204, None

    def _remove(self, name: str) -> Answer:
        box = self.here.pop(name)
        if box.child is not None:
            box.child.stop()
        return 204, None


@contextlib.contextmanager
def engine(folder: Path, programs: dict[str, Program]) -> Iterator[tuple[str, Engine]]:
    """Serve a stand-in on the loopback interface; yields its address for DOCKER_HOST."""
    stand_in = Engine(folder, programs)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = self.path.partition("?")[0].strip("/").split("/")
            parts = parts[1:] if parts[0].startswith("v1.") else parts
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            code, answer = stand_in.answer(self.command, parts, body)
            content = (
                b"" if answer is None else answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            )
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_DELETE = do_GET  # noqa: N815  the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_port}", stand_in
        finally:
            server.shutdown()
            thread.join()
            for name in list(stand_in.here):
                stand_in.answer("DELETE", ["containers", name], {})


def host_port(asked: dict[str, Any]) -> str:
    (bindings,) = asked["HostConfig"]["PortBindings"].values()
    return str(bindings[0]["HostPort"])


def ends_at_once(_asked: dict[str, Any], log: Path) -> Guarded:
    return Guarded(["sh", "-c", "echo no space left; exit 1"], log=log)


def valkey(asked: dict[str, Any], log: Path) -> Guarded:
    """Run a Valkey with the options of the container, at its published port."""
    return Guarded([str(valkey_program()), *asked["Cmd"], "--bind", "127.0.0.1", "--port", host_port(asked)], log=log)


def kafka(asked: dict[str, Any], log: Path) -> Guarded:
    """Run a Kafka from the environment of the container, with ports and a folder of this machine for its own."""
    folder = log.with_suffix("")
    own = {"9092": host_port(asked), **dict(zip(("9093", "9094"), map(str, free_ports(2)), strict=True))}
    environment = {"PATH": os.environ["PATH"], "KAFKA_LOG_DIRS": str(folder / "data")}
    for text in asked["Env"]:
        name, _, value = re.sub(r"(?<=:)909[234]\b", lambda match: own[match[0]], text).partition("=")
        environment.setdefault(name, value)
    java = [str(java_home() / "bin" / "java"), "-cp", os.pathsep.join(map(str, classpath()))]
    folders = [f"--{kind}-configs-dir={folder / kind}" for kind in ("default", "mounted", "final")]
    for kind in ("default", "mounted", "final"):
        (folder / kind).mkdir(parents=True)
        for file in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml") if kind == "default" else ():
            (folder / kind / file).touch()
    setup = [*java, "kafka.docker.KafkaDockerWrapper", "setup", *folders]
    subprocess.run(setup, env=environment, check=True, capture_output=True)
    return Guarded([*java, "kafka.Kafka", str(folder / "final" / "server.properties")], log=log, env=environment)
