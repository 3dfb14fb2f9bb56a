"""Takes a closer look when the operator asks for one: runs an offer's commands, reads what they say, concludes.

One connection a node, kept until it fails or `close`. Nothing is changed anywhere; every command is an entry of the
catalogue, and was shown as an offer's line before.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from haconsole.catalogue import closer as entries
from haconsole.catalogue.command import CommandSpec, Verb
from haconsole.catalogue.script import Output
from haconsole.cluster.audit import ConfFile
from haconsole.cluster.audit.view import View
from haconsole.cluster.conclude import Snapshot
from haconsole.cluster.picture import ClusterPicture, VipPicture
from haconsole.io.ports import ClientProbe, Clock, Connection, Connector
from haconsole.model.asked import NodeAsked
from haconsole.model.events import ClientResult
from haconsole.model.problems import ProblemError
from haconsole.model.readings import Rights
from haconsole.model.spec import ClusterSpec, IpAddress
from haconsole.operations import closer, closer_proof
from haconsole.operations.closer import CheckRun, Line, Look, Offer
from haconsole.operations.closer_proof import Proof, Ran, Seen
from haconsole.parse.command_secrets import hide
from haconsole.parse.errors import ParseError
from haconsole.parse.neighbours import Neighbour, parse_neighbours
from haconsole.parse.text import clean, cut, decode
from haconsole.runtime import trouble
from haconsole.runtime.check import more
from haconsole.runtime.own_request import own_address
from haconsole.runtime.reader import NodeReader

CONNECT_S: Final = 12.0
"""To reach a node and to learn who one is there."""
LOOK_S: Final = 45.0
"""A whole look; what did not come by then is not known."""
OUTPUT: Final = 4000
"""Characters of a command's output that are kept."""
LINES: Final = 400
"""Its last lines, that are looked at."""


