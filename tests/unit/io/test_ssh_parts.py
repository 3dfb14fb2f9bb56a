"""The pieces that need no connection: known_hosts, jump hosts, sharing, and how failures are told."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import asyncssh
import pytest

from haconsole.io.ssh import problems
from haconsole.io.ssh.coalesce import Shared
from haconsole.io.ssh.settings import Settings, Target, parse_jump
from haconsole.io.ssh.trust import KnownHosts, entry_name
from haconsole.model.problems import ProblemError, ProblemKind
from haconsole.model.spec import SshSpec

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")


def line(name: str, key: asyncssh.SSHKey = KEY, marker: str = "") -> str:
    return f"{marker} {name} {key.export_public_key().decode().strip()}".strip() + "\n"


async def target(home: Path, address: str = "node", **ssh) -> Target:
    settings = Settings({"HOME": str(home)})
    return await settings.target("n", address, SshSpec(**ssh), user=None, port=None, jump=None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jump", ("jump", None, None, None)),
        ("ops@jump:2222", ("jump", "ops", 2222, None)),
        ("a@b@jump", ("jump", "a@b", None, None)),
        ("[2001:db8::1]:22", ("2001:db8::1", None, 22, None)),
        ("ops@[2001:db8::1]", ("2001:db8::1", "ops", None, None)),
        ("2001:db8::1", ("2001:db8::1", None, None, None)),
        ("first:1, ops@second", ("second", "ops", None, "first:1")),
        ("ssh://ops@jump:22", ("jump", "ops", 22, None)),
    ],
)
def test_jump_hosts(text: str, expected: tuple[object, ...]) -> None:
    jump = parse_jump("n", text)
    assert (jump.host, jump.user, jump.port, jump.before) == expected


@pytest.mark.parametrize("text", ["", "ops@", "jump:x", "jump:0", "jump:70000", "a,", ":22"])
def test_no_jump_hosts(text: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_jump("n", text)
    assert caught.value.problem.kind is ProblemKind.SSH_CONFIG


async def ciphers(home: Path) -> list[str]:
    return [name.decode() for name in (await target(home)).options.encryption_algs]


async def test_aes_gcm_comes_first_and_nothing_is_taken_from_the_offer(tmp_path: Path) -> None:
    offered = await ciphers(tmp_path)
    assert offered[:2] == ["aes256-gcm@openssh.com", "aes128-gcm@openssh.com"]
    usual = asyncssh.SSHClientConnectionOptions(config=None).encryption_algs
    assert sorted(offered) == sorted(name.decode() for name in usual)
    assert "aes256-ctr" in offered  # all that some old servers have


@pytest.mark.parametrize("block", ["Host *\n  ", "Host node\n  ", "Match host node\n  "])
async def test_the_operators_own_ciphers_stand_as_they_are(tmp_path: Path, block: str) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(block + "Ciphers chacha20-poly1305@openssh.com,aes128-ctr\n")
    assert await ciphers(tmp_path) == ["chacha20-poly1305@openssh.com", "aes128-ctr"]


async def test_ciphers_that_are_only_known_while_connecting_are_not_overruled(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Match final host node\n  Ciphers aes128-ctr\n")
    where = await target(tmp_path)
    assert "encryption_algs" not in where.options.kwargs
    assert where.config is not None


async def test_the_second_look_changes_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host node\n  HostName 192.0.2.7\n  Port 2222\n  User anna\n")
    where = await target(tmp_path)
    assert (where.host, where.port, where.user, where.options.orig_host) == ("192.0.2.7", 2222, "anna", "node")


async def test_known_hosts_of_all_files_once_each(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    mine = tmp_path / ".ssh" / "known_hosts"
    known = KnownHosts()
    where = await target(tmp_path)
    assert [str(path) for path in where.known_hosts] == [str(mine), "/etc/ssh/ssh_known_hosts"]
    assert not known.trust(where).knows("node", "", 22)
    mine.write_text(line("node"))
    trust = known.trust(where)
    assert trust.knows("node", "", 22)
    assert known.trust(where) is trust
    mine.write_text(line("node2") * 2)
    assert not known.trust(where).knows("node", "", 22)


async def test_the_configuration_can_name_other_files(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    config = tmp_path / ".ssh" / "config"
    config.write_text("Host *\n  UserKnownHostsFile ~/team /dev/null\n  GlobalKnownHostsFile none\n")
    files = [str(path) for path in (await target(tmp_path)).known_hosts]
    assert files == [f"{tmp_path}/team", "/etc/ssh/ssh_known_hosts"]
    assert (await target(tmp_path, known_hosts=Path("~/own"))).known_hosts == (tmp_path / "own",)


@pytest.mark.parametrize(
    ("revoked", "trusted", "host", "port"),
    [
        ("[node]:2222", "node", "node", 2222),
        ("[192.0.2.1]:2222", "node", "node", 2222),
        ("node", "[node]:2222", "node", 2222),
        ("192.0.2.1", "node", "node", None),
        ("*", "node", "node", None),
        ("*", "[node]:2222", "node", 2222),
    ],
)
async def test_revoked_is_revoked_whatever_name_it_stands_under(
    tmp_path: Path, revoked: str, trusted: str, host: str, port: int | None
) -> None:
    file = tmp_path / "hosts"
    file.write_text(line(revoked, marker="@revoked") + line(trusted))
    trust = KnownHosts().trust(await target(tmp_path, known_hosts=file))
    keys, _, bad = trust.lookup(host, "192.0.2.1", port)
    assert KEY.convert_to_public() in keys
    assert KEY.convert_to_public() in bad


@pytest.mark.parametrize(
    "bad",
    [
        "lonely",
        "@revoked only two",
        "@unknown node ssh-rsa AAAA",
        "|1|broken ssh-rsa AAAA",
        "|9|a|b ssh-rsa AAAA",
        "@revoked",
        "a,/b ssh-rsa AAAA",
        "\udcff",
    ],
)
async def test_a_bad_line_hides_no_other(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(f"# comment\n\n{bad}\n{line('node')}".encode(errors="surrogateescape") + b"\xff\xfe\n")
    assert KnownHosts().trust(await target(tmp_path, known_hosts=file)).knows("node", "", 22)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_known_hosts_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("")
    file.chmod(0)
    with pytest.raises(ProblemError) as caught:
        KnownHosts().trust(await target(tmp_path, known_hosts=file))
    assert caught.value.problem.kind is ProblemKind.SSH_CONFIG


def test_entry_names() -> None:
    assert [entry_name("h", 22), entry_name("h", 2222), entry_name("::1", 22), entry_name("::1", 222)] == [
        "h",
        "[h]:2222",
        "::1",
        "[::1]:222",
    ]


async def test_the_agent_of_the_environment_and_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config"

    async def agent(text: str) -> str | None:
        config.write_text(text)
        settings = Settings({"HOME": str(tmp_path), "SSH_AUTH_SOCK": "/run/agent"})
        spec = SshSpec(config_file=config)
        return (await settings.target("n", "h", spec, user=None, port=None, jump=None)).agent

    assert await agent("") == "/run/agent"
    assert await agent("IdentityAgent none\n") is None
    assert await agent("IdentityAgent SSH_AUTH_SOCK\n") == "/run/agent"
    assert await agent("IdentityAgent ~/sock\n") == f"{tmp_path}/sock"


async def test_shared_is_made_once_and_again_when_it_is_of_no_use() -> None:
    made: list[int] = []
    usable = True
    shared: Shared[int] = Shared(lambda _: usable)

    async def make() -> int:
        await asyncio.sleep(0)
        made.append(len(made))
        return made[-1]

    assert await asyncio.gather(*(shared.get(make) for _ in range(5))) == [0] * 5
    usable = False
    assert await shared.get(make) == 1


async def test_a_shared_failure_is_shared_by_those_who_waited_and_no_later_one() -> None:
    tries = 0
    shared: Shared[int] = Shared(lambda _: True)

    async def make() -> int:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0)
        raise problems.fail(ProblemKind.TIMED_OUT, f"try {tries}")

    results = await asyncio.gather(*(shared.get(make) for _ in range(5)), return_exceptions=True)
    assert [str(result) for result in results] == ["try 1"] * 5
    with pytest.raises(ProblemError, match="try 2"):
        await shared.get(make)


async def test_a_cancelled_maker_leaves_it_to_the_next() -> None:
    hold = asyncio.Event()
    shared: Shared[str] = Shared(lambda _: True)

    async def slow() -> str:
        await hold.wait()
        return "slow"

    async def quick() -> str:
        return "quick"

    first, second = asyncio.ensure_future(shared.get(slow)), asyncio.ensure_future(shared.get(quick))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "quick"
    assert first.cancelled()


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1, "administratively prohibited", ProblemKind.CONNECTION_REFUSED),
        (2, "Connection refused", ProblemKind.CONNECTION_REFUSED),
        (2, "Connection timed out", ProblemKind.TIMED_OUT),
        (2, "Name or service not known", ProblemKind.NAME_UNKNOWN),
        (2, "No route to host", ProblemKind.UNREACHABLE),
    ],
)
def test_what_a_jump_host_says(code: int, reason: str, kind: ProblemKind) -> None:
    assert problems.through_jump("n", "h", 22, code, reason).problem.kind is kind


def test_words_of_others_are_cleaned_but_remedies_keep_their_lines() -> None:
    problem = problems.fail(ProblemKind.PROTOCOL, "a\x1bb", "one\ntwo\x07", "c\u202ed").problem
    assert (problem.summary, problem.remedy, problem.detail) == ("a␛b", "one\ntwo␇", "c\ufffdd")
    assert "\x1b" not in problems.lost("n", "\x1b[31m", 2.0).summary
    assert problems.cannot_connect("n", "h", 22, OSError(errno.EIO, "\x1b")).problem.summary.count("␛") == 1
