"""Failures of SSH in the operator's words: what happened, and the next step to take.

Pure text: nothing here knows asyncssh. Words of a node (reasons, banners) are cleaned here.

`host` and `port` are what people know the node by (`Target.said`); port None: they know of none.
"""

from __future__ import annotations

import errno
import shlex
import socket
from pathlib import Path

from haconsole.model.problems import Problem, ProblemError, ProblemKind
from haconsole.parse.text import clean

_UNREACHABLE = {
    errno.EHOSTUNREACH: "no route to it, or nobody has the address",
    errno.ENETUNREACH: "this machine has no route to its network",
    errno.EHOSTDOWN: "the host is down",
    errno.EACCES: "a firewall on this machine forbids it",
    errno.EPERM: "a firewall on this machine forbids it",
    errno.EADDRNOTAVAIL: "this machine has no address of that kind",
    errno.EAFNOSUPPORT: "this machine has no address of that kind",
}


def fail(kind: ProblemKind, summary: str, remedy: str | None = None, detail: str = "") -> ProblemError:
    """A `ProblemError`; summary, remedy and detail may hold foreign words, they are cleaned here."""
    remedy = None if remedy is None else "\n".join(clean(line) for line in remedy.split("\n"))
    return ProblemError(Problem(kind=kind, summary=clean(summary), remedy=remedy, detail=clean(detail)))


def host_port(host: str, port: int | None) -> str:
    """`host:port`, an IPv6 address in brackets; without a port the host alone."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def name_unknown(label: str, host: str, error: OSError) -> ProblemError:
    """The name lookup failed. Three kinds of it: no such name, no name server, other."""
    if error.errno == socket.EAI_AGAIN:
        what, remedy = f"no name server answered for {host!r}", "Give the node's address in the configuration."
    else:
        what, remedy = f"the name {host!r} is not known", f"Check `address` of the node; try: getent hosts {host}"
    return fail(ProblemKind.NAME_UNKNOWN, f"{label}: {what}", remedy, error.strerror or str(error))


def cannot_connect(label: str, host: str, port: int | None, error: OSError) -> ProblemError:
    """The TCP connection could not be made (not: timed out)."""
    where = host_port(host, port)
    if isinstance(error, ConnectionRefusedError):
        return fail(
            ProblemKind.CONNECTION_REFUSED,
            f"{label}: {where} refused the connection: no SSH server listens there",
            "On the node's console: systemctl status ssh (or sshd)"
            + ("" if port is None else f"; is port {port} right?"),
        )
    reason = _UNREACHABLE.get(error.errno or 0, error.strerror or str(error) or type(error).__name__)
    return fail(ProblemKind.UNREACHABLE, f"{label}: {where} cannot be reached: {reason}", None, str(error))


_WAITED_FOR = {
    "name": "the name lookup had no answer",
    "tcp": "no answer at all; the host is down, or a firewall drops the packets",
    "jump": "the jump host could not reach it in time",
    "greeting": "the port is open, but no SSH greeting came; the SSH server hangs",
    "kex": "the SSH server stopped answering during the key exchange",
    "login": "the login was not finished: the SSH server (or the agent, waiting for a confirmation) did not answer",
}


def timed_out(label: str, host: str, port: int | None, phase: str, seconds: float) -> ProblemError:
    """`connect_timeout_s` is over. `phase`: what was being waited for, a key of `_WAITED_FOR`."""
    remedy = (
        "Check the link and the power of the node; a slow link may need a larger `connect_timeout_s` in [ssh]."
        if phase in {"name", "tcp", "jump"}
        else "On the node's console: systemctl status ssh (or sshd); load and memory of the node."
    )
    text = f"{label}: {host_port(host, port)}: {_WAITED_FOR[phase]} (waited {seconds:g} s)"
    return fail(ProblemKind.TIMED_OUT, text, remedy)


def closed_early(label: str, host: str, port: int | None, phase: str, reason: str) -> ProblemError:
    """The node closed the connection before the login was over."""
    when = {"greeting": "before its greeting", "kex": "during the key exchange"}.get(phase, "during the login")
    return fail(
        ProblemKind.LINK_LOST,
        f"{label}: {host_port(host, port)} closed the connection {when}",
        "Look into the node's log (journalctl -u ssh, or -u sshd): MaxStartups reached, or a ban (fail2ban)?",
        reason,
    )


def not_ssh(label: str, host: str, port: int | None, reason: str) -> ProblemError:
    """What answers does not speak SSH, or not one that we understand."""
    return fail(
        ProblemKind.PROTOCOL,
        f"{label}: {host_port(host, port)} does not speak SSH as expected: {reason}",
        f"Compare with: ssh -v {shlex.quote(host)}"
        if port is None
        else f"Is port {port} the SSH server's? Compare with: ssh -v -p {port} {shlex.quote(host)}",
    )


def ssh_config(label: str, reason: str, path: Path | None = None) -> ProblemError:
    """The operator's own SSH configuration cannot be used; asyncssh's words name file and line."""
    where = f" {path}" if path and str(path) not in reason else ""
    return fail(
        ProblemKind.SSH_CONFIG,
        f"{label}: the SSH configuration{where} cannot be used: {reason}",
        "Mend the named line, or name another file as `config_file` in [ssh].",
    )


def key_unusable(label: str, path: Path, reason: str, remedy: str) -> ProblemError:
    """A key file cannot be used."""
    return fail(ProblemKind.KEY_UNUSABLE, f"{label}: the key {path} cannot be used: {reason}", remedy)


def through_jump(label: str, host: str, port: int | None, code: int, reason: str) -> ProblemError:
    """The jump host is fine, but could not or would not open a connection to the node.

    code: SSH's reason for a refused channel (RFC 4254 5.1): 1 prohibited, 2 connect failed.
    """
    where = host_port(host, port)
    text = reason.lower()
    if code == 1:
        return fail(
            ProblemKind.CONNECTION_REFUSED,
            f"{label}: the jump host does not forward to {where}",
            "On the jump host: sshd's AllowTcpForwarding, PermitOpen, and the key's options in authorized_keys.",
            reason,
        )
    if "refused" in text:
        kind, what = ProblemKind.CONNECTION_REFUSED, "it refused the connection: no SSH server listens there"
    elif "timed out" in text or "timeout" in text:
        kind, what = ProblemKind.TIMED_OUT, "no answer"
    elif "name" in text or "resolve" in text:
        kind, what = ProblemKind.NAME_UNKNOWN, "the jump host does not know the name"
    else:
        kind, what = ProblemKind.UNREACHABLE, "the jump host cannot reach it"
    return fail(kind, f"{label}: {where}: {what}", f"On the jump host: nc -vz {host} {port or 22}", reason)


def behind_jump(label: str, problem: Problem) -> ProblemError:
    """The same problem, told of a node that needs the jump host."""
    text = f"{label}: {problem.summary}"
    return ProblemError(Problem(kind=problem.kind, summary=text, remedy=problem.remedy, detail=problem.detail))


def lost(label: str, reason: str, keepalive_s: float) -> Problem:
    """The connection died; `reason` is asyncssh's, or empty when the console itself dropped it."""
    if not reason:
        what = "the connection was closed"
    elif "keepalive" in reason:
        what = f"no answer for {3 * keepalive_s:g} s; the connection was given up"
    elif reason == "Connection lost":
        what = "the other side closed the connection"
    else:
        what = f"the connection broke: {reason}"
    return Problem(kind=ProblemKind.LINK_LOST, summary=clean(f"{label}: {what}"), detail=clean(reason))