class Closer:
    """One cluster. Every method may be called while another runs."""

    def __init__(self, spec: ClusterSpec, connector: Connector, probe: ClientProbe, clock: Clock) -> None:
        self._spec, self._connector, self._probe, self._clock = spec, connector, probe, clock
        self._readers: dict[str, NodeReader] = {}
        self._connections: dict[str, Connection] = {}
        self._locks = {n.name: asyncio.Lock() for n in spec.nodes}

    async def close(self) -> None:
        """Drop the connections."""
        for connection in self._connections.values():
            connection.abort()
        self._connections.clear()
        self._readers.clear()

    # --- what there is ----------------------------------------------------------------------------------

    def offers(self, snapshot: Snapshot) -> tuple[Offer, ...]:
        """What can be looked at now, with the exact commands. Runs nothing."""
        return closer.offers(self._spec, snapshot.picture, self._own(snapshot.picture))

    def audit_offer(self, snapshot: Snapshot) -> Offer:
        """What `ask` would run. Runs nothing."""
        return closer.audit_offer(asking_lines(self._spec, snapshot.picture), snapshot.picture)

    def _own(self, picture: ClusterPicture) -> dict[tuple[str, int], IpAddress]:
        versions = sorted({v.address.version for v in picture.vips})
        found = {(n.name, v): own_address(self._spec, picture, n, v) for n in picture.nodes for v in versions}
        return {key: address for key, address in found.items() if address is not None}

    # --- looking ----------------------------------------------------------------------------------------

    async def look(self, offer: Offer, snapshot: Snapshot) -> Seen:
        """Run the offer's commands. Bounded in time; never raises for what nodes do."""
        try:
            async with asyncio.timeout(LOOK_S):
                proof, ran = await self._look(offer, snapshot.picture)
        except TimeoutError:
            proof, ran = Proof(ok=None, text=f"not all answers came within {LOOK_S:g} s"), ()
        return Seen(key=offer.key, at=self._clock.now(), proof=proof, ran=tuple(ran))

    async def _look(self, offer: Offer, picture: ClusterPicture) -> tuple[Proof, Sequence[Ran]]:
        if offer.refused is not None:
            return Proof(ok=None, text=offer.refused, remedy=offer.remedy), ()
        vip = next((v for v in picture.vips if v.address == offer.vip), None)
        if offer.look is Look.SCRIPT and offer.check is not None:
            return await self._script(offer.check)
        if offer.look is Look.ARP and vip is not None:
            return await self._arp(picture, vip)
        if offer.look is Look.SQUID:
            return await self._squid(picture)
        return Proof(ok=None, text="it is no longer there"), ()

    async def ask(self, snapshot: Snapshot) -> Mapping[str, NodeAsked]:
        """What only the audit asks, of every node that could be reached; others are missing."""
        salt, found = secrets.token_hex(32), dict[str, NodeAsked]()

        async def one(name: str, view: View) -> None:
            try:
                async with asyncio.timeout(LOOK_S):
                    found[name] = await more(await self._reader(name), view, self._clock.now, salt)
            except (TimeoutError, ProblemError):
                self._drop(name)

        async with asyncio.TaskGroup() as tasks:
            for node in snapshot.picture.nodes:
                if node.config is not None:
                    tasks.create_task(one(node.name, View(file=ConfFile(conf=node.config.conf, node=node.name))))
        return found

    async def _reader(self, name: str) -> NodeReader:
        """Raises: ProblemError, TimeoutError."""
        async with self._locks[name]:
            if name not in self._readers:
                node = self._spec.node(name)
                async with asyncio.timeout(CONNECT_S):
                    connection = await self._connector.connect(node)
                    self._connections[name] = connection
                    reader = NodeReader(self._spec, node, connection, self._clock)
                    try:
                        await reader.introduce()
                    except BaseException:
                        self._drop(name)
                        raise
                self._readers[name] = reader
            return self._readers[name]

    def _drop(self, name: str) -> None:
        self._readers.pop(name, None)
        connection = self._connections.pop(name, None)
        if connection is not None:
            connection.abort()

    async def _outputs(self, name: str, specs: Sequence[CommandSpec]) -> Mapping[str, Output] | str:
        """The outputs by id; or in words why there are none. A connection kept from before may be dead: once anew."""
        if name in self._readers:
            try:
                return await self._readers[name].outputs(specs)
            except ProblemError:
                self._drop(name)
        try:
            reader = await self._reader(name)
            return await reader.outputs(specs)
        except ProblemError as error:
            self._drop(name)
            return error.problem.summary
        except TimeoutError:
            self._drop(name)
            return f"{name} did not answer within {CONNECT_S:g} s"

    def _ran(self, name: str, spec: CommandSpec, outputs: Mapping[str, Output] | str) -> Ran:
        reader = self._readers.get(name)
        rights = Rights.PLAIN if reader is None else reader.context.rights
        text = closer.shown(spec, closer.names_of(self._spec), rights)
        output = None if isinstance(outputs, str) else outputs.get(spec.id)
        if output is None:
            problem = outputs if isinstance(outputs, str) else f"{name}: no answer"
            return Ran(where=name, text=text, problem=problem)
        said = clean_lines(decode(output.stdout), output.stderr)
        refused = said.strip() or "sudo said no" if trouble.sudo_refused(output) else None
        return Ran(where=name, text=text, status=output.status, output=said, problem=refused)

    # --- a check script -----------------------------------------------------------------------------------

    async def _script(self, check: CheckRun) -> tuple[Proof, Sequence[Ran]]:
        user, before = check.user, list[Ran]()
        if user is None:
            asked = entries.HAS_DEFAULT_USER
            ran = self._ran(check.node, asked, await self._outputs(check.node, [asked]))
            before.append(ran)
            if ran.status is None:
                return closer_proof.of_script(check, "?", None, None, ran.problem or ""), before
            user = entries.DEFAULT_USER if ran.status == 0 else "root"
        spec = check.spec(user)
        outputs = await self._outputs(check.node, [entries.BEFORE, spec, entries.AFTER])
        ran = self._ran(check.node, spec, outputs)
        seconds = None if isinstance(outputs, str) else _took(outputs)
        status = None if ran.problem is not None else ran.status
        proof = closer_proof.of_script(check, user, status, seconds, ran.problem or ran.output)
        good = None if status is None else status == 0
        return proof, [*before, replace(ran, seconds=seconds, good=good)]

    # --- ARP ----------------------------------------------------------------------------------------------

    async def _arp(self, picture: ClusterPicture, vip: VipPicture) -> tuple[Proof, Sequence[Ran]]:
        nodes = [n.name for n in closer.arp_nodes(picture, vip)]
        found = await asyncio.gather(*(self._entry(name, vip.address) for name in nodes))
        entries_of = {name: told for name, (told, _) in zip(nodes, found, strict=True)}
        proof = closer_proof.of_arp(picture, vip, entries_of)
        macs = closer_proof.holder_macs(picture, vip)
        ran = [_judged(r, told, macs) for told, each in found for r in each]
        return proof, ran

    async def _entry(self, name: str, address: IpAddress) -> tuple[tuple[Neighbour, ...] | None, list[Ran]]:
        spec, ping = entries.neighbour(address), entries.ping(address)
        outputs = await self._outputs(name, [spec])
        ran = [self._ran(name, spec, outputs)]
        told = _neighbours(outputs, spec)
        if told is None or any(e.mac is not None for e in told):
            return told, ran
        outputs = await self._outputs(name, [ping, spec])
        again = _neighbours(outputs, spec)
        return again, [*ran, self._ran(name, ping, outputs), self._ran(name, spec, outputs)]

    # --- squid --------------------------------------------------------------------------------------------

    async def _squid(self, picture: ClusterPicture) -> tuple[Proof, Sequence[Ran]]:
        own = self._own(picture)
        whose = {address: name for (name, _), address in own.items()}
        vips = [v.address for v in picture.vips if not v.address.is_link_local]
        wanted = list(dict.fromkeys([*vips, *whose]))
        results = await asyncio.gather(*(self._probe.probe(self._spec, a) for a in wanted))
        answers = dict(zip(wanted, results, strict=True))
        held = {v.address: " + ".join(v.holders or ()) or "nobody" for v in picture.vips}
        ran = [
            Ran(
                where=closer.CONSOLE,
                text=closer.request(self._spec, address),
                seconds=result.latency_s,
                output=f"{address} ({held[address]} holds it): {_answer(result)}"
                if address in held
                else f"{address} ({whose[address]}'s own): {_answer(result)}",
                good=result.ok,
            )
            for address, result in answers.items()
        ]
        return closer_proof.of_squid(picture, own, answers), ran


