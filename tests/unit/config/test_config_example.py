"""config.example.toml is what operators start from: it loads, and it explains every key."""

import re
from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import BaseModel

from haconsole.config.load import load, parse
from haconsole.config.schema import TABLES
from haconsole.model.spec import ClusterSpec, MaintenanceWindow, NodeSpec, SshSpec, VipSpec

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"


def sections(text: str) -> dict[str, str]:
    """The text below each heading, commented out or not; headings of the same name put together."""
    found: dict[str, str] = {}
    heading = ""
    for line in text.splitlines():
        if match := re.match(r"(?:# )?(\[{1,2}[a-z_.]+\]{1,2})$", line):
            heading = match[1]
        found[heading] = found.get(heading, "") + line + "\n"
    return found


def uncommented(text: str) -> str:
    return re.sub(r"(?m)^# (?=\[{1,2}[a-z_.]+\]{1,2}$|[a-z_]+ = )", "", text)


def test_it_is_the_cluster_of_the_article() -> None:
    ssh = SshSpec(user="ops", sudo=True)
    assert load(EXAMPLE) == (
        ClusterSpec(
            name="proxy",
            dns_name="proxy-serv",
            probe_url="http://203.0.113.80/",
            nodes=(
                NodeSpec(name="proxy-serv01", address="192.168.2.251", ssh=ssh),
                NodeSpec(name="proxy-serv02", address="192.168.2.252", ssh=ssh),
            ),
            vips=(
                VipSpec(address=ip_address("192.168.2.101"), preferred="proxy-serv01"),
                VipSpec(address=ip_address("192.168.2.102"), preferred="proxy-serv02"),
            ),
            windows=(MaintenanceWindow(days=("sat", "sun"), start_min=1320, end_min=240, timezone="Europe/Berlin"),),
        ),
    )


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        (heading, key)
        for heading, model in TABLES.items()
        for key, field in model.model_fields.items()
        if not (isinstance(field.default, BaseModel) or f"[[cluster.{key}]]" in TABLES)
    ],
)
def test_every_key_stands_below_its_heading(heading: str, key: str) -> None:
    assert re.search(rf"(?m)^(# )?{key} = ", sections(EXAMPLE.read_text())[heading])


def test_every_heading_stands_in_it() -> None:
    assert set(TABLES) | {"[cluster.ssh]", "[cluster.node.ssh]"} <= set(sections(EXAMPLE.read_text()))


def test_what_is_commented_out_is_valid_too() -> None:
    (cluster,) = parse(uncommented(EXAMPLE.read_text()), EXAMPLE)
    first, second = (node.ssh for node in cluster.nodes)
    assert (first.user, first.port, first.sudo) == ("root", 22, False)
    assert (second.user, second.port, second.jump) == ("root", 2222, "ops@bastion.example.net")


@pytest.mark.parametrize("heading", ["[[cluster]]", "[cluster.squid]", "[cluster.keepalived]"])
def test_what_is_commented_out_shows_the_default(heading: str) -> None:
    shown = dict(re.findall(r"(?m)^# ([a-z_]+) = (.*)$", sections(EXAMPLE.read_text())[heading]))
    defaults = {key: TABLES[heading].model_fields[key].default for key in shown}
    assert {key: value.strip('"') for key, value in shown.items()} == {
        key: str(value).lower() for key, value in defaults.items()
    }


def test_the_time_limits_of_ssh_are_shown_with_their_defaults() -> None:
    section = sections(EXAMPLE.read_text())["[ssh]"]
    assert "# connect_timeout_s = 5.0\n" in section
    assert "# keepalive_s = 2.0\n" in section
