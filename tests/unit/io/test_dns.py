"""The name service as a client asks it: a small server on loopback answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from haconsole.io.dns import look_up


class Server(asyncio.DatagramProtocol):
    """Knows one name."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        (asked,) = query.question
        if str(asked.name) != "proxy-serv.":
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(asked.name, 300, "IN", "A", "192.168.2.101", "192.168.2.102"))
        elif asked.rdtype == dns.rdatatype.AAAA:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "AAAA", "fd00:2::101"))
        self.transport.sendto(answer.to_wire(), addr)  # type: ignore[attr-defined]


@pytest.fixture
async def resolver() -> AsyncIterator[dns.asyncresolver.Resolver]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers, made.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
    yield made
    transport.close()


async def test_every_address_and_the_shortest_ttl(resolver: dns.asyncresolver.Resolver) -> None:
    found = await look_up("proxy-serv", frozenset({4, 6}), resolver)
    vips = {ip_address(a) for a in ("192.168.2.101", "192.168.2.102", "fd00:2::101")}
    assert (found.addresses, found.ttl_s, found.error) == (vips, 60, None)


async def test_no_such_name_is_an_answer_and_silence_is_not(resolver: dns.asyncresolver.Resolver) -> None:
    found = await look_up("other", frozenset({4}), resolver)
    assert (found.addresses, found.missing) == (None, True)
    resolver.nameservers = []
    nobody = await look_up("proxy-serv", frozenset({4}), resolver)
    assert (nobody.addresses, nobody.missing) == (None, False)
    assert nobody.error
