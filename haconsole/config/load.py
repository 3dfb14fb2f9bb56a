"""Finding the configuration file, and turning it into `model.spec`."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from haconsole.config import schema
from haconsole.config.checks import Finding, check
from haconsole.config.errors import ConfigError, ConfigProblem, key_path, shown_path
from haconsole.config.explain import explain
from haconsole.config.values import minutes_of
from haconsole.model.spec import ClusterSpec, MaintenanceWindow, NodeSpec, SshSpec, VipSpec

VARIABLE: Final = "HACONSOLE_CONFIG"
LOCAL_NAME: Final = "haconsole.toml"
SYSTEM_FILE: Final = Path("/etc/haconsole/config.toml")

_SIZE_LIMIT: Final = 4 * 1024 * 1024
_PROBLEM_LIMIT: Final = 500
"""Of each sort. Nobody mends more in one go, and each costs a search for the nearest spelling."""

_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_PATH_KEYS: Final = ("identity_file", "known_hosts", "config_file")


def find(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the configuration file to use: the first that exists, in the order of the documentation.

    `explicit` is what --config says. A file named there or in $HACONSOLE_CONFIG is the only one that is
    tried. With `cwd` relative (`Path()`) the local file keeps its short name in errors.
    Raises: ConfigError, when there is none (it lists the places) or when ./haconsole.toml is another user's.
    """
    named = _named(explicit, environ)
    if named is not None:
        source, path = named
        path = cwd / _expanded(path)
        if not _exists(path):
            text = f"no such file (named by {source}); config.example.toml shows what belongs into it"
            raise ConfigError([ConfigProblem(file=shown_path(path), text=text)])
        return path
    local = cwd / LOCAL_NAME
    if _exists(local):
        _refuse_foreign(local)
        return local
    others = (_user_file(), SYSTEM_FILE)
    for path in others:
        if _exists(path):
            return path
    places = ", ".join(["--config", f"${VARIABLE}", f"./{LOCAL_NAME}", *map(shown_path, others)])
    text = (
        f"no configuration found, looked at: {places};"
        f" `haconsole init` makes one; or copy config.example.toml to ./{LOCAL_NAME} and edit it;"
        " `haconsole demo` needs none"
    )
    raise ConfigError([ConfigProblem(file="", text=text)])


def load(path: Path) -> tuple[ClusterSpec, ...]:
    """Return the clusters that the file at `path` describes, in its order.

    Raises: ConfigError with all problems of the file, and nothing else.
    """
    return parse(_read(path), path)


def parse(text: str, path: Path) -> tuple[ClusterSpec, ...]:
    """Return the clusters that `text` describes. `path` names it in errors; relative paths start in its folder.

    Raises: ConfigError with all problems, and nothing else.
    """
    file = shown_path(path)
    data = _toml(text, file)
    try:
        document = schema.Document.model_validate(data)
        findings: list[Finding] = []
    except ValidationError as error:
        findings = list(explain(error.errors(include_url=False)[:_PROBLEM_LIMIT]))
        if (more := error.error_count() - _PROBLEM_LIMIT) > 0:
            findings.append(Finding((), f"holds {more} more problems, not listed"))
    findings.extend(islice(check(data), _PROBLEM_LIMIT))
    if findings:
        raise ConfigError(_located(findings, text, file))
    return tuple(_cluster(cluster, document.ssh, path.parent.absolute()) for cluster in document.cluster)


def _named(explicit: Path | None, environ: Mapping[str, str]) -> tuple[str, Path] | None:
    if explicit is not None:
        return "--config", explicit
    value = environ.get(VARIABLE, "")
    return (f"${VARIABLE}", Path(value)) if value else None


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # ~nobody-of-that-name: the missing file is then reported under its written name
        return path


def _user_file() -> Path:
    import platformdirs

    return platformdirs.user_config_path("haconsole", appauthor=False) / "config.toml"


