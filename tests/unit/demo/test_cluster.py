"""The demo from outside: a plain SSH client, production's SSH client, production's probe."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from haconsole.catalogue import read, script
from haconsole.catalogue.command import Names
from haconsole.demo.cluster import DemoCluster
from haconsole.demo.gate import Mode
from haconsole.demo.plan import What
from haconsole.demo.scenarios import ONE, SCENARIOS, TWO
from haconsole.io.probe import HttpProbe
from haconsole.io.ssh import SshConnector
from haconsole.model.problems import ProblemError, ProblemKind
from haconsole.model.readings import Rights
from haconsole.model.spec import NodeSpec
from haconsole.runtime import squid_manager
from tests.support.wait import until

NAMES = Names()
BOTH = [read.KERNEL_MONITOR, read.LOG_FOLLOW]


@contextlib.asynccontextmanager
async def client(node: NodeSpec) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A plain asyncssh client, with the files that the demo made."""
    connection = await asyncssh.connect(
        node.address,
        node.ssh.port or 0,
        username=node.ssh.user,
        client_keys=[str(node.ssh.identity_file)],
        known_hosts=str(node.ssh.known_hosts),
        config=None,
        agent_path=None,
    )
    try:
        yield connection
    finally:
        connection.abort()
        await connection.wait_closed()


async def test_a_batch_over_a_plain_client() -> None:
    specs = [read.ADDRESSES, read.KEEPALIVED_DUMP, read.SQUID_CHECK]
    async with DemoCluster() as demo, client(demo.spec.node(ONE)) as connection:
        command = script.batch(specs, NAMES, Rights.SUDO)
        done = await connection.run(command, input=b"f00d\n", encoding=None)
    assert done.exit_status == 0
    assert isinstance(done.stdout, bytes)
    outputs = script.outputs("f00d", done.stdout, specs)
    assert {i: o.status for i, o in outputs.items()} == dict.fromkeys([s.id for s in specs], 0)
    assert b"192.168.2.101/24" in outputs[read.ADDRESSES.id].stdout
    assert b"VRRP Instance = proxy_ip1" in outputs[read.KEEPALIVED_DUMP.id].stdout


async def test_a_batch_without_its_marker_ends_with_9() -> None:
    async with DemoCluster() as demo, client(demo.spec.node(ONE)) as connection:
        done = await connection.run(script.batch([read.UID], NAMES, Rights.ROOT), stdin=asyncssh.DEVNULL)
    assert (done.exit_status, done.stdout) == (9, "")


async def test_plain_commands_and_no_shell() -> None:
    async with DemoCluster() as demo, client(demo.spec.node(TWO)) as connection:
        assert (await connection.run("uname -n")).stdout == f"{TWO}\n"
        assert (await connection.run("frobnicate --now")).exit_status == 127
        assert (await connection.run("echo 'torn")).exit_status == 2
        shell = await connection.run()
        assert (shell.exit_status, shell.stderr) == (1, "This node is simulated: it has no shell.\n")


async def lines_until(process: asyncssh.SSHClientProcess[bytes], wanted: set[bytes]) -> list[bytes]:
    """Lines up to the one that completes `wanted` (each a part of a line)."""
    found: list[bytes] = []
    async with asyncio.timeout(10):
        while wanted:
            line = await process.stdout.readline()
            assert line, (wanted, found)
            found.append(line)
            wanted = {w for w in wanted if w not in line}
    return found


async def test_the_collector_tells_what_happens_at_once() -> None:
    async with DemoCluster() as demo, client(demo.spec.node(ONE)) as connection:
        command = script.collector(BOTH, NAMES, Rights.SUDO)
        process = await connection.create_process(command, encoding=None)
        process.stdin.write(b"\n.")
        backlog = await lines_until(process, {b"Entering MASTER STATE", b"T 1"})
        assert all(x[:2] in {b"L ", b"T "} for x in backlog)
        demo.happen(ONE, What.LINK_DOWN, "eth1")
        news = await lines_until(
            process,
            {b"K 3: eth1: <BROADCAST,MULTICAST>", b"K Deleted 2: eth0    inet 192.168.2.101/24", b"FAULT STATE"},
        )
        assert b"Netlink reports eth1 down" in b"".join(news)
        process.stdin.write_eof()
        await asyncio.wait_for(process.wait(), 30)
        assert process.exit_status == 0
        assert not demo.sim.nodes[ONE].kernel.listeners
        assert not demo.sim.nodes[ONE].journal.listeners


