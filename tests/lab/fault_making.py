"""Ways to make faults that the harness does not have: each goes away by itself at its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.lab.harness import ARTICLE, Lab, Node, Variant, faults, keepalived_conf
from tests.lab.harness.configurations import KEEPALIVED_CONF, SQUID

ONE, TWO = "proxy-serv01", "proxy-serv02"
VIP1, VIP2 = "192.168.2.101", "192.168.2.102"
CHECK = "/usr/local/bin/check-squid"
Making = Callable[[Lab], contextlib.AbstractContextManager[object]]


def one(lab: Lab) -> Node:
    return lab.nodes[ONE]


def two(lab: Lab) -> Node:
    return lab.nodes[TWO]


@contextlib.contextmanager
def reloaded(node: Node, text: str) -> Iterator[None]:
    """Another keepalived.conf, in force by a reload, and the old one in the same way."""
    before = node.read(KEEPALIVED_CONF)
    node.write(KEEPALIVED_CONF, text)
    node.systemctl("reload", "keepalived", check=False)  # systemd's word on a file that is not accepted
    try:
        yield
    finally:
        node.write(KEEPALIVED_CONF, before)
        if node.is_active("keepalived"):
            node.systemctl("reload", "keepalived")
        else:
            node.start("keepalived")
        node.exec("touch", "-d", "2020-01-01", KEEPALIVED_CONF)  # for `heal`: the daemon has it


def edited(lab: Lab, node: Node, variant: Variant, old: str, new: str, count: int = 1) -> str:
    """The node's keepalived.conf of a variant with one change."""
    text = keepalived_conf(node.plan, lab.plans, variant)
    assert old in text, text
    return text.replace(old, new, count)


def on_one(old: str, new: str, variant: Variant = ARTICLE) -> Making:
    return lambda lab: reloaded(one(lab), edited(lab, one(lab), variant, old, new))


def on_two(old: str, new: str, variant: Variant = ARTICLE) -> Making:
    return lambda lab: reloaded(two(lab), edited(lab, two(lab), variant, old, new))


@contextlib.contextmanager
def own_check(lab: Lab) -> Iterator[None]:
    """The check of proxy-serv01 is a script of its own: an operator's, that asks squid in the end."""
    node = one(lab)
    node.write(CHECK, "#!/bin/sh\n[ -e /run/check-slow ] && sleep 60\nexec /usr/sbin/squid -k check\n", 0o755)
    text = edited(lab, node, ARTICLE, 'script "/usr/sbin/squid -k check"', f'script "{CHECK}"\n  timeout 2')
    with reloaded(node, text):
        yield
    node.exec("rm", "-f", CHECK)


@contextlib.contextmanager
def mode(node: Node, path: str, bits: str) -> Iterator[None]:
    before = node.exec("stat", "-c", "%a", path).stdout.strip()
    node.exec("chmod", bits, path)
    try:
        yield
    finally:
        node.exec("chmod", before, path)


@contextlib.contextmanager
def check_disabled(lab: Lab) -> Iterator[None]:
    """keepalived reads its configuration while the script may not be run; it is mended with the next reload."""
    node = one(lab)
    node.exec("chmod", "644", CHECK)
    node.systemctl("reload", "keepalived")
    try:
        yield
    finally:
        node.exec("chmod", "755", CHECK)
        node.systemctl("reload", "keepalived")


@contextlib.contextmanager
def check_hangs(lab: Lab) -> Iterator[None]:
    one(lab).exec("touch", "/run/check-slow")
    try:
        yield
    finally:
        one(lab).exec("rm", "-f", "/run/check-slow")


@contextlib.contextmanager
def check_flaps(lab: Lab) -> Iterator[None]:
    """The check fails three times and is well in between."""
    node = one(lab)
    script = f"for n in 1 2 3; do chmod 644 {CHECK}; sleep 4; chmod 755 {CHECK}; sleep 4; done"
    node.sh(
        script.replace(f"chmod 644 {CHECK}", f"sed -i 's/^exec.*/exit 1/' {CHECK}").replace(
            f"chmod 755 {CHECK}", f"sed -i 's/^exit 1/exec \\/usr\\/sbin\\/squid -k check/' {CHECK}"
        ),
        timeout=60,
    )
    yield


