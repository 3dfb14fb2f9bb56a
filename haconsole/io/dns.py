"""The name service, asked as a client would: addresses of a name, with their TTL. dnspython lives here only."""

from __future__ import annotations

from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from haconsole.model.asked import DnsAnswer
from haconsole.model.spec import IpAddress
from haconsole.parse.text import clean

LIFETIME_S = 4.0


async def look_up(
    name: str, versions: frozenset[int] = frozenset({4}), resolver: dns.asyncresolver.Resolver | None = None
) -> DnsAnswer:
    """A (4) and AAAA (6) records of `name`, by this machine's resolv.conf and its search list. Never raises."""
    found: set[IpAddress] = set()
    ttls: list[int] = []
    try:
        resolver = resolver or dns.asyncresolver.Resolver()
        for version in sorted(versions):
            kind = dns.rdatatype.A if version == 4 else dns.rdatatype.AAAA
            try:
                answer = await resolver.resolve(name, kind, search=True, lifetime=LIFETIME_S, raise_on_no_answer=False)
            except dns.resolver.NXDOMAIN:
                return DnsAnswer(name=name, addresses=None, error="there is no such name", missing=True)
            if answer.rrset is not None:
                ttls.append(int(answer.rrset.ttl))
                found.update(ip_address(r.address) for r in answer.rrset)
    except (dns.exception.DNSException, OSError, ValueError) as error:
        return DnsAnswer(name=name, addresses=None, error=clean(str(error) or type(error).__name__)[:200])
    return DnsAnswer(name=name, addresses=frozenset(found), ttl_s=min(ttls, default=None))