def _answer(result: ClientResult) -> str:
    if result.error is not None:
        return result.error
    return f"{result.status}" if result.checked == "http" else "the port accepts; without probe_url nothing is fetched"


def _took(outputs: Mapping[str, Output]) -> float | None:
    times = []
    for spec in (entries.BEFORE, entries.AFTER):
        output = outputs.get(spec.id)
        try:
            times.append(float(decode(output.stdout)) if output is not None else None)
        except ValueError:
            times.append(None)
    before, after = times
    return None if before is None or after is None or not 0 <= after - before < 3600 else after - before


def _neighbours(outputs: Mapping[str, Output] | str, spec: CommandSpec) -> tuple[Neighbour, ...] | None:
    output = None if isinstance(outputs, str) else outputs.get(spec.id)
    if output is None or output.status != 0 or output.truncated:
        return None
    try:
        return parse_neighbours(decode(output.stdout))
    except ParseError:
        return None


def _judged(ran: Ran, told: Sequence[Neighbour] | None, macs: Mapping[str, str]) -> Ran:
    """An entry that leads to a holder is as it should be."""
    mac = next((e.mac for e in told or () if e.mac is not None and e.mac in ran.output), None)
    return ran if mac is None else replace(ran, good=mac in macs)


def clean_lines(*texts: str) -> str:
    """Output for a screen: each line cut, cleaned and without what may be a password (`sh -x` repeats command lines),
    empty ones left out, the end of it where it is long."""
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    kept = [hide(clean(cut(line, OUTPUT))) for line in lines[-LINES:]]
    return "\n".join(kept)[-OUTPUT:]


# --- what the audit asks --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Listing:
    """Stands for a reader and runs nothing: learns what would be asked."""

    specs: list[CommandSpec] = field(default_factory=list)

    async def outputs(self, specs: Sequence[CommandSpec]) -> dict[str, Output]:
        self.specs += specs
        return {}


def asking_lines(spec: ClusterSpec, picture: ClusterPicture) -> tuple[Line, ...]:
    """Every command that `Closer.ask` would run, by the very code that runs them."""
    found: list[Line] = []
    for node in picture.nodes:
        if node.config is None or node.identity is None:
            continue
        listing = _Listing()
        view = View(file=ConfFile(conf=node.config.conf, node=node.name))
        work = more(listing, view, lambda: 0.0, secrets.token_hex(32))  # type: ignore[arg-type]
        try:
            work.send(None)
        except StopIteration:
            pass
        else:
            work.close()
        rights = node.identity.rights
        found += [Line(where=node.name, text=_shown(each, spec, rights)) for each in listing.specs]
    return tuple(found)


def _shown(each: CommandSpec, spec: ClusterSpec, rights: Rights) -> str:
    if each.verb is Verb.FEED:  # what is fed is a salt: it has no place on a screen
        return shlex.join(each.filled(closer.names_of(spec))[1:])
    return closer.shown(each, closer.names_of(spec), rights)