def _exists(path: Path) -> bool:
    """Whether something is there, even if it cannot be read: to go on past it in silence would be a surprise."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte in the name
        return False
    except OSError:
        return True
    return True


def _refuse_foreign(path: Path) -> None:
    """Whoever may write the configuration may run programs as the operator (ssh_config's ProxyCommand).

    The current folder can be anybody's, /tmp for one, so a file that was not asked for by name must be the
    operator's own, or root's.
    """
    try:
        stat = path.stat()
    except OSError:
        return  # `load` says why
    if stat.st_uid not in {os.geteuid(), 0}:
        reason = "belongs to another user"
    elif stat.st_mode & 0o002:
        reason = "can be changed by every user"
    else:
        return
    text = f"{reason}, so it is not used unasked: name it with --config, or chown or chmod it"
    raise ConfigError([ConfigProblem(file=shown_path(path), text=text)])


def _read(path: Path) -> str:
    file = shown_path(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(_SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise ConfigError([ConfigProblem(file=file, text="no such file")]) from None
    except IsADirectoryError:
        raise ConfigError([ConfigProblem(file=file, text="is a directory, not a file")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([ConfigProblem(file=file, text=f"cannot be read: {reason}")]) from None
    if len(raw) > _SIZE_LIMIT:
        text = f"is larger than {_SIZE_LIMIT // 1024 // 1024} MiB: this is no configuration"
        raise ConfigError([ConfigProblem(file=file, text=text)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        text = f"is not UTF-8 text (byte 0x{raw[error.start]:02x})"
        raise ConfigError([ConfigProblem(file=file, line=line, text=text)]) from None


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _TOML_PLACE.search(message)
        reason = message[: place.start()] if place else message
        reason = reason[:1].lower() + reason[1:]
        if place and place[1]:
            line, where = int(place[1]), f"column {place[2]}"
        else:
            line, where = text.count("\n") + 1, "at the end of the file"
        problem = ConfigProblem(file=file, line=line, text=f"not valid TOML, {where}: {reason}")
    except RecursionError:
        problem = ConfigProblem(file=file, text="not usable: lists or tables are nested too deeply")
    except ValueError:  # Python refuses to read decimal numbers of more than 4300 digits
        problem = ConfigProblem(file=file, text="not usable: it holds a number that is too long")
    raise ConfigError([problem])


def _located(findings: Iterable[Finding], text: str, file: str) -> list[ConfigProblem]:
    """The findings with their lines, in the order of the file."""
    from haconsole.config.lines import line_numbers, line_of

    lines = line_numbers(text)
    problems = [
        ConfigProblem(file=file, line=line_of(lines, f.loc), key=key_path(f.loc), text=f.text, suggestion=f.suggestion)
        for f in findings
    ]
    return sorted(problems, key=lambda problem: problem.line or 0)


def _cluster(cluster: schema.Cluster, ssh: schema.Ssh, folder: Path) -> ClusterSpec:
    return ClusterSpec(
        name=cluster.name,
        nodes=tuple(
            NodeSpec(
                name=node.name,
                address=node.address,
                lan_interface=node.lan_interface,
                public_interface=node.public_interface or None,
                ssh=_ssh((ssh, cluster.ssh, node.ssh), folder),
            )
            for node in cluster.node
        ),
        vips=tuple(VipSpec(address=ip_address(vip.address), preferred=vip.preferred) for vip in cluster.vip),
        dns_name=cluster.dns_name,
        probe_url=cluster.probe_url,
        read_only=cluster.read_only,
        squid_port=cluster.squid.port,
        squid_service=cluster.squid.service,
        keepalived_service=cluster.keepalived.service,
        keepalived_config=cluster.keepalived.config_file,
        drain_file=cluster.keepalived.drain_file,
        windows=tuple(_windows(cluster.maintenance_window)),
    )


def _windows(windows: Iterable[schema.Window]) -> Iterator[MaintenanceWindow]:
    for window in windows:
        yield MaintenanceWindow(
            days=window.days,
            start_min=minutes_of(window.start),
            end_min=minutes_of(window.end),
            timezone=window.timezone,
        )


def _ssh(levels: Iterable[schema.Ssh], folder: Path) -> SshSpec:
    """The keys that are named at some level, the innermost winning; an empty text takes a key back to its default."""
    merged: dict[str, Any] = {}
    for level in levels:
        merged |= {key: getattr(level, key) for key in level.model_fields_set}
    merged = {key: value for key, value in merged.items() if value != ""}
    for key in _PATH_KEYS:
        if key in merged:
            merged[key] = folder / Path(merged[key]).expanduser()
    return SshSpec(**merged)
