"""Findings about what clients of each VIP get. With `vips` the only family that knows *critical*."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from haconsole.cluster.picture import ClusterPicture, VipPicture
from haconsole.cluster.rules.common import by_client, kernels, listed, present, span
from haconsole.model.events import ClientProbed
from haconsole.model.findings import Evidence, Finding, Severity

REFUSALS: Final = frozenset({403, 407})
"""The proxy is alive and does not allow this request."""


def rules(picture: ClusterPicture) -> Iterator[Finding]:
    """Every finding of the family."""
    for vip in picture.vips:
        yield from not_serving(picture, vip)
        yield from client_unknown(picture, vip)
    yield from only_tcp_checked(picture)


def not_serving(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """The last request through the VIP was not answered well.

    Means: clients of this VIP are not served. A refusal (403, 407) or another 4xx shows a living proxy
    that does not like this request: a warning, unless another VIP of the cluster serves the same request.
    Can be wrong: one request is one request; an origin that is down looks like a proxy that is down
    (the summary says when every VIP fails alike); the way from this console to the VIP may be cut.
    """
    probe = vip.client
    if probe is None or probe.result.ok:
        return
    status = probe.result.status
    others = [v.client.result for v in picture.vips if v is not vip and v.client is not None]
    alone = any(r.ok and r.checked == "http" for r in others)
    mild = status is not None and 400 <= status < 500 and not alone
    yield Finding(
        id="vip-not-serving",
        severity=Severity.WARNING if mild else Severity.CRITICAL,
        vip=vip.address,
        summary=_how_it_fails(vip, probe) + _whose_fault(status, alone=alone, like=_alike(probe, picture, vip)),
        evidence=present(by_client(vip), *kernels(picture, vip)),
        remedy=_what_to_try(picture, vip, status),
        since=vip.failed_since,
    )


def _how_it_fails(vip: VipPicture, probe: ClientProbed) -> str:
    where = f" on {listed(vip.holders)}" if vip.holders else ""
    status = probe.result.status
    if status in REFUSALS:
        return f"{vip.address}: the proxy{where} refuses the request of the probe ({status})"
    if status is not None:
        return f"{vip.address}: the proxy{where} answers with an error ({status})"
    since = "" if vip.failed_since is None else f" for {span(probe.at - vip.failed_since)}"
    since = since if since != " for 0 s" else ""
    return f"{vip.address}{where} does not serve clients{since}: {probe.result.error or 'no answer'}"


def _alike(probe: ClientProbed, picture: ClusterPicture, vip: VipPicture) -> bool:
    """Every other VIP fails with the same status."""
    others = [v.client.result for v in picture.vips if v is not vip and v.client is not None]
    return bool(others) and all(not r.ok and r.status == probe.result.status for r in others)


def _whose_fault(status: int | None, *, alone: bool, like: bool) -> str:
    if status is not None and alone:
        return "; another VIP serves the same request"
    if status is not None and status >= 500 and like:
        return "; every VIP does: the origin or the way to it may be the cause"
    return "; whether clients are served is not proven" if status in REFUSALS else ""


def _what_to_try(picture: ClusterPicture, vip: VipPicture, status: int | None) -> str:
    spec, port = picture.spec, picture.spec.squid_port
    if status in REFUSALS:
        return "allow this console's address in squid.conf (http_access), or name a probe_url that it may fetch"
    if status is not None and status < 500:
        return f"is the probe's address right? probe_url = {spec.probe_url}"
    node = picture.node(vip.holders[0]) if vip.holders else None
    if vip.holders == () and not vip.unread:
        return "no node has the address: nothing serves before one has it"
    if node is None:
        return f"find who has the address, on each node: ip addr show | grep {vip.address}"
    own = f"http://{_host(node.spec.known_as)}:{port}"
    request = f"curl -sv -o /dev/null -x {own} {spec.probe_url}" if spec.probe_url else f"curl -sv {own}"
    return (
        f"compare with the node's own address: {request}; on {node.name}: ss -ltn 'sport = :{port}'; "
        f"systemctl status {spec.squid_service}; ip route show default"
    )


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def client_unknown(picture: ClusterPicture, vip: VipPicture) -> Iterator[Finding]:
    """No fresh answer of a client.

    Means: whether the VIP serves cannot be told; it has not been tried lately, or its first try has not ended.
    Can be wrong: never; it says only that nothing is known.
    """
    if vip.client is not None:
        return
    text = (
        f"the last request is older than {picture.policy.client_s:g} s"
        if vip.latencies_s
        else "no request was made yet"
    )
    yield Finding(
        id="vip-client-unknown",
        severity=Severity.WARNING if vip.latencies_s else Severity.INFO,
        unknown=True,
        vip=vip.address,
        summary=f"whether {vip.address} serves clients is not known: {text}",
        evidence=(Evidence(source="client", text=text, at=None),),
        remedy=f"try it: curl -sv -x http://{_host(str(vip.address))}:{picture.spec.squid_port} "
        f"{picture.spec.probe_url or 'http://example.com/'}",
    )


def only_tcp_checked(picture: ClusterPicture) -> Iterator[Finding]:
    """Clients' view is only that the port accepts connections.

    Means: a hung proxy, or one without a way out, would look well.
    Can be wrong: never.
    """
    checked = [v for v in picture.vips if v.client is not None and v.client.result.checked == "tcp"]
    if checked and picture.spec.probe_url is None:
        yield Finding(
            id="vip-only-tcp-checked",
            severity=Severity.INFO,
            summary=f"of {listed(v.address for v in checked)} only the port is tried: no probe_url is configured",
            evidence=present(*(by_client(v) for v in checked)),
            remedy=f'in [[cluster]] "{picture.spec.name}": probe_url = "http://..." (a small page that the proxies '
            f"may fetch)",
        )
