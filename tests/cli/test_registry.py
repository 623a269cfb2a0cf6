"""Every command declares all of itself, and starts without what it does not need."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import registry
from gateway.cli.main import main
from gateway.extensions import registry as extensions
from gateway.extensions.spec import Command
from gateway.plugins import PluginError

COMMANDS = registry.commands()
REFERENCE = Path("docs/reference.md").read_text("utf-8")
INTERMIXED = {
    "dead-letters": (["show", "1", "2"], ["--destination", "local"]),
    "destinations": (["try", "local"], ["--json"]),
    "telemetry": (["on", "billing"], ["--json"]),
    "explain": (["event.json"], ["--source", "demo"]),
    "certificate": (["folder"], ["--host", "a.example"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_brings_options_help_an_example_and_its_place_in_the_reference(
    name: str,
) -> None:
    command = COMMANDS[name]
    module = registry.loaded(command)
    assert command.help
    assert module.EXAMPLE.startswith(f"gateway {name}")
    parser = registry.parser_of(command, module)
    words = module.EXAMPLE.replace("'", "").split("  ")[0].split()[2:]
    if "*" not in module.EXAMPLE:  # a glob with a space in it is one word for the shell alone
        parser.parse_intermixed_args(words)
    assert f"example: {module.EXAMPLE}" in " ".join(parser.format_help().split())
    assert f"### gateway {name}\n" in REFERENCE
    assert callable(module.run)


@pytest.mark.parametrize("name", INTERMIXED)
def test_options_may_stand_before_between_and_behind_ids(name: str) -> None:
    command = COMMANDS[name]
    parser = registry.parser_of(command, registry.loaded(command))
    ids, options = INTERMIXED[name]
    options = [*options, "--config", "other.yaml"]
    orders = (
        [*ids, *options],
        [*options, *ids],
        [ids[0], *options, *ids[1:]],
    )
    found = [vars(parser.parse_intermixed_args(words)) for words in orders]
    assert found[0] == found[1] == found[2]
    assert found[0]["config"] == Path("other.yaml")


def test_dead_letters_are_shown_with_options_before_ids(tmp_path: Path) -> None:
    for words in (("show", "--config", "X", "1"), ("--config", "X", "show", "1")):
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "dead-letters", *words],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr[:4]) == (78, b"X:1:")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["chekc"], "`chekc` is not a command (did you mean `check`?)"),
        (["audit", "--since", "yesterday-ish"], "--since takes 7d"),
        (["audit", "--since", "99999999999999d"], "--since takes 7d"),
        (["usage", "--since", "99999999999999w"], "--since takes 7d"),
        (["dead-letters", "list", "--since", "0001-01-01T00:00:00+14:00"], "--since takes 7d"),
    ],
)
def test_a_wrong_word_is_told_in_a_line(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "words", [[], ["--nonsense"], ["dead-letters"], ["dead-letters", "show", "x"], ["check", "x"]]
)
def test_a_wrong_usage_exits_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_help_loads_neither_configuration_nor_server() -> None:
    code = (
        "import sys\nfrom gateway.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=60, check=True, text=True
    )
    assert not {"pydantic", "aiohttp", "orjson", "yaml", "structlog"} & set(done.stderr.split())
    for name, command in COMMANDS.items():
        assert name in done.stdout
        assert command.help.split(";")[0].split(",")[0] in " ".join(done.stdout.split())


def test_two_commands_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    again = Command("check", "again", "somewhere.else")
    monkeypatch.setattr(extensions, "commands", lambda: (again,))
    with pytest.raises(PluginError, match=r"two commands are called `check`.*somewhere"):
        registry.commands()


def test_a_command_runs_with_what_it_is_given(tmp_path: Path) -> None:
    out = io.StringIO()
    given = argparse.Namespace(folder=tmp_path / "tls", host=["a.example"])
    assert registry.loaded(COMMANDS["certificate"]).run(given, {}, out) == 0
    assert "a.example" in out.getvalue()
