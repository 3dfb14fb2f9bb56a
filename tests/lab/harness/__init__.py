"""The lab's harness: a pair of real proxies in containers, faults to put into it, and its removal."""

from . import faults
from .configurations import ARTICLE, DUAL, LOSSLESS, THREE, Variant, keepalived_conf
from .image import cache_directory, ensure_image
from .lab import Lab, end_on_sigterm, suites_from_environment
from .node import Node
from .plan import IPV6_VIP, OPERATOR_ADDRESS, OPS_PASSWORD, ORIGIN_ADDRESS, ORIGIN_URL, VIPS
from .prerequisites import missing_prerequisites
from .runs import remove_leftovers, run_ids, stop_live_runs
from .shell import LabError, until

__all__ = [
    "ARTICLE",
    "DUAL",
    "IPV6_VIP",
    "LOSSLESS",
    "OPERATOR_ADDRESS",
    "OPS_PASSWORD",
    "ORIGIN_ADDRESS",
    "ORIGIN_URL",
    "THREE",
    "VIPS",
    "Lab",
    "LabError",
    "Node",
    "Variant",
    "cache_directory",
    "end_on_sigterm",
    "ensure_image",
    "faults",
    "keepalived_conf",
    "missing_prerequisites",
    "remove_leftovers",
    "run_ids",
    "stop_live_runs",
    "suites_from_environment",
    "until",
]
