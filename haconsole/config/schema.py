"""What the TOML file may hold: one pydantic model a table. Unknown keys are refused.

The models mirror the file, key for key; `load` turns them into `model.spec`, which the rest of the
program reads. Rules about one value are in `values`, rules across values in `checks`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from haconsole.config import values

Name = Annotated[str, AfterValidator(values.check_name)]
Host = Annotated[str, AfterValidator(values.check_host)]
DnsName = Annotated[str, AfterValidator(values.check_dns_name)]
Vip = Annotated[str, AfterValidator(values.check_vip)]
Interface = Annotated[str, AfterValidator(values.check_interface)]
InterfaceOrNone = Annotated[str, AfterValidator(values.check_interface_or_none)]
Unit = Annotated[str, AfterValidator(values.check_unit)]
NodePath = Annotated[str, AfterValidator(values.check_node_path)]
LocalPath = Annotated[str, AfterValidator(values.check_local_path)]
User = Annotated[str, AfterValidator(values.check_user)]
Jump = Annotated[str, AfterValidator(values.check_jump)]
Port = Annotated[int, AfterValidator(values.check_port)]
ConnectTimeout = Annotated[float, AfterValidator(values.check_connect_timeout)]
Keepalive = Annotated[float, AfterValidator(values.check_keepalive)]
ProbeUrl = Annotated[str, AfterValidator(values.check_probe_url)]
Day = Annotated[str, AfterValidator(values.check_day)]
Start = Annotated[str, AfterValidator(values.check_start)]
End = Annotated[str, AfterValidator(values.check_end)]
Timezone = Annotated[str, AfterValidator(values.check_timezone)]

LIST = Field(strict=False)
"""Strict mode refuses TOML's lists for tuples; what is in them stays strict."""


class Table(BaseModel):
    """What all tables have in common."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Ssh(Table):
    """`[ssh]`, `[cluster.ssh]`, `[cluster.node.ssh]`: each overrides the keys that it names.

    A text key set to "" goes back to its default.
    """

    user: User = ""
    port: Port | None = None
    identity_file: LocalPath = ""
    known_hosts: LocalPath = ""
    config_file: LocalPath = ""
    jump: Jump = ""
    sudo: bool = False
    connect_timeout_s: ConnectTimeout = 5.0
    keepalive_s: Keepalive = 2.0


class Node(Table):
    """`[[cluster.node]]`."""

    name: Name
    address: Host
    lan_interface: Interface = "eth0"
    public_interface: InterfaceOrNone = "eth1"
    """Empty: this node has only one."""
    ssh: Ssh = Ssh()


class VirtualAddress(Table):
    """`[[cluster.vip]]`."""

    address: Vip
    preferred: str | None = None


class Window(Table):
    """`[[cluster.maintenance_window]]`. `end` not after `start`: it is on the next day."""

    days: Annotated[tuple[Day, ...], LIST, AfterValidator(values.check_days)]
    start: Start
    end: End
    timezone: Timezone


class Squid(Table):
    """`[cluster.squid]`."""

    port: Port = 3128
    service: Unit = "squid"


class Keepalived(Table):
    """`[cluster.keepalived]`."""

    service: Unit = "keepalived"
    config_file: NodePath = "/etc/keepalived/keepalived.conf"
    drain_file: NodePath = "/run/haconsole-drain"


class Cluster(Table):
    """`[[cluster]]`."""

    name: Name
    dns_name: DnsName | None = None
    probe_url: ProbeUrl | None = None
    read_only: bool = False
    ssh: Ssh = Ssh()
    squid: Squid = Squid()
    keepalived: Keepalived = Keepalived()
    maintenance_window: Annotated[tuple[Window, ...], LIST] = ()
    node: Annotated[tuple[Node, ...], LIST]
    vip: Annotated[tuple[VirtualAddress, ...], LIST] = ()


class Document(Table):
    """The whole file."""

    ssh: Ssh = Ssh()
    cluster: Annotated[tuple[Cluster, ...], LIST]


TABLES: dict[str, type[Table]] = {
    "[ssh]": Ssh,
    "[[cluster]]": Cluster,
    "[cluster.squid]": Squid,
    "[cluster.keepalived]": Keepalived,
    "[[cluster.maintenance_window]]": Window,
    "[[cluster.node]]": Node,
    "[[cluster.vip]]": VirtualAddress,
}
"""Each kind of table by its heading in the file."""