async def test_the_collector_ends_by_a_signal_and_by_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haconsole.demo.node_session.SILENCE_S", 0.05)
    async with DemoCluster() as demo, client(demo.spec.node(ONE)) as connection:
        command = script.collector([read.KERNEL_MONITOR], NAMES, Rights.ROOT)
        process = await connection.create_process(command, encoding=None)
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
        assert process.exit_signal is not None
        assert process.exit_signal[0] == "TERM"
        process = await connection.create_process(command, encoding=None)
        process.stdin.write(b"\n.")
        await asyncio.wait_for(process.wait(), 30)
        assert process.exit_status == 0


async def test_a_stream_without_rights_ends() -> None:
    async with DemoCluster("few-rights") as demo, client(demo.spec.node(ONE)) as connection:
        process = await connection.create_process(script.collector(BOTH, NAMES, Rights.SUDO), encoding=None)
        process.stdin.write(b"\n.")
        await lines_until(process, {b"E L", b"T 1"})


async def test_the_eleventh_session_is_refused() -> None:
    async with DemoCluster() as demo, client(demo.spec.node(ONE)) as connection:
        command = script.collector([read.KERNEL_MONITOR], NAMES, Rights.ROOT)
        kept = [await connection.create_process(command, encoding=None) for _ in range(10)]
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process(command, encoding=None)
        kept[0].terminate()
        await kept[0].wait()
        await connection.create_process(command, encoding=None)


@pytest.mark.parametrize("where", [("127.0.0.1", 22), ("203.0.113.80", 80), ("192.168.2.252", 3128)])
async def test_forwarding_leads_to_the_own_squid_only(where: tuple[str, int]) -> None:
    async with DemoCluster() as demo, client(demo.spec.node(ONE)) as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection(*where)


async def test_other_keys_are_not_let_in() -> None:
    async with DemoCluster() as demo:
        node = demo.spec.node(ONE)
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                node.address,
                node.ssh.port or 0,
                username="ops",
                client_keys=[asyncssh.generate_private_key("ssh-ed25519")],
                known_hosts=str(node.ssh.known_hosts),
                config=None,
                agent_path=None,
            )


async def test_production_reads_a_node() -> None:
    connector = SshConnector()
    async with DemoCluster() as demo:
        connection = await connector.connect(demo.spec.node(ONE))
        result = await connection.run(
            script.batch([read.LINKS], NAMES, Rights.SUDO), stdin=b"f00d\n", limit=99_999, timeout_s=10
        )
        assert script.outputs("f00d", result.stdout, [read.LINKS])[read.LINKS.id].status == 0
        counted = await squid_manager.counters(connection, ONE, "127.0.0.1", 3128)
        assert (counted.client_requests or 0) > 1_000_000
        demo.happen(ONE, What.SQUID_STOP)
        with pytest.raises(ProblemError) as caught:
            await squid_manager.counters(connection, ONE, "127.0.0.1", 3128)
        assert caught.value.problem.kind is ProblemKind.CONNECTION_REFUSED
        connection.abort()
        await connector.close()


async def test_a_dead_node_refuses_and_a_dying_one_breaks_the_link() -> None:
    connector = SshConnector()
    async with DemoCluster("node-dead") as demo:
        with pytest.raises(ProblemError) as caught:
            await connector.connect(demo.spec.node(ONE))
        assert caught.value.problem.kind is ProblemKind.CONNECTION_REFUSED
        connection = await connector.connect(demo.spec.node(TWO))
        demo.happen(TWO, What.POWER_OFF)
        problem = await asyncio.wait_for(connection.wait_lost(), 10)
        assert problem.kind is ProblemKind.LINK_LOST
        demo.happen(TWO, What.POWER_ON)
        again = await connector.connect(demo.spec.node(TWO))
        again.abort()
        await connector.close()


