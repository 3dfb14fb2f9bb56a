"""keepalived's short answers: `-v`, `--signum=NAME` and `-t`."""

from __future__ import annotations

import re

from haconsole.model.readings import ConfigTest, KeepalivedVersion
from haconsole.parse.command_secrets import hide
from haconsole.parse.errors import ParseError
from haconsole.parse.text import clean, cut

TEST_SINCE = (2, 0, 10)
"""First version whose `-t` was run (docs/keepalived-versions.md); 1.x takes `-t` for an unknown option and exits 0."""

MAX_MESSAGES = 200
MAX_MESSAGE = 2000
"""Characters of one; keepalived's own are cut at 1024, but what it repeats of a file may be anything."""

_VERSION = re.compile(r"^Keepalived v([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?(?![0-9])", re.MULTILINE)
_OPTIONS = re.compile(r"^(?:Config|Build) options:([^\n]{0,4096})", re.MULTILINE)
_NUMBER = re.compile(r"[0-9]{1,2}")
_CRASHES = {4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV"}


def parse_version(stderr: str) -> KeepalivedVersion:
    """Return the version and the words of `Config options:` (1.x `Build options:`).

    stderr: what `keepalived -v` printed; it goes to standard error in every version. Raises: ParseError.
    """
    found = _VERSION.search(stderr)
    if not found:
        said = next((line for line in stderr.split("\n") if line.strip()), "nothing")
        raise ParseError(f"keepalived -v told no version, but: {clean(said.strip()[:200])}")
    words = [clean(w) for m in _OPTIONS.finditer(stderr) for w in m[1].split()]
    return KeepalivedVersion(
        major=int(found[1]), minor=int(found[2]), patch=int(found[3] or 0), features=frozenset(words)
    )


def parse_signum(stdout: str, stderr: str, status: int | None) -> int | None:
    """Return the number of a signal; None where this version or build does not know it.

    1.x exits 0 with an empty stdout and an error on stderr. Other noise on stderr (sudo's) is allowed.
    """
    word = stdout.strip()
    if status != 0 or "unrecognized option" in stderr or not _NUMBER.fullmatch(word):
        return None
    number = int(word)
    return number if 1 <= number <= 64 else None


def parse_config_test(version: KeepalivedVersion | None, stdout: str, stderr: str, status: int | None) -> ConfigTest:
    """Return the verdict of `keepalived -t`: sound only with exit 0, no output and a version that can test.

    Exit codes alone tell nothing (2.1.5 exits 0 on most errors). An empty file passes, and a missing one
    fails only by its message: whoever knows the file has to say that.
    """
    if version is None:
        return ConfigTest(ok=None, why_unknown="keepalived's version is not known: its -t may test nothing")
    if version.triple < TEST_SINCE:
        return ConfigTest(ok=None, why_unknown=f"keepalived {version} cannot test a configuration (-t)")
    messages = _messages(stderr, stdout)
    signal = None if status is None else -status if status < 0 else status - 128
    if signal in _CRASHES:
        # 2.0.10 without `interface`, 2.1.5 with a missing brace: so would the daemon.
        return ConfigTest(ok=False, messages=(*messages, f"keepalived -t crashed ({_CRASHES[signal]})"))
    if why := _not_run(status, messages, stderr):
        return ConfigTest(ok=None, messages=messages, why_unknown=why)
    return ConfigTest(ok=status == 0 and not messages, messages=messages)


def _not_run(status: int | None, messages: tuple[str, ...], stderr: str) -> str | None:
    """Return why an exit status says nothing of the configuration."""
    if status is None or status < 0 or status > 128:
        return "keepalived -t did not end by itself"
    if status >= 124:  # timeout, sudo or the shell could not run it
        return f"keepalived -t could not be run (exit {status})"
    if status != 0 and not messages and stderr.lstrip().startswith("sudo: "):
        return f"sudo did not run keepalived -t (exit {status})"
    return None


def _messages(*outputs: str) -> tuple[str, ...]:
    """keepalived's words in order, each once: it repeats them for every pass over the file.

    sudo's own remarks ("unable to resolve host") are not keepalived's.
    """
    lines = (line.strip() for output in outputs for line in output.split("\n"))
    own = dict.fromkeys(line for line in lines if line and not line.startswith("sudo: "))
    return tuple(dict.fromkeys(hide(clean(cut(line, MAX_MESSAGE))) for line in tuple(own)[:MAX_MESSAGES]))
