"""keepalived.conf of a simulated node: the article's, or one with the drain file."""

from __future__ import annotations

from haconsole.demo.keepalived import DRAIN, LAN, PUBLIC
from haconsole.demo.plan import DRAIN_FILE, SCRIPT, ClusterPlan, InstancePlan, NodePlan

_SCRIPT = """\
vrrp_script {name} {{
    script "/usr/sbin/squid -k check"
    interval {interval}
}}
"""


def keepalived_conf(cluster: ClusterPlan, node: NodePlan) -> str:
    """The text of /etc/keepalived/keepalived.conf on `node`."""
    version = "" if cluster.version == 2 else "    vrrp_version 3\n"
    parts = [
        f"global_defs {{\n    router_id {node.name}\n{version}    script_user root\n    enable_script_security\n}}\n",
        _SCRIPT.format(name=SCRIPT, interval=round(cluster.script_interval_s)),
    ]
    if cluster.drainable:
        parts.append(f'track_file {DRAIN} {{\n    file "{DRAIN_FILE}"\n    weight 1\n    init_file 0\n}}\n')
    parts += [_instance(cluster, node, i) for i in cluster.instances]
    return "\n".join(parts)


def _instance(cluster: ClusterPlan, node: NodePlan, plan: InstancePlan) -> str:
    state = "MASTER" if plan.master == node.name and plan.preempt else "BACKUP"
    lines = [
        f"vrrp_instance {plan.name} {{",
        f"    state {state}",
        f"    interface {LAN}",
        f"    virtual_router_id {plan.vrid}",
        f"    priority {plan.priorities[node.name]}",
        *([f"    advert_int {cluster.interval_s:g}"] if cluster.interval_s != 1 else []),
        *([] if plan.preempt else ["    nopreempt"]),
        "    virtual_ipaddress {",
    ]
    for interface in plan.interfaces:
        label = f" label {LAN}:{plan.vrid}" if interface.version == 4 else ""
        lines.append(f"        {interface} dev {LAN}{label}")
    lines += ["    }", "    track_interface {", f"        {PUBLIC}", "    }"]
    lines += ["    track_script {", f"        {SCRIPT}", "    }"]
    lines += ["    track_file {", f"        {DRAIN}", "    }"] if cluster.drainable else []
    return "\n".join([*lines, "}"]) + "\n"
