"""keepalived.conf with its includes -> `KeepalivedConf`, as keepalived itself would read it.

Every statement is kept, known or not; definitions are put in, includes spliced in where they stand
(each statement says its file). What keepalived would understand otherwise than a person means is a
complaint. Passwords never get into the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from haconsole.model.keepalived_conf import ComplaintKind, KeepalivedConf, Place
from haconsole.parse.errors import ParseError
from haconsole.parse.keepalived_conf_instances import vrrp_instances
from haconsole.parse.keepalived_conf_lines import Reader
from haconsole.parse.text import clean

__all__ = ["includes", "parse", "vrrp_instances"]

MAX_INSTANCES: Final = 1000
"""As many as are read of a dump."""


def parse(
    files: Mapping[str, str],
    main: str,
    *,
    config_id: str | None = None,
    hostname: str | None = None,
    secret_key: bytes | None = None,
) -> KeepalivedConf:
    """Return the tree of `main` and what it includes.

    files: name -> text; absolute names where the includes are absolute. config_id: what `@NAME` lines are
    compared with (`-i`); keepalived's default is the host's name up to its first dot. Without both, such
    lines stay, marked with their condition, and each is a complaint.
    secret_key: at most 64 bytes, random for each run: passwords become hashes that can be compared within the
    run and are worth nothing outside of it (`Statement.secret_hash`); None: there are none.

    Raises: ParseError - more than 4 MiB, 200,000 lines, 1,000 instances, or 64 blocks in each other.
    """
    reader = _read(files, main, config_id, hostname, secret_key)
    statements = reader.tree.finish()
    conf = KeepalivedConf(
        statements=statements,
        files=tuple(reader.read),
        missing_includes=tuple(reader.missing),
        complaints=tuple(reader.complaints),
    )
    if sum(1 for _ in islice(conf.blocks("vrrp_instance"), MAX_INSTANCES + 1)) > MAX_INSTANCES:
        raise ParseError("keepalived's configuration has more than 1,000 instances")
    return conf


def includes(files: Mapping[str, str], main: str) -> tuple[str, ...]:
    """Return the include patterns that no name in `files` matches yet, relative ones made absolute.

    Call again with more files until nothing new comes. Nothing where `parse` would raise.
    """
    try:
        return tuple(_read(files, main, None, None).wanted)
    except ParseError:
        return ()


def _read(
    files: Mapping[str, str], main: str, config_id: str | None, hostname: str | None, key: bytes | None = None
) -> Reader:
    if config_id is None and hostname is not None:
        config_id = hostname.split(".", 1)[0]
    reader = Reader(files, config_id, key)
    if main in files:
        reader.file(main)
    else:
        reader.complain(Place(file=clean(main), line=1), "the file was not read", ComplaintKind.UNDECIDED)
    return reader