async def test_a_lost_lan_interface_makes_ssh_fall_silent() -> None:
    connector = SshConnector()
    async with DemoCluster() as demo:
        connection = await connector.connect(demo.spec.node(ONE))
        demo.happen(ONE, What.LINK_DOWN, "eth0")
        await until(lambda: demo.running[0].ssh[ONE].mode is Mode.SILENT)
        command = script.batch([read.TIME], NAMES, Rights.ROOT)
        asked = asyncio.ensure_future(connection.run(command, stdin=b"1\n", limit=999, timeout_s=10))
        done, _ = await asyncio.wait({asked}, timeout=0.15)
        assert not done
        demo.happen(ONE, What.LINK_UP, "eth0")
        assert script.outputs("1", (await asked).stdout, [read.TIME])
        connection.abort()
        await connector.close()


async def test_clients_see_what_the_vip_does() -> None:
    probe = HttpProbe(timeout_s=0.3)
    async with DemoCluster(speed=50) as demo:
        vip = demo.spec.vips[0].address
        door = demo.running[0].vips[vip]

        async def tried() -> tuple[bool, int | None, str | None]:
            result = await probe.probe(demo.spec, vip)
            return result.ok, result.status, result.error

        assert await tried() == (True, 200, None)
        demo.happen(ONE, What.SQUID_HANG)
        assert await tried() == (False, None, "connected, but no answer within 0.3 s")
        demo.happen(ONE, What.SQUID_WAKE)
        demo.happen(TWO, What.LINK_DOWN, "eth1")
        demo.happen(ONE, What.LINK_DOWN, "eth1")
        await until(lambda: door.holder is None)
        assert await tried() == (False, None, "timed out connecting")
        demo.happen(ONE, What.LINK_UP, "eth1")
        await until(lambda: door.holder == ONE)
        assert await tried() == (True, 200, None)
        demo.sim.nodes[ONE].keepalived.kill()
        demo.happen(ONE, What.SQUID_STOP)
        await until(lambda: door.mode is Mode.REFUSED)
        assert await tried() == (False, None, "connection refused")


async def test_specs_are_complete_and_nothing_stays() -> None:
    async with DemoCluster("three-nodes") as demo:
        spec = demo.spec
        folder = Path(str(spec.nodes[0].ssh.identity_file)).parent
        assert [n.shown_address for n in spec.nodes] == ["192.168.2.251", "192.168.2.252", "192.168.2.253"]
        assert [str(v.address) for v in spec.vips] == ["192.168.2.101", "192.168.2.102", "192.168.2.103"]
        assert {v.preferred for v in spec.vips} == set(demo.sim.nodes)
        own = {n.shown_address for n in spec.nodes}
        assert set(spec.dial) == {(a, 3128) for a in own | {str(v.address) for v in spec.vips}}
        assert (folder / "id_ed25519").stat().st_mode & 0o777 == 0o600
    assert not folder.exists()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", spec.nodes[0].ssh.port)


async def test_an_error_inside_ends_the_demo_too() -> None:
    demo = DemoCluster()
    with pytest.raises(RuntimeError, match="inside"):
        async with demo:
            raise RuntimeError("inside")
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", demo.spec.nodes[0].ssh.port)


async def test_fifty_clusters_are_reachable() -> None:
    connector = SshConnector()
    async with DemoCluster("fifty") as demo:
        assert len(demo.specs) == 50
        names = {n.name for s in demo.specs for n in s.nodes}
        ports = {n.ssh.port for s in demo.specs for n in s.nodes}
        assert len(names) == len(ports) == 100
        for spec in demo.specs[:3]:
            connection = await connector.connect(spec.nodes[1])
            connection.abort()
        await connector.close()


@pytest.mark.parametrize("name", SCENARIOS)
async def test_every_scenario_starts_and_ends(name: str) -> None:
    async with DemoCluster(name) as demo:
        assert len(demo.specs) == len(SCENARIOS[name].clusters)
