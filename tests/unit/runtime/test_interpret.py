"""Outputs to events: what is learned, and what is said when nothing can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haconsole.catalogue import read
from haconsole.catalogue.script import Output
from haconsole.model.events import NodeRead, ReadFailed, Subject
from haconsole.model.problems import ProblemKind
from haconsole.model.readings import ConfigTest, KeepalivedVersion, KernelReading, Rights, SquidReading
from haconsole.runtime import interpret, trouble

CONTEXT = trouble.Context(node="n1", user="ops", rights=Rights.SUDO)
FINE = Output(stdout=b"", stderr="", status=0, truncated=False, files={})
LINK = b"2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT\\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n"
ADDRESS = b"2: eth0    inet 192.168.2.251/24 scope global eth0\\       valid_lft forever preferred_lft forever\n"


def output(stdout: bytes = b"", stderr: str = "", status: int = 0, *, truncated: bool = False) -> Output:
    return replace(FINE, stdout=stdout, stderr=stderr, status=status, truncated=truncated)


def kernel(links: Output | None, addresses: Output | None = None) -> NodeRead | ReadFailed:
    given = {"kernel.links": links, "kernel.addresses": addresses or output(ADDRESS)}
    return interpret.kernel(CONTEXT, 1.0, {k: v for k, v in given.items() if v is not None})


def test_a_reading_carries_its_source() -> None:
    told = kernel(output(LINK))
    assert isinstance(told, NodeRead)
    assert isinstance(told.reading, KernelReading)
    assert told.reading.links["eth0"].carrier
    assert told.source == "kernel.addresses"


@pytest.mark.parametrize(
    ("bad", "kind", "word"),
    [
        (None, ProblemKind.COMMAND_TIMED_OUT, "no answer"),
        (output(status=124), ProblemKind.COMMAND_TIMED_OUT, "did not end within 5 s"),
        (output(stderr="timeout: failed to run command 'ip': No such file", status=127), ProblemKind.TOOL_MISSING, "not installed"),
        (output(LINK, truncated=True), ProblemKind.OUTPUT_TOO_LARGE, "more than"),
        (output(stderr="sudo: a password is required", status=1), ProblemKind.NOT_PERMITTED, "ops may not"),
        (output(stderr="Cannot open netlink socket: Permission denied", status=1), ProblemKind.NOT_PERMITTED, "ops may not"),
        (output(stderr="Dump terminated", status=1), ProblemKind.COMMAND_FAILED, "Dump terminated"),
        (output(b"what is this\n"), ProblemKind.OUTPUT_UNREADABLE, "cannot read"),
    ],
    ids=lambda v: v.name if isinstance(v, ProblemKind) else "",
)  # fmt: skip
def test_why_nothing_was_learned_is_told_with_its_subject(bad: Output | None, kind: ProblemKind, word: str) -> None:
    told = kernel(bad)
    assert isinstance(told, ReadFailed)
    assert (told.subject, told.problem.kind) == (Subject.KERNEL, kind)
    assert word in told.problem.summary
    assert told.problem.summary.startswith("n1: ")


def test_sudo_that_grumbles_and_works_is_no_problem() -> None:
    told = kernel(output(LINK, stderr="sudo: unable to resolve host n1: Name or service not known"))
    assert isinstance(told, NodeRead)


def test_escape_sequences_do_not_get_through() -> None:
    told = kernel(output(stderr="\x1b[31mred\x1b]0;title\x07", status=2))
    assert isinstance(told, ReadFailed)
    assert "\x1b" not in told.problem.summary + told.problem.detail


@pytest.mark.parametrize(
    ("version", "signum", "signal"),
    [((1, 2, 13), b"", None), ((1, 3, 5), b"", 10), ((2, 2, 7), b"10\n", 10), ((2, 2, 7), b"36\n", 36), ((2, 2, 7), b"", None)],
    ids=["too old to be signalled", "1.3.5 cannot be asked", "2.2.7", "another build", "2.x that does not tell"],
)  # fmt: skip
def test_the_signal_is_asked_for_and_never_guessed(
    version: tuple[int, int, int], signum: bytes, signal: int | None
) -> None:
    known = KeepalivedVersion(major=version[0], minor=version[1], patch=version[2])
    assert interpret.dump_signal({"keepalived.signum": output(signum)}, known) == signal
    assert interpret.dump_signal({"keepalived.signum": output(signum)}, None) is None


def test_a_configuration_test_that_runs_out_of_time_is_unknown_and_not_bad() -> None:
    told = interpret.config_test(CONTEXT, 1.0, {"keepalived.test": output(status=124)}, None)
    assert isinstance(told, NodeRead)
    assert isinstance(told.reading, ConfigTest)
    assert told.reading.ok is None
    assert told.reading.why_unknown


def test_squid_s_two_halves_fail_apart() -> None:
    sockets = b"State  Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 256 0.0.0.0:3128 0.0.0.0:*\n"
    news = interpret.squid_reading(CONTEXT, 1.0, {"squid.check": output(status=124), "squid.sockets": output(sockets)})
    reading = next(n.reading for n in news if isinstance(n, NodeRead))
    assert isinstance(reading, SquidReading)
    assert reading.check_ok is None
    assert reading.listening is not None
    assert [x.text for x in reading.listening] == ["0.0.0.0:3128"]
    assert [n.subject for n in news if isinstance(n, ReadFailed)] == [Subject.SQUID_CHECK]


@pytest.mark.parametrize(("text", "seconds"), [(b"+0200\n", 7200.0), (b"-0330\n", -12600.0), (b"UTC\n", None)])
def test_the_node_s_zone(text: bytes, seconds: float | None) -> None:
    assert interpret.utc_offset_s({read.ZONE.id: output(text)}) == seconds


def test_a_plain_login_does_not_try_what_needs_root() -> None:
    plain = replace(CONTEXT, rights=Rights.PLAIN)
    assert trouble.without_rights(plain, read.KEEPALIVED_DUMP)
    assert not trouble.without_rights(plain, read.SQUID_CHECK)
    assert not trouble.without_rights(CONTEXT, read.KEEPALIVED_DUMP)
