"""`haconsole adverts`: VRRP and gratuitous ARP from a capture, as text, JSON lines or pcap."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from haconsole.cli import output
from haconsole.cli.exits import Exit
from haconsole.model.packets import Packet
from haconsole.report.adverts import packet_document, packet_line
from haconsole.wire import frames, pcap
from haconsole.wire.errors import WireError
from haconsole.wire.redact import without_secrets


@click.command(
    "adverts", epilog="Examples: haconsole adverts --read capture.pcap; tcpdump -w - | haconsole adverts --read -"
)
@click.option("--read", "file", metavar="FILE", required=True, help="A pcap or pcapng file; - for standard input.")
@click.option("-o", "form", type=click.Choice(["text", "json", "pcap"]), default="text", help="What to print.")
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many packets.", metavar="N")
@click.pass_context
def command(ctx: click.Context, file: str, form: str, count: int | None) -> None:
    """Adverts, gratuitous ARP and unsolicited neighbour advertisements, one a line, in order.

    Exit code: 0 when the file was read to its end, bad packets or not; 1 when it is no capture.
    """
    try:
        stream: BinaryIO = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115
    except OSError as error:
        output.talk(f"haconsole: {file}: {error.strerror}")
        ctx.exit(int(Exit.FAILED))
    with stream:
        ctx.exit(_print(stream, file, form, count))


def _print(stream: BinaryIO, name: str, form: str, count: int | None) -> int:
    shown = bad = 0
    started = False
    try:
        for record in _records(stream):
            packet, broken = _decoded(record)
            bad += broken
            if packet is None:
                continue
            if form == "pcap":
                if not started:
                    sys.stdout.buffer.write(pcap.header(record.link_type))
                    started = True
                frame = without_secrets(record.data, record.link_type, record.length)
                sys.stdout.buffer.write(pcap.record(record.at, frame, record.length))
                sys.stdout.buffer.flush()
            elif not _line(record.at, packet, form):
                continue
            shown += 1
            if count is not None and shown >= count:
                break
    except WireError as error:
        output.talk(f"haconsole: {name}: {error}")
        return int(Exit.DONE if shown else Exit.FAILED)
    if bad:
        output.talk(f"haconsole: {name}: {bad} packets claim to be VRRP and cannot be read")
    return int(Exit.DONE)


def _records(stream: BinaryIO) -> Iterator[pcap.Record]:
    reader = pcap.Reader()
    while block := stream.read1(65536):  # type: ignore[attr-defined]
        yield from reader.feed(block)
    reader.end()


def _decoded(record: pcap.Record) -> tuple[Packet | None, int]:
    try:
        return frames.decode(record.data, record.link_type, record.length), 0
    except WireError:
        return None, 1


def _line(at: float, packet: Packet, form: str) -> bool:
    if form == "text":
        output.data(packet_line(at, packet))
        return True
    document = packet_document(at, packet)
    if document is None:
        return False
    output.document(document)
    return True