@contextlib.contextmanager
def link_flaps(lab: Lab) -> Iterator[None]:
    """The public link goes and comes three times."""
    for _ in range(3):
        with faults.cable_cut(lab, one(lab), "eth1"):
            one(lab).exec("sleep", "1.2")
        one(lab).exec("sleep", "1.2")
    yield


@contextlib.contextmanager
def disk_full(lab: Lab) -> Iterator[None]:
    """squid's log folder is a small file system, and somebody fills it."""
    node = one(lab)
    node.sh("mount -t tmpfs -o size=2M tmpfs /var/spool/squid && head -c 4M /dev/zero > /var/spool/squid/core || true")
    try:
        yield
    finally:
        node.exec("umount", "--lazy", "/var/spool/squid")


@contextlib.contextmanager
def clock_ahead(lab: Lab) -> Iterator[None]:
    """The clock of one node, as every program there reads it, is three seconds ahead."""
    node = two(lab)
    with node.shadow("/usr/bin/date", 'exec @REAL@ -d "+3 seconds" "$@"'):
        yield


@contextlib.contextmanager
def disabled_at_boot(lab: Lab) -> Iterator[None]:
    two(lab).systemctl("disable", "keepalived")
    try:
        yield
    finally:
        two(lab).systemctl("enable", "keepalived")


@contextlib.contextmanager
def worker_killed(lab: Lab) -> Iterator[None]:
    """The kernel kills squid's worker, as without memory; its parent starts another."""
    node = two(lab)
    workers = node.exec("pgrep", "-f", r"\(squid-1\)").stdout.split()
    assert len(workers) == 1, workers
    node.exec("kill", "-9", *workers)
    yield


@contextlib.contextmanager
def broken_reload(lab: Lab) -> Iterator[None]:
    """An instance without a number, and a bracket missing: keepalived ends at the reload and leaves its VIP."""
    node = one(lab)
    text = keepalived_conf(node.plan, lab.plans) + "vrrp_instance broken {\n  interface eth0\n"
    with reloaded(node, text):
        yield


@contextlib.contextmanager
def squid_conf_broken_on_both(lab: Lab) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for node in lab.nodes.values():
            stack.enter_context(
                faults.file_replaced(node, "/etc/squid/squid.conf", SQUID + "no_such_directive on\nacl x\n")
            )
        yield


def squid_on_one_address(lab: Lab) -> contextlib.AbstractContextManager[None]:
    return faults.squid_configured(two(lab), SQUID.replace("http_port 0.0.0.0:", f"http_port {VIP2}:"))


@contextlib.contextmanager
def drained(lab: Lab) -> Iterator[None]:
    one(lab).sh("echo -200 > /run/haconsole-drain")
    try:
        yield
    finally:
        one(lab).sh("echo 0 > /run/haconsole-drain")


@contextlib.contextmanager
def squid_down_with_a_small_weight(lab: Lab) -> Iterator[None]:
    with faults.unit_stopped(one(lab), "squid"):
        yield


@contextlib.contextmanager
def small_weight(lab: Lab) -> Iterator[None]:
    """254 and 100, and a check that costs 20."""
    variant = replace(ARTICLE, high_priority=254)
    with contextlib.ExitStack() as stack:
        for node in lab.nodes.values():
            stack.enter_context(
                reloaded(node, edited(lab, node, variant, "interval 3\n", "interval 3\n  weight -20\n"))
            )
        yield


@contextlib.contextmanager
def passwords(lab: Lab) -> Iterator[None]:
    """Both nodes authenticate, with the same password."""
    with contextlib.ExitStack() as stack:
        for node in lab.nodes.values():
            text = keepalived_conf(node.plan, lab.plans, replace(ARTICLE, auth_pass="one"))
            stack.enter_context(reloaded(node, text))
        yield


def lossless(lab: Lab) -> contextlib.AbstractContextManager[None]:
    return faults.lossless(lab)
