"""Guards on the nodes that would have to serve: can they really. Pure."""

from __future__ import annotations

from haconsole.cluster.forecast_values import VipForecast
from haconsole.cluster.picture import NodePicture
from haconsole.cluster.rules.common import daemon_state, link_trouble, listed
from haconsole.model.readings import VrrpState
from haconsole.operations.guards_context import Case, Guard, Override, worst
from haconsole.parse.text import clean


def last_healthy_phrase(node: str) -> str:
    """What is typed to disturb the last node that serves."""
    return f"nothing will serve without {node}"


def peer_serves(case: Case) -> Guard:
    """squid answers a real request on each node that would have to serve."""
    answers = {n.name: case.asked.requests.get(n.name) for n in case.heirs}
    told = [f"{name}: {'not asked' if a is None else a.text}" for name, a in answers.items()]
    return Guard(
        id="peer-serves",
        ok=worst([None if a is None else a.ok for a in answers.values()]),
        text=f"squid answers a real request on {_names(case)}",
        evidence="; ".join(told) or "there is no other node",
    )


def peer_fit(case: Case) -> Guard:
    """Its instances are MASTER or BACKUP, by the daemon's own word."""
    oks: list[bool | None] = []
    told: list[str] = []
    for node in case.heirs:
        for vip in case.inherits(node):
            instance = node.instance_of(vip.address)
            state = daemon_state(instance)
            well = None if state is None else state in {VrrpState.MASTER, VrrpState.BACKUP}
            oks.append(well)
            name = instance.name if instance is not None else f"no instance for {vip.address}"
            told.append(f"{node.name}: {name} {'not known' if state is None else state.value}")
    return Guard(
        id="peer-fit",
        ok=worst(oks),
        text=f"keepalived on {_names(case)} can become master",
        evidence="; ".join(dict.fromkeys(told)) or "no VIP is known",
    )


def peer_wins(case: Case) -> Guard:
    """By the forecast every VIP has a holder afterwards that serves."""
    oks: list[bool | None] = []
    told: list[str] = []
    for vip in case.forecast.vips:
        ok = (False if vip.nobody or vip.serves is False else vip.serves) if vip.known else None
        if case.action.kind.value == "drain" and vip.known and vip.after == case.action.node:
            ok = False
        oks.append(ok)
        why = vip.unknown if not vip.known else f"{vip.after or 'nobody'}" + ("" if ok else _not_served(vip))
        told.append(f"{vip.address}: {why}")
    return Guard(
        id="peer-wins",
        ok=worst(oks),
        text="by the forecast another node takes and serves what this one gives up",
        evidence="; ".join(told) or "no VIP is known",
    )


def _not_served(vip: VipForecast) -> str:
    """With the forecast's reasons: a weight too small, an owner that ignores its script."""
    why = "; ".join(map(clean, vip.not_served_because))
    return ", which does not serve it" + (f" ({why})" if why else "")


def peer_can_bind(case: Case) -> Guard:
    """squid there listens on every address, or is allowed to bind a VIP before it has it."""
    oks: list[bool | None] = []
    told: list[str] = []
    for node in case.heirs:
        for vip in case.inherits(node):
            ok, why = _binds(case, node, vip.address.version, str(vip.address))
            oks.append(ok)
            told.append(f"{node.name}: {why}")
    return Guard(
        id="peer-can-bind",
        ok=worst(oks),
        text=f"squid on {_names(case)} can take connections to every VIP",
        evidence="; ".join(dict.fromkeys(told)) or "no VIP is known",
    )


def _binds(case: Case, node: NodePicture, family: int, vip: str) -> tuple[bool | None, str]:
    listening = None if node.squid is None else node.squid.listening
    if listening is None:
        return None, "squid's sockets were not read"
    everywhere = [s for s in listening if s.address is None and (family == 4 or not s.text.startswith("0.0.0.0:"))]
    if everywhere:
        return True, f"listens on {everywhere[0].text}"
    bound = any(str(s.address) == vip for s in listening)
    held = any(str(a) == vip for a in node.held)
    if bound and held:
        return True, f"listens on {vip} and has it"
    allowed = case.asked.nonlocal_bind.get(node.name)
    if bound and allowed:
        return True, f"listens on {vip}, ip_nonlocal_bind is 1"
    if bound:
        return None, f"listens on {vip} without having it: not provable without ip_nonlocal_bind"
    return False, f"does not listen for {vip}"


def peer_public_link(case: Case) -> Guard:
    """The way out of each node that would have to serve is up."""
    oks: list[bool | None] = []
    told: list[str] = []
    for node in case.heirs:
        public = node.spec.public_interface
        if public is None:
            oks.append(True)
            told.append(f"{node.name}: has no public interface of its own")
        elif node.kernel is None:
            oks.append(None)
            told.append(f"{node.name}: its links were not read")
        else:
            trouble = link_trouble(node, public)
            oks.append(trouble is None)
            told.append(f"{node.name}: {public} {trouble or 'is up'}")
    return Guard(
        id="peer-public-link",
        ok=worst(oks),
        text=f"the public link of {_names(case)} is up",
        evidence="; ".join(told) or "there is no other node",
    )


def clients_served(case: Case) -> Guard:
    """Our own probe passes through every VIP now: what is broken already is not disturbed on top."""
    oks: list[bool | None] = []
    told: list[str] = []
    for vip in case.picture.vips:
        ok = None if vip.client is None else vip.client.result.ok
        oks.append(ok)
        result = "no fresh answer" if vip.client is None else ("served" if ok else vip.client.result.error or "refused")
        told.append(f"{vip.address}: {result}")
    return Guard(
        id="clients-served",
        ok=worst(oks),
        text="a client is served through every VIP now",
        evidence="; ".join(told) or "no VIP is known",
    )


def not_last_healthy(case: Case) -> Guard:
    """Another node can serve every VIP: without it, nothing does."""
    oks: list[bool | None] = []
    told: list[str] = []
    others = {n.name for n in case.others}
    for vip in case.forecast.vips:
        able = [n for n in vip.able if n in others]
        maybe = [n for n in vip.able_unknown if n in others]
        oks.append(True if able else None if maybe else False)
        more = f", not known: {listed(maybe)}" if maybe else ""
        told.append(f"{vip.address}: {listed(able) or 'none'}{more}")
    return Guard(
        id="not-last-healthy",
        ok=worst(oks),
        text=f"{case.action.node} is not the last node that can serve",
        evidence="; ".join(told) or "no VIP is known",
        override=Override.PHRASE,
    )


def _names(case: Case) -> str:
    return listed(n.name for n in case.heirs) or "another node"
