"""Builds an image and runs containers with no container engine, as far as plain Linux goes.

buildah builds with chroot isolation. A container is a process in namespaces of its own (mounts,
network, processes) whose root is the image's, mounted read-only where its definition says so, with
the definition's user, environment, volumes and secrets and no capability. What this cannot show:
published ports, image registries, resource limits, restart policies.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TAG = "localhost/telemetry-gateway:test"
_BASE = "localhost/python-base:test"
_LIMIT = 30.0
_UNSHARED = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child")


class Buildah:
    """A store of images of its own."""

    def __init__(self, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "BUILDAH_ISOLATION": "chroot",
            "TMPDIR": str(folder),
        }
        self._options = ("--root", str(folder / "store"), "--runroot", str(folder / "run"))
        self._folder = folder
        policy = folder / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self._policy = f"--signature-policy={policy}"

    def said(self, *arguments: str, seconds: float = 300) -> str:
        command = ["buildah", *self._options, *arguments]
        ran = subprocess.run(
            command,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert ran.returncode == 0, (
            f"{shlex.join(command)}\n{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
        )
        return ran.stdout.strip()

    def import_base(self, archive: Path) -> None:
        container = self.said("from", self._policy, "scratch")
        self.said("add", "--quiet", container, str(archive), "/")
        self.said("config", "--cmd", "python3", container)
        self.said("commit", "--quiet", self._policy, "--rm", container, _BASE)

    def build(self, source: Path) -> None:
        """Build the Dockerfile of `source`, with pip set up as it is here."""
        self.said(
            "build",
            "--quiet",
            self._policy,
            "--format=docker",  # OCI's has no health check
            "--pull-never",
            *("--build-arg", f"BASE={_BASE}", "--build-arg", "REVISION=test"),
            *self._pip(),
            *("--tag", TAG, str(source)),
        )

    def _pip(self) -> list[str]:
        listed = subprocess.run(
            ["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
        ).stdout
        settings = {}
        for line in listed.splitlines():
            name, _, value = line.partition("=")
            settings[name.rpartition(".")[2]] = value.strip("'\"").replace("\\n", " ")
        kept = {k: v for k, v in settings.items() if k not in ("require-virtualenv", "user")}
        file = self._folder / "pip.conf"
        file.write_text("[global]\n" + "".join(f"{k} = {v}\n" for k, v in kept.items()))
        words = [word for value in kept.values() for word in value.split()]
        places = [word for word in words if word.startswith("/") and Path(word).exists()]
        volumes = [(str(file), "/etc/pip.conf"), *((place, place) for place in places)]
        return [f"--volume={here}:{there}:ro" for here, there in volumes]

    def configuration(self) -> dict[str, Any]:
        inspected = json.loads(self.said("inspect", "--type=image", TAG))
        configuration: dict[str, Any] = inspected["Docker"]["config"]
        return configuration

    def remove(self) -> None:
        """Everything in the store, which takes a gigabyte."""
        self.said("rm", "--all")
        mounted = [
            line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()
        ]
        for place in sorted(mounted, reverse=True):
            if Path(place).is_relative_to(self._folder):
                subprocess.run(["umount", "--lazy", place], check=True)
        shutil.rmtree(self._folder)

    def root(self) -> Path:
        """The files of the image."""
        return Path(self.said("mount", self.said("from", self._policy, "--pull-never", TAG)))


@dataclass(slots=True)
class Container:
    """One container of the image; `service` has what a compose file says of it."""

    root: Path
    image: Mapping[str, Any]
    folder: Path
    service: Mapping[str, Any] = field(default_factory=dict)
    mounts: Mapping[Path, str] = field(default_factory=dict)
    """Files and folders to lay into it, read-only."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "volumes" / "data"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it, and wait until it takes events."""
        command = [*self.image["Entrypoint"], *(self.service.get("command") or self.image["Cmd"])]
        script = self.folder / "start.sh"
        script.write_text("\n".join([*self._mounts(), f"exec {self._entered(command)}", ""]))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_UNSHARED, "sh", "-e", str(script)],
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _LIMIT
        assert self.process is not None
        while self.http("GET", ":8080/readyz") != 200:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def _mounts(self) -> list[str]:
        """Shell commands that lay out the file system."""
        root = shlex.quote(str(self.root))
        lines = ["ip link set lo up", f"mount --bind {root} {root}"]
        owner = self.image["User"]
        for volume in self.image["Volumes"]:
            self.data.mkdir(parents=True, exist_ok=True)
            os.chown(self.data, *map(int, owner.split(":")))
            self.data.chmod(0o700)
            lines.append(f"mount --bind {shlex.quote(str(self.data))} {root}{volume}")
        for here, there in self._bound().items():
            target = self.root / there.lstrip("/")
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch() if here.is_file() else target.mkdir()
            lines.append(f"mount --bind {shlex.quote(str(here))} {root}{there}")
            lines.append(f"mount -o remount,bind,ro {root}{there}")
        lines += [f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev"]
        if self.service.get("read_only", True):
            lines.append(f"mount -o remount,bind,ro {root}")
        return lines

    def _bound(self) -> dict[Path, str]:
        """The secrets and the folders that the definition lays into it."""
        folder, names = self.folder, self.service.get("secrets", ())
        secrets = {folder / "secrets" / name: f"/run/secrets/{name}" for name in names}
        bound: dict[Path, str] = {}
        for volume in self.service.get("volumes", ()):
            here, there, *_ = volume.split(":")
            if here.startswith("."):
                bound[(folder / "compose" / here).resolve()] = there
        return secrets | bound | dict(self.mounts)

    def _entered(self, command: Sequence[str]) -> str:
        uid, gid = self.image["User"].split(":")
        environment = dict(one.split("=", 1) for one in self.image["Env"])
        environment |= {k: str(v) for k, v in self.service.get("environment", {}).items()}
        return shlex.join(
            [
                *("chroot", str(self.root)),
                *("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"),
                *("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"),
                *("env", "-i", *(f"{k}={v}" for k, v in environment.items())),
                *command,
            ]
        )

    @property
    def pid(self) -> int:
        """The process of the gateway, as the machine numbers it."""
        assert self.process is not None
        parent = self.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return int(children[0])

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as `docker exec` does."""
        script = self._entered(command)
        return self.inside("-m", "-n", "-p", "sh", "-c", f"exec {script}")

    def health(self) -> int:
        """What the image's health check answers; 0 is healthy."""
        kind, *command = self.image["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.run(*command).returncode

    def http(self, method: str, place: str, *options: str) -> int:
        """The status of a request from its own network; 0 when nobody answers."""
        asked = self.inside(
            *("-n", "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"),
            *("--max-time", "10", "--request", method, *options, f"http://127.0.0.1{place}"),
        )
        return int(asked.stdout or 0)

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of this machine in the container's namespaces, as nsenter's options say."""
        try:
            pid = self.pid
        except (FileNotFoundError, IndexError):
            return subprocess.CompletedProcess(command, 1, "", "it does not run")
        return subprocess.run(
            ["nsenter", "-t", str(pid), *command],
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )

    def stop(self) -> int:
        """SIGTERM to its first process; returns how it ended."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(_LIMIT)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(_LIMIT)
