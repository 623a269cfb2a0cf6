"""A line of the audit that is changed, removed or cut off is found, whatever happened meanwhile."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from gateway.cli import audit
from gateway.jsonl import retention
from gateway.jsonl.chain import Chain, same_body, taken_apart
from gateway.jsonl.files import LineFiles
from gateway.jsonl.state import State
from gateway.jsonl.verify import Verified, verify
from tests.wire.running import WRITE_KEY, running, until


def files_in(folder: Path, *, rotate: int = 400, keep_days: int = 0) -> LineFiles:
    return LineFiles(folder, rotate_bytes=rotate, keep_days=keep_days, chain=Chain())


def body(number: int) -> bytes:
    return b'{"time":"t","messageId":"m-%d","type":"track","rev":[1,1]}\n' % number


def written(folder: Path, count: int = 30, rotate: int = 400) -> str:
    """Some files of lines; returns the state behind them."""
    files = files_in(folder, rotate=rotate)
    state = files.open(None)
    for number in range(count):
        state = files.append(body(number))
    files.close()
    return state


def names(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def place(found: Verified) -> tuple[str, int]:
    assert found.first_break is not None
    return found.first_break.file, found.first_break.line


def test_what_was_written_follows_without_a_gap(tmp_path: Path) -> None:
    state = written(tmp_path)
    found = verify(tmp_path, state)
    assert (found.first_break, found.lines, found.files) == (None, 30, len(names(tmp_path)))
    assert found.files > 3
    assert state.endswith(f":{found.head}")
    lines = b"".join(file.read_bytes() for file in names(tmp_path)).splitlines(keepends=True)
    assert [taken_apart(line).body + b"\n" for line in lines] == [body(n) for n in range(30)]
    assert all(json.loads(line)["hash"] for line in lines)
    assert max(len(line) for line in lines[1:]) - len(body(10)) < 50


Lines = list[bytes]
TAMPERED: dict[str, Callable[[Lines], Lines]] = {
    "changed": lambda lines: [lines[0], lines[1].replace(b"m-", b"n-"), *lines[2:]],
    "hash changed": lambda lines: [lines[0], re.sub(rb'"hash":".', b'"hash":"!', lines[1])],
    "removed": lambda lines: [lines[0], *lines[2:]],
    "first removed": lambda lines: lines[1:],
    "put in": lambda lines: [lines[0], lines[0], *lines[1:]],
    "forged": lambda lines: [lines[0], body(77), *lines[1:]],
    "swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "no hash": lambda lines: [lines[0], taken_apart(lines[1]).body + b"\n", *lines[2:]],
    "newline taken": lambda lines: [lines[0], lines[1].rstrip(b"\n"), *lines[2:]],
    "no json": lambda lines: [lines[0], b"odd\n", *lines[2:]],
}


@pytest.mark.parametrize("which", [0, 1, -1])
@pytest.mark.parametrize("how", TAMPERED)
def test_a_line_that_is_not_as_it_was_is_found(tmp_path: Path, how: str, which: int) -> None:
    state = written(tmp_path)
    file = names(tmp_path)[which]
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(TAMPERED[how](lines)))
    name, line = place(verify(tmp_path, state))
    assert name == file.name
    assert line <= 3


def test_an_end_that_was_cut_off_is_found(tmp_path: Path) -> None:
    state = written(tmp_path)
    last = names(tmp_path)[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join(lines[:-1]))
    assert place(verify(tmp_path, state)) == (last.name, len(lines) - 1)
    last.unlink()
    assert place(verify(tmp_path, state)) == (last.name, 1)


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_somebody_removed_is_found(tmp_path: Path, which: int) -> None:
    state = written(tmp_path)
    all_files = names(tmp_path)
    all_files[which].unlink()
    assert place(verify(tmp_path, state)) == (all_files[which + 1].name, 1)


def test_what_retention_deletes_is_said_and_is_no_break(tmp_path: Path) -> None:
    state = written(tmp_path)
    old = names(tmp_path)[:2]
    retention.delete(old, "2026-11-25T00:00:00Z")
    found = verify(tmp_path, state)
    assert (found.first_break, found.removed) == (None, [file.name for file in old])
    third, fourth = names(tmp_path)[:2]
    third.unlink()
    assert place(verify(tmp_path, state)) == (fourth.name, 1)


def test_files_that_grow_too_old_are_deleted_so(tmp_path: Path) -> None:
    state = written(tmp_path)
    first = names(tmp_path)[0]
    old = first.with_name("2020-01-01-000001.jsonl")
    first.rename(old)
    os.utime(old, (1, 1))
    files = files_in(tmp_path, rotate=1, keep_days=7)
    files.open(state)
    state = files.append(body(99))
    files.close()
    found = verify(tmp_path, state)
    assert (found.first_break, found.removed) == (None, [old.name])


@pytest.mark.parametrize("torn", [b"", b'{"time":"t","mess', body(30)[:-1]])
def test_after_a_crash_the_chain_goes_on(tmp_path: Path, torn: bytes) -> None:
    """Lines that were written and not settled come again, behind half a line of the crash."""
    files = files_in(tmp_path, rotate=400)
    settled = files.open(None)
    for number in range(10):
        settled = files.append(body(number))
    for number in range(10, 30):
        files.append(body(number))
    files.close()
    with names(tmp_path)[-1].open("ab") as last:
        last.write(torn)
    assert verify(tmp_path, settled).first_break is None
    assert verify(tmp_path, settled).unfinished is bool(torn)
    again = files_in(tmp_path, rotate=300)
    again.open(settled)
    state = again.append(b"".join(body(number) for number in range(10, 25)))
    state = again.append(b"".join(body(number) for number in range(25, 40)))
    again.close()
    found = verify(tmp_path, state)
    assert (found.first_break, found.lines, found.unfinished) == (None, 40, False)


def test_lines_of_0_1_0_stay_and_the_chain_begins_behind_them(tmp_path: Path) -> None:
    old = tmp_path / "2026-11-20-000001.jsonl"
    old.write_bytes(body(0) + body(1))
    files = files_in(tmp_path)
    files.open(f"{old.name}:{old.stat().st_size}")
    state = files.append(body(2) + body(3))
    files.close()
    found = verify(tmp_path, state)
    assert (found.first_break, found.unchained, found.lines) == (None, 2, 2)


def test_lines_set_aside_are_no_part_of_the_chain(tmp_path: Path) -> None:
    files = files_in(tmp_path, rotate=10_000)
    settled = files.open(None)
    for number in range(10):
        state = files.append(body(number))
        settled = state if number == 4 else settled
    files.close()
    again = files_in(tmp_path, rotate=10_000)
    again.open(settled)
    state = again.append(body(50))
    again.close()
    found = verify(tmp_path, state)
    assert (found.first_break, found.lines, len(found.set_aside)) == (None, 6, 1)


def test_a_write_that_fails_leaves_the_chain_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_in(tmp_path)
    files.open(None)
    files.append(body(0))

    def full(_: int) -> None:
        raise OSError(28, "no space")

    with monkeypatch.context() as patched:
        patched.setattr("gateway.jsonl.files.os.fdatasync", full)
        with pytest.raises(OSError, match="no space"):
            files.append(body(1))
    state = files.append(body(1))
    files.close()
    assert verify(tmp_path, state).first_break is None


def test_a_state_is_read_as_it_is_written(tmp_path: Path) -> None:
    state = written(tmp_path, 3)
    assert str(State.parse(state)) == state
    assert State.parse("2026-11-23-000001.jsonl:12") is not None
    for odd in (None, "", "x:1", "2026-11-23-000001.jsonl:", "2026-11-23-000001.jsonl:x"):
        assert State.parse(odd) is None
    assert same_body(body(1), names(tmp_path)[0].read_bytes().splitlines(keepends=True)[1])


async def test_the_command_says_where_the_real_audit_was_changed(tmp_path: Path) -> None:
    event = {"type": "track", "event": "E", "userId": "u-1", "properties": {"email": "a@b.example"}}
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        batch = {
            "batch": [{**event, "messageId": f"m-{n}"} for n in range(5)],
            "writeKey": WRITE_KEY,
        }
        async with session.post(f"{gateway.url}/v1/batch", json=batch) as answer:
            assert answer.status == 200
        folder = gateway.data / "audit"

        def lines() -> list[bytes]:
            return [one for file in names(folder) for one in file.read_bytes().splitlines()]

        await until(lambda: len(lines()) == 5, 20, lambda: gateway.log)
        await gateway.stop()  # then the journal knows where the lines end
    data_dir = folder.parent
    out = io.StringIO()
    assert audit._verify(data_dir, as_json=True, out=out) == 0, out.getvalue()
    told = json.loads(out.getvalue())
    assert (told["ok"], told["lines"], told["end_known"]) == (True, 5, True)
    [file] = names(folder)
    whole = file.read_bytes()
    for changed, line in ((whole.replace(b"m-2", b"m-9"), 3), (whole[: whole.rindex(b"{")], 4)):
        file.write_bytes(changed)
        out = io.StringIO()
        assert audit._verify(data_dir, as_json=False, out=out) == 1
        assert out.getvalue().startswith(f"{file}:{line}: ")
