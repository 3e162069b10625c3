"""Options without effect are refused, and messages speak of options."""

from __future__ import annotations

import json

import pytest

from pocketmatte import cut_out
from pocketmatte.apps.wording import for_command_line
from pocketmatte.core import PocketmatteError


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (("--fit", "tile"), "--fit"),
        (("--look", "blur", "--fit", "contain"), "--fit"),
        (("--look", "alpha", "--foreground", "ml"), "--foreground"),
        (("--layout", "side-by-side"), "--layout"),
        (("--temporal", "cuts"), "--temporal"),
    ],
)
def test_run_refuses_options_without_effect(cli, photo, tmp_path, snapshot, given, option):
    before = snapshot(tmp_path)
    answer = cli("run", photo, *given)
    assert answer.code == 1
    assert answer.err.startswith(f"pocketmatte: {option} has no effect here: it goes with ")
    assert snapshot(tmp_path) == before


def test_spelling_out_what_happens_anyway_is_no_mistake(cli, photo):
    assert cli("run", photo, "--fit", "cover", "--layout", "plain", "--temporal", "off").code == 0


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("bench", "base", "--delegate", "gpu"), "--delegate"),
        (("bench", "base", "--profile", "--minutes", "1"), "--minutes"),
        (("bench", "base", "--device", "adb:", "--frame", "64x64"), "--frame"),
        (("models", "--part", "network"), "--part"),
    ],
)
def test_other_verbs_refuse_them_too(cli, arguments, option):
    answer = cli(*arguments)
    assert answer.code == 1
    assert f"{option} has no effect here: it goes with " in answer.err


@pytest.mark.parametrize("address", ["http://example.com/a.jpg", "rtsp://camera:554/live"])
def test_addresses_are_told_from_files(cli, address):
    answer = cli("run", address)
    assert answer.code == 1
    assert answer.err.startswith(f"pocketmatte: {address} is an address, expected a file: download it first")
    assert f"`pocketmatte live --source {address}`" in answer.err
    with pytest.raises(PocketmatteError, match="is an address, expected a file"):
        cut_out(address)


def test_a_missing_file_with_a_colon_is_no_address(cli):
    assert "no such file or folder: a:b.jpg" in cli("run", "a:b.jpg").err


def test_messages_name_options_not_arguments(cli, photo):
    assert for_command_line("use force=True or only_one=True") == "use --force or --only-one"
    assert cli("run", photo).code == 0
    again = cli("run", photo, "--json")
    assert again.code == 1
    assert "replace it with --force" in again.err
    assert "replace it with --force" in json.loads(again.out)["files"][0]["message"]
    assert "=True" not in again.err + again.out


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--max-mb", "0", "--max-mb must be above 0, found 0"),
        ("--max-mpx", "-2", "--max-mpx must be above 0, found -2"),
        ("--timeout", "-1", "--timeout must be above 0, found -1"),
        ("--api-key", "", "--api-key (or POCKETMATTE_API_KEY) is empty"),
    ],
)
def test_the_server_names_its_options(cli, option, value, message):
    answer = cli("serve", option, value)
    assert answer.code == 1
    assert answer.err.startswith(f"pocketmatte: {message}")
