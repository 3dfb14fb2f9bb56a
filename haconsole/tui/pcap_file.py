"""Writes packets to a new pcap file, for its owner alone; an existing file is never touched."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from haconsole.model.capture import Heard
from haconsole.model.record import dataclass
from haconsole.wire import pcap


@dataclass(frozen=True, slots=True)
class Written:
    """What a file got. `left_out`: packets of another link type, for which a pcap file has no place."""

    path: Path
    packets: int
    left_out: int


def proposed_name(now: float) -> str:
    """`adverts-20251124T130231Z.pcap`"""
    return f"adverts-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}.pcap"


def write_new(name: str, packets: Sequence[Heard]) -> Written:
    """Write the packets (no secret is in their frames) to a new file of mode 0600.

    name: relative to the working folder; `~` is the home folder.
    Raises: FileExistsError: something has this name already, a dangling link included. OSError, ValueError: it
        cannot be written; nothing stays behind.
    """
    path = Path(name).expanduser().absolute()
    kinds = Counter(heard.link_type for heard in packets)
    link_type = kinds.most_common(1)[0][0] if kinds else 1
    fitting = [heard for heard in packets if heard.link_type == link_type]
    data = pcap.header(link_type) + b"".join(pcap.record(h.at, h.frame, h.length) for h in fitting)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return Written(path, len(fitting), len(packets) - len(fitting))
