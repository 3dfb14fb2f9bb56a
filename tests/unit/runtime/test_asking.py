"""Questions of guards where answers are missing, wrong or late: what is not known stays so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from haconsole.catalogue import script
from haconsole.model.events import ClientResult
from haconsole.model.readings import Address
from haconsole.model.spec import ClusterSpec, IpAddress, SshSpec
from haconsole.operations.actions import Action, Kind
from haconsole.operations.guards_context import Asked
from haconsole.runtime import asking, own_request
from haconsole.runtime.asking import ask
from haconsole.runtime.desk import Desk
from tests.unit.cluster.builders import ONE, TWO, V1, V2, Play, address, answer, healthy, kernel, no_answer, spec, squid
from tests.unit.runtime.fakes import FakeClock, FakeConnection, FakeConnector

STATE = f"state\nuptime {1000.0}\nboot {'a' * 32}\n"
ACTION = Action(kind=Kind.SQUID_STOP, node=ONE)
CONF = Action(kind=Kind.KEEPALIVED_RELOAD, node=ONE)
Says = Callable[[script.Line], tuple[bytes, str, int] | None]


class Client:
    """A probe that answers the same everywhere, and remembers where it was sent."""

    def __init__(self, result: ClientResult | None = None) -> None:
        self.result = result or answer()
        self.asked: list[str] = []

    async def probe(self, cluster: ClusterSpec, vip: IpAddress) -> ClientResult:
        self.asked.append(str(vip))
        return self.result


class Hangs(Client):
    async def probe(self, cluster: ClusterSpec, vip: IpAddress) -> ClientResult:
        await asyncio.Event().wait()
        return self.result


def node(says: Says = lambda _: None, uid: str = "1000") -> Callable[[script.Line], tuple[bytes, str, int]]:
    """A node that tells its state and who we are; the rest is `says`, or not there."""

    def told(line: script.Line) -> tuple[bytes, str, int]:
        special = says(line)
        if special is not None:
            return special
        if line.id == "operation.state":
            return STATE.encode(), "", 0
        if line.id == "id.uid":
            return f"{uid}\n".encode(), "", 0
        return b"", "not found", 127

    return told


async def asked(
    says: Says = lambda _: None,
    action: Action = ACTION,
    *,
    play: Play | None = None,
    probe: Client | None = None,
    uid: str = "1000",
    sudo: bool = True,
) -> Asked:
    cluster = spec()
    cluster = replace(cluster, nodes=tuple(replace(n, ssh=SshSpec(user="ops", sudo=sudo)) for n in cluster.nodes))
    seen = play or healthy()
    connector = FakeConnector(lambda _: FakeConnection(node(says, uid)))
    desks = {n.name: Desk(cluster, n, connector, FakeClock(), lambda _: None) for n in cluster.nodes}
    picture = replace(seen.picture(), spec=cluster)
    return await ask(cluster, picture, seen.state, action, desks, FakeClock(), probe=probe or Client(), operator="anna")


async def test_programs_that_are_not_there_leave_everything_unknown() -> None:
    found = await asked()
    assert found.operations.keys() == {ONE, TWO}
    assert {a.ok for a in found.rights.values()} == {None}
    assert found.nonlocal_bind == {} and found.connections == {}
    assert found.fighters is None
    assert found.config_test is None


@pytest.mark.parametrize(
    "what", ["ask.nonlocal-bind", "ask.connections", "ask.timers", "ask.agents", "ask.may-squid.stop"]
)
async def test_nonsense_is_not_an_answer(what: str) -> None:
    found = await asked(lambda line: (b"\x1b[2J bison\n", "", 0) if line.id == what else None)
    assert found.nonlocal_bind == {} and found.connections == {} and found.fighters is None
    assert all(a.ok is not True for a in found.rights.values())
    assert "\x1b" not in repr(found)


async def test_root_may_and_a_plain_login_may_not() -> None:
    root = await asked(uid="0")
    assert {a.ok for a in root.rights.values()} == {True}
    plain = await asked(sudo=False)
    assert {a.ok for a in plain.rights.values()} == {False}
    assert (ONE, "squid.stop") in plain.rights and (TWO, "operation.lock") in plain.rights


async def test_each_entry_is_judged_by_sudos_word_on_it() -> None:
    def says(line: script.Line) -> tuple[bytes, str, int] | None:
        if line.id == "ask.may-squid.stop":
            return b"", "sudo: a password is required", 1
        if line.id.startswith("ask.may-"):
            return b"Sudoers entry: x\n    Options: !authenticate\n    Matched: x\n", "", 0
        return None

    found = await asked(says)
    assert found.rights[ONE, "squid.stop"].ok is False
    assert found.rights[ONE, "squid.start"].ok is True
    assert found.rights[ONE, "operation.arm-squid"].ok is True


async def test_an_old_sudo_is_asked_for_its_rules_once() -> None:
    lines: list[str] = []

    def says(line: script.Line) -> tuple[bytes, str, int] | None:
        lines.append(line.id)
        if line.id.startswith("ask.may-"):
            return b"/usr/bin/timeout x\n", "", 0
        if line.id == "ask.sudo-list":
            rules = "User ops may run the following commands on x:\n    (ALL) NOPASSWD: ALL\n"
            return rules.encode(), "", 0
        return None

    found = await asked(says)
    assert {a.ok for a in found.rights.values()} == {True}
    assert lines.count("ask.sudo-list") == 2  # each node once


async def test_the_configuration_is_tested_on_the_touched_node_only_where_it_is_read_anew() -> None:
    lines: list[str] = []

    def says(line: script.Line) -> tuple[bytes, str, int] | None:
        lines.append(line.id)
        return (b"", "Unknown keyword 'x'", 0) if line.id == "keepalived.test" else None

    assert (await asked(says)).config_test is None
    found = (await asked(says, CONF)).config_test
    assert lines.count("keepalived.test") == 1
    assert found is not None and found.ok is False


async def test_a_test_that_sudo_refuses_tells_nothing() -> None:
    found = await asked(
        lambda line: (b"", "sudo: a password is required", 1) if line.id == "keepalived.test" else None, CONF
    )
    assert found.config_test is not None and found.config_test.ok is None and found.config_test.why_unknown


# --- the request ------------------------------------------------------------------------------------------


async def test_the_peer_is_asked_at_its_own_address() -> None:
    probe = Client()
    found = await asked(probe=probe)
    assert probe.asked == ["192.168.2.252"]
    assert found.requests.keys() == {TWO} and found.requests[TWO].ok is True


async def test_a_squid_on_vips_only_is_asked_at_the_one_that_the_node_has() -> None:
    probe = Client()
    play = healthy().read(TWO, squid(f"{V1}:3128", f"{V2}:3128"))
    await asked(probe=probe, play=play)
    assert probe.asked == [str(V2)]


async def test_where_squid_listens_nowhere_that_the_node_is_nothing_is_asked() -> None:
    probe = Client()
    play = healthy().read(TWO, squid(f"{V1}:3128"))
    found = await asked(probe=probe, play=play)
    assert probe.asked == [] and found.requests[TWO].ok is None


async def test_an_address_of_another_family_link_local_or_tentative_is_not_it() -> None:
    probe = Client()
    own = kernel(TWO, str(V2))
    more: tuple[Address, ...] = (
        address("fe80::1/64"),
        replace(address("192.168.2.77/24"), tentative=True),
        address("10.9.9.9/24"),
    )
    play = healthy().read(TWO, replace(own, addresses=(*more, *own.addresses)))
    await asked(probe=probe, play=play)
    assert probe.asked == ["192.168.2.252"]


async def test_refusals_and_bare_connections_are_no_answer() -> None:
    refused = await asked(probe=Client(no_answer("the proxy refused the probe (403)", 403)))
    assert refused.requests[TWO].ok is False and "403" in refused.requests[TWO].text
    bare = await asked(probe=Client(answer(checked="tcp", status=None)))
    assert bare.requests[TWO].ok is None and "probe_url" in bare.requests[TWO].text


async def test_a_probe_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_request, "PROBE_S", 0.01)
    found = await asked(probe=Hangs())
    assert found.requests[TWO].ok is False


async def test_a_node_that_never_answers_is_given_up_and_the_other_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "NODE_S", 0.2)
    cluster = spec()
    connections = {ONE: FakeConnection(node(uid="0")), TWO: Silent(node())}
    connector = FakeConnector(lambda n: connections[n.name])
    desks = {n.name: Desk(cluster, n, connector, FakeClock(), lambda _: None) for n in cluster.nodes}
    play = healthy()
    found = await ask(cluster, play.picture(), play.state, ACTION, desks, FakeClock(), probe=Client(), operator="anna")
    assert found.operations.keys() == {ONE}
    assert found.rights[ONE, "squid.stop"].ok is True


class Silent(FakeConnection):
    """Connected, and nothing comes back."""

    async def run(self, command: str, *, stdin: bytes = b"", limit: int, timeout_s: float):  # type: ignore[no-untyped-def]
        await asyncio.Event().wait()


# --- connections and the log --------------------------------------------------------------------------------


async def test_a_vip_is_counted_only_if_every_holder_is_known_and_answered() -> None:
    def says(line: script.Line) -> tuple[bytes, str, int] | None:
        return (f"0 0 {V1}:3128 192.168.2.10:1\n".encode(), "", 0) if line.id == "ask.connections" else None

    assert (await asked(says)).connections == {V1: 1, V2: 0}
    play = healthy()
    play.removed(ONE, f"{V1}/24")
    assert (await asked(says, play=play)).connections == {V2: 0}


async def test_a_journal_that_may_not_be_read_is_not_a_quiet_one() -> None:
    def says(line: script.Line) -> tuple[bytes, str, int] | None:
        hint = "Hint: You are currently not seeing messages from other users and the system."
        return (b"", hint, 0) if line.id == "ask.log" else None

    play = healthy()
    play.log(ONE, "(proxy_ip1) Entering MASTER STATE", at=play.now - 20.0)
    assert (await asked(says, play=play)).master_changes is None


async def test_a_timer_and_a_program_that_would_start_it_again_are_named() -> None:
    def says(line: script.Line) -> tuple[bytes, str, int] | None:
        if line.id == "ask.timers":
            return b"- - - - logrotate.timer logrotate.service\n- - - - x.timer restart-squid.service\n", "", 0
        if line.id == "ask.agents":
            return b"Id=monit.service\nLoadState=loaded\nActiveState=active\n", "", 0
        return None

    found = await asked(says)
    assert found.fighters == ("monit.service runs", "x.timer starts restart-squid.service")
