"""The workflow of docs/testing.md, step by step as GitHub runs it, in a repository of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from gateway.cli import init
from tests.wire.running import ROOT


def steps() -> dict[str, str]:
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    (workflow,) = re.findall(r"```yaml\n(name: .*?)```", page, re.DOTALL)
    jobs = yaml.safe_load(workflow)["jobs"]
    return {step["name"]: step["run"] for step in jobs["configuration"]["steps"] if "run" in step}


def ran(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """In the shell that GitHub uses, with `gateway` as the installation has it."""
    bin_folder = folder.parent / "bin"
    bin_folder.mkdir(exist_ok=True)
    program = bin_folder / "gateway"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n')
    program.chmod(0o755)
    name = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t.example", "GIT_COMMITTER_NAME": "t"}
    environment = {
        **os.environ, **name, "GIT_COMMITTER_EMAIL": "t@t.example", "GITHUB_BASE_REF": "main",
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
    }  # fmt: skip
    return subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_example_runs_and_refuses_a_looser_policy(tmp_path: Path) -> None:
    work = tmp_path / "work"
    init.write(work)
    small = work / "schemas" / "appsmith"
    for file in small.glob("*"):
        file.unlink()
    begin = (
        "git init -q -b main && git add -A && git commit -qm first"
        " && git update-ref refs/remotes/origin/main main"
    )
    assert ran(begin, work).returncode == 0
    wanted = steps()
    assert [*wanted] == [
        "install",
        "no mistakes",
        "what was promised holds",
        "nothing more leaves than before",
    ]
    for name in [*wanted][1:]:
        done = ran(wanted[name], work)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    assert (work / "gateway-test.xml").exists()

    policy = work / "config" / "privacy.yaml"
    policy.write_text(policy.read_text().replace("meaning: [email, phone]", "meaning: [phone]"))
    assert ran(wanted["what was promised holds"], work).returncode == 1
    compare = wanted["nothing more leaves than before"].partition("\n")[2]
    done = ran(compare, work)
    assert done.returncode == 1, done.stderr
    assert "Signed Up  /properties/email  contact-details (drop) → secrets-in-text" in done.stdout
