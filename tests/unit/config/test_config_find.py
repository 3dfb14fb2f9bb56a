"""Which file is the configuration."""

import os
import re
import stat
from pathlib import Path

import pytest

from haconsole.config import load as module
from haconsole.config.errors import ConfigError
from haconsole.config.load import find


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The five places in the order of the documentation, none of which exists yet."""
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "SYSTEM_FILE", tmp_path / "etc" / "config.toml")
    return {
        "option": tmp_path / "option.toml",
        "variable": tmp_path / "variable.toml",
        "local": tmp_path / "here" / "haconsole.toml",
        "user": tmp_path / "home" / "haconsole" / "config.toml",
        "system": tmp_path / "etc" / "config.toml",
    }


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o644)
    return path


def test_the_first_place_wins(places: dict[str, Path]) -> None:
    for path in places.values():
        write(path)
    environ = {"HACONSOLE_CONFIG": str(places["variable"])}
    here = places["local"].parent
    assert find(places["option"], environ, here) == places["option"]
    assert find(None, environ, here) == places["variable"]
    assert find(None, {}, here) == places["local"]
    places["local"].unlink()
    assert find(None, {}, here) == places["user"]
    places["user"].unlink()
    assert find(None, {}, here) == places["system"]


def test_an_empty_variable_counts_as_none(places: dict[str, Path]) -> None:
    write(places["local"])
    assert find(None, {"HACONSOLE_CONFIG": ""}, places["local"].parent) == places["local"]


def test_a_named_file_that_is_missing_is_not_replaced_by_another(places: dict[str, Path]) -> None:
    here = write(places["local"]).parent
    with pytest.raises(ConfigError) as caught:
        find(Path("nowhere.toml"), {}, here)
    assert str(caught.value) == (
        f"{here}/nowhere.toml: no such file (named by --config); config.example.toml shows what belongs into it"
    )
    with pytest.raises(ConfigError, match=re.escape("(named by $HACONSOLE_CONFIG)")):
        find(None, {"HACONSOLE_CONFIG": "nowhere.toml"}, here)


def test_named_files_start_in_the_current_folder_or_at_home(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = write(places["local"]).parent
    assert find(Path("haconsole.toml"), {}, here) == places["local"]
    monkeypatch.setenv("HOME", str(here))
    assert find(None, {"HACONSOLE_CONFIG": "~/haconsole.toml"}, Path("/")) == places["local"]


def test_a_relative_folder_keeps_the_name_short(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(places["local"]).parent)
    assert str(find(None, {}, Path())) == "haconsole.toml"


def test_nothing_found_lists_the_places_and_the_next_step(places: dict[str, Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        find(None, {}, places["local"].parent)
    assert str(caught.value) == (
        "no configuration found, looked at: --config, $HACONSOLE_CONFIG, ./haconsole.toml,"
        f" {places['user']}, {places['system']};"
        " `haconsole init` makes one; or copy config.example.toml to ./haconsole.toml and edit it;"
        " `haconsole demo` needs none"
    )


@pytest.mark.parametrize("name", ["~no-such-user-here/x.toml", "a\0b"])
def test_names_that_cannot_be_files_are_missing_files(places: dict[str, Path], name: str) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        find(Path(name), {}, places["local"].parent)


def test_a_dangling_link_is_found_so_that_loading_can_complain(places: dict[str, Path]) -> None:
    write(places["system"])
    places["local"].symlink_to("gone.toml")
    assert find(None, {}, places["local"].parent) == places["local"]


def test_a_place_that_cannot_be_looked_at_is_not_passed_over(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(places["system"])
    lstat = Path.lstat

    def refuse(path: Path) -> os.stat_result:
        if path == places["user"]:
            raise PermissionError(13, "Permission denied")
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", refuse)
    assert find(None, {}, places["local"].parent) == places["user"]


# The current folder may be anybody's, and a configuration can name programs to run (ProxyCommand).


def test_a_local_file_that_everybody_may_change_is_not_used_unasked(places: dict[str, Path]) -> None:
    path = write(places["local"])
    path.chmod(0o666)
    with pytest.raises(ConfigError) as caught:
        find(None, {}, path.parent)
    assert str(caught.value) == (
        f"{path}: can be changed by every user, so it is not used unasked: name it with --config, or chown or chmod it"
    )
    assert find(path, {}, path.parent) == path


def test_a_local_file_of_another_user_is_not_used_unasked(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(places["local"])
    real = path.stat()
    fields = list(real)
    fields[stat.ST_UID] = 12345
    monkeypatch.setattr(Path, "stat", lambda self, **_: os.stat_result(fields))
    with pytest.raises(ConfigError, match="belongs to another user"):
        find(None, {}, path.parent)
