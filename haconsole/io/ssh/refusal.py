"""Why a connect failed after the node was reached: from asyncssh's exception to a problem."""

from __future__ import annotations

import shlex
import socket

import asyncssh

from haconsole.io.ssh import problems, trust
from haconsole.io.ssh.client import Client
from haconsole.io.ssh.keys import Offer
from haconsole.io.ssh.settings import Target
from haconsole.model.problems import ProblemError, ProblemKind
from haconsole.model.record import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed connect and all that is known of it."""

    target: Target
    trust: trust.Trust
    client: Client
    offer: Offer
    error: Exception

    @property
    def may_be_changed_key(self) -> bool:
        """The node has no host key of a known type: a changed key, for which sshd just hangs up."""
        broke = isinstance(self.error, asyncssh.ConnectionLost | asyncssh.KeyExchangeFailed | OSError)
        host = self.target.options.host_key_alias or self.target.host
        return broke and self.client.phase == "kex" and self.trust.knows(host, self.client.peer, self.target.port)

    def explain(self, *, lost_jump: bool) -> ProblemError:
        """The problem. `lost_jump`: the jump host's connection died meanwhile."""
        target, error = self.target, self.error
        reason = str(error) or type(error).__name__
        if lost_jump:
            return problems.fail(
                ProblemKind.LINK_LOST, f"{target.label}: the jump host's connection was lost", None, reason
            )
        if isinstance(error, asyncssh.HostKeyNotVerifiable) or self.client.offered is not None:
            return trust.refuse(target, self.trust, self.client.offered, reason)
        if isinstance(error, asyncssh.PermissionDenied) or "authentication failures" in reason:
            return self._login_refused(reason)
        return self._not_reached(reason) if self.client.connection is None else self._broken_off(reason)

    def _not_reached(self, reason: str) -> ProblemError:
        """No connection came about: only asyncssh's own dialling (jump, ProxyCommand) gets here."""
        target, error = self.target, self.error
        if isinstance(error, asyncssh.ChannelOpenError):
            return problems.through_jump(target.label, *target.said, error.code, error.reason)
        if isinstance(error, socket.gaierror):
            return problems.name_unknown(target.label, target.host, error)
        if isinstance(error, OSError):
            return problems.cannot_connect(target.label, *target.said, error)
        return problems.ssh_config(target.label, reason)

    def _broken_off(self, reason: str) -> ProblemError:
        """The connection ended in the middle."""
        target = self.target
        closed = isinstance(self.error, asyncssh.ConnectionLost | OSError)
        if closed or (self.client.logging_in and isinstance(self.error, asyncssh.DisconnectError)):
            return problems.closed_early(target.label, *target.said, self.client.phase, reason)
        return problems.not_ssh(target.label, *target.said, reason)

    def _login_refused(self, reason: str) -> ProblemError:
        target, offer = self.target, self.offer
        who = f"{target.user} at {problems.host_port(*target.said)}"
        tried = [*offer.tried, *self.client.answered]
        detail = f"tried: {'; '.join(tried) or 'nothing'}"
        if offer.skipped:
            detail += f". Not usable: {'; '.join(offer.skipped)}"
        if self.client.methods:
            detail += f". The node accepts: {', '.join(self.client.methods)}"
        if self.client.banner:
            detail += f". It says: {self.client.banner}"
        if offer.still_locked:
            path, why = offer.still_locked[0]
            return problems.fail(
                ProblemKind.KEY_UNUSABLE,
                f"{target.label}: no login as {who}: the key {path} cannot be used: {why}",
                f"Put it into the agent: ssh-add {shlex.quote(str(path))}",
                detail,
            )
        what = f"{len(tried)} tried" if tried else "there was nothing to try"
        return problems.fail(
            ProblemKind.LOGIN_REFUSED,
            f"{target.label}: login refused as {who} ({what})",
            self._login_remedy(reason),
            f"{detail}. {reason}",
        )

    def _login_remedy(self, reason: str) -> str:
        target = self.target
        if "Too many" in reason:
            return (
                "The agent offers more keys than the node allows (MaxAuthTries): name the right one as `identity_file` "
                "in [ssh], or set IdentitiesOnly yes in ~/.ssh/config."
            )
        login = f"-p {target.port} {shlex.quote(f'{target.user}@{target.host}')}"
        file = next(iter(target.identities), None)
        if file is None and not self.offer.tried:
            return f"There is no key: ssh-keygen -t ed25519, then: ssh-copy-id {login}"
        public = "" if file is None else f"-i {shlex.quote(f'{file}.pub')} "
        return f"Is `user` in [ssh] right? Else give the node the key: ssh-copy-id {public}{login}"
