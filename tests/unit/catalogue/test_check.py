"""The entries of `haconsole check`, run here as on a node."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from haconsole.catalogue import check, script
from haconsole.catalogue.command import CommandSpec, Names
from haconsole.model.readings import Rights
from haconsole.parse.check import parse_hashes, parse_stat

SALT = "5a" * 32


def run(spec: CommandSpec, file: Path) -> script.Output:
    command = script.batch([spec], Names(config_file=str(file)), Rights.ROOT)
    done = subprocess.run(command, shell=True, input=b"abc\n", capture_output=True, check=False)
    return script.outputs("abc", done.stdout, [spec])[spec.id]


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("  auth_pass s3cret", "s3cret"),
        ("\tauth_pass   s3cret ! a comment", "s3cret"),
        ("auth_pass s3cret more", "s3cret"),
        ('auth_pass "a b c d e f"', "a b c d "),
        ("auth_pass 123456789", "12345678"),
        ("auth_pass it's$(id)`id`\\n", "it's$(id"),
    ],
)
def test_a_password_leaves_its_node_as_a_salted_hash_of_what_keepalived_takes(
    tmp_path: Path, line: str, counts: str
) -> None:
    file = tmp_path / "keepalived.conf"
    file.write_text(f"vrrp_instance a {{\n authentication {{\n{line}\n }}\n}}\n")
    output = run(check.hashes(SALT), file)
    assert parse_hashes(output.stdout.decode()) == {3: hashlib.sha256((SALT + counts).encode()).hexdigest()}
    assert counts not in output.stdout.decode()


def test_files_are_there_or_surely_not(tmp_path: Path) -> None:
    there, link, missing = tmp_path / "a", tmp_path / "link", tmp_path / "b"
    there.write_text("")
    there.chmod(0o750)
    link.symlink_to(there)
    paths = [str(p) for p in (there, link, missing, there / "under-a-file", tmp_path)]
    output = run(check.stat(paths), there)
    found = parse_stat(output.stdout.decode(), output.stderr, paths)
    assert found[str(missing)] is None
    assert found[str(there / "under-a-file")] is None
    assert (found[str(there)].mode, found[str(link)].mode) == (0o100750, 0o100750)  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["", "relative", "/a b", "/a'", "/$(id)", "/a\n/b", "/" + "a" * 500])
def test_other_names_are_not_asked_for(path: str) -> None:
    with pytest.raises(ValueError, match="no names"):
        check.stat([path])


def test_no_salt_no_hash() -> None:
    with pytest.raises(ValueError, match="no salt"):
        check.hashes("'; id")
