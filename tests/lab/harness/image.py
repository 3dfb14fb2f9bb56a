"""The root images of the nodes: one a Debian suite, made once with mmdebstrap and kept in a cache folder."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from . import configurations
from .mirror import debian_mirror
from .plan import OPS_PASSWORD
from .shell import LabError, command

SUITES = ("bullseye", "bookworm", "trixie")
DEFAULT_SUITE = "bookworm"

_PACKAGES = (
    "systemd,systemd-sysv,dbus,keepalived,squid,squidclient,openssh-server,tcpdump,iproute2,iptables,procps,sudo,curl,"
    "bind9-dnsutils,iputils-arping,iputils-ping,rsyslog"
)

# what a container does not need at boot, and timers that would wake up in the middle of a measurement
_MASKED = (
    "systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service systemd-resolved.service "
    "networking.service systemd-network-generator.service systemd-firstboot.service systemd-pstore.service "
    "systemd-timesyncd.service systemd-machine-id-commit.service systemd-update-utmp.service "
    "systemd-update-utmp-runlevel.service sshd-keygen.service ssh.socket apparmor.service "
    "console-getty.service getty@tty1.service getty.target container-getty@.service "
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service "
    "fstrim.timer logrotate.timer man-db.timer systemd-tmpfiles-clean.timer "
    "dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount sys-kernel-debug.mount sys-kernel-tracing.mount"
)


def _customize(suite: str) -> str:
    """The script run inside a fresh root."""
    return f"""
set -eu
for unit in {_MASKED}; do ln -sf /dev/null "/etc/systemd/system/$unit"; done
systemctl enable keepalived.service squid.service ssh.service rsyslog.service >/dev/null 2>&1
useradd --create-home --shell /bin/bash --groups adm ops
useradd --create-home --shell /bin/bash plain
echo 'ops:{OPS_PASSWORD}' | chpasswd
for home in /root /home/ops /home/plain; do mkdir -p "$home/.ssh"; chmod 700 "$home/.ssh"; done
chown -R ops: /home/ops/.ssh; chown -R plain: /home/plain/.ssh
sed -i '/imklog/d' /etc/rsyslog.conf
touch /etc/default/locale
mkdir -p /var/log/journal
# keepalived's first check would now and then come before squid is there, and the pair would start in FAULT for 3 s
mkdir -p /usr/lib/systemd/system/squid.service.d
printf '[Unit]\\nBefore=keepalived.service\\n' > /usr/lib/systemd/system/squid.service.d/lab.conf
cat > {configurations.SQUID_CONF} <<'END'
{configurations.SQUID}END
cat > {configurations.SUDOERS} <<'END'
{configurations.OPS_SUDOERS}END
chmod 440 {configurations.SUDOERS}
cat > {configurations.SSHD_CONF} <<'END'
{configurations.sshd(suite)}END
rm -rf /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id
rm -f /etc/resolv.conf /etc/hostname
cat > /etc/resolv.conf <<'END'
{configurations.RESOLV}END
rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /var/cache/apt/* /var/lib/apt/lists/*
"""


def cache_directory() -> Path:
    """Where root images are kept: $HACONSOLE_LAB_CACHE or the default."""
    return Path(os.environ.get("HACONSOLE_LAB_CACHE") or "/var/cache/haconsole-lab")


def image_path(suite: str) -> Path:
    """Where the image of a suite is, or will be; another recipe gives another folder."""
    recipe = hashlib.sha256("\0".join((_PACKAGES, _customize(suite))).encode()).hexdigest()[:12]
    return cache_directory() / f"{suite}-{recipe}"


def ensure_image(suite: str) -> Path:
    """The root image of a suite, built when the cache has none; two builders at once take turns."""
    if suite not in SUITES:
        raise LabError(f"no recipe for the suite {suite!r}: known are {', '.join(SUITES)}")
    target = image_path(suite)
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _builder_lock(target.with_name(target.name + ".lock")) as lock_fd:
        if not target.is_dir():
            _build(suite, target, lock_fd)
    return target


@contextlib.contextmanager
def _builder_lock(path: Path) -> Iterator[int]:
    with path.open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _build(suite: str, target: Path, lock_fd: int) -> None:
    unfinished = target.with_name(target.name + ".tmp")
    remove_tree(unfinished)
    mirror = debian_mirror()
    base = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={_PACKAGES}", suite, str(unfinished)]
    # the machine's own mirror first, then what mmdebstrap takes by itself
    attempts = [[*base, mirror], base] if mirror else [base]
    problems: list[str] = []
    for argv in attempts:
        try:
            # the builder holds the lock as well: it may outlive a killed owner, and nobody may build beside it
            command(argv, timeout=1200.0, pass_fds=[lock_fd])
            command(["chroot", str(unfinished), "/bin/sh", "-s"], stdin=_customize(suite), timeout=120.0)
        except LabError as problem:
            problems.append(str(problem)[-3000:])
            remove_tree(unfinished)
        except BaseException:
            remove_tree(unfinished)
            raise
        else:
            unfinished.rename(target)
            return
    raise LabError(f"the root image of {suite} could not be built:\n" + "\n".join(problems))


def mounts_under(path: Path) -> list[Path]:
    """Mount points at or below a folder, deepest first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines()]
    decoded = [point.encode().decode("unicode_escape") for point in points]
    prefix = str(path)
    return sorted((Path(p) for p in decoded if p == prefix or p.startswith(prefix + "/")), reverse=True)


def remove_tree(path: Path) -> None:
    """Remove a folder, but never what is mounted in it: mounts are taken away first."""
    for point in mounts_under(path):
        command(["umount", "--lazy", str(point)])
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
