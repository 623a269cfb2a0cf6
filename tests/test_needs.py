"""The plugin of tests/conftest.py, run on small test files by a pytest of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

LACKING = """
    import pytest

    @pytest.mark.needs("no-such-program", "apt-get install no-such-program")
    def test_lacking():
        raise AssertionError("ran without what it needs")

    @pytest.mark.needs("sh", "apt-get install dash")
    @pytest.mark.needs("tests/conftest.py", "git checkout tests")
    def test_at_hand():
        pass
"""


@pytest.fixture(params=[0, 2], ids=["by itself", "on workers"])
def suite(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> pytest.Pytester:
    plugin = (Path(__file__).parent / "conftest.py").read_text()
    tests = pytester.mkdir("tests")
    (tests / "conftest.py").write_text(plugin)
    pytester.makeini(
        f"[pytest]\nmarkers = needs(what, command): see the plugin\naddopts = -n {request.param}\n"
    )
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    return pytester


def run(suite: pytest.Pytester, source: str) -> pytest.RunResult:
    suite.makepyfile(**{"tests/test_it": source})
    return suite.runpytest_subprocess("-p", "no:cacheprovider", "tests")


def test_what_is_missing_is_skipped_and_listed_with_its_command(suite: pytest.Pytester) -> None:
    result = run(suite, LACKING)

    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*left out for want of*", "no-such-program: apt-get install no-such-program"]
    )


def test_when_all_is_required_a_skip_is_a_failure(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")

    result = run(suite, LACKING)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["no-such-program: apt-get install no-such-program"])


def test_when_all_is_required_an_ordinary_skip_fails_too_but_an_expected_failure_does_not(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")

    result = run(
        suite,
        """
        import pytest

        def test_skips():
            pytest.skip("not today")

        @pytest.mark.xfail
        def test_known_to_fail():
            assert False
        """,
    )

    result.assert_outcomes(failed=1, xfailed=1)
