"""Talking to an Android phone through ``adb``. The program belongs to Google's platform tools and is not shipped."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pocketmatte.core import PocketmatteError

PREFIX = "adb:"
_TIMEOUT = 120.0  # seconds; transfers of a few MB and short commands


@dataclass(frozen=True)
class Phone:
    """A connected device by its serial number."""

    adb: str
    serial: str

    def shell(self, command: str, timeout: float = _TIMEOUT) -> str:
        """What ``command`` prints. Raises :class:`PocketmatteError` with its last line when it fails.

        The exit code is printed by the phone's shell, because old versions of adb do not pass it on.
        """
        text = self._adb("shell", f"{command}; echo exit:$?", timeout=timeout)
        body, _, code = text.rstrip().rpartition("exit:")
        if code.strip() != "0":
            said = (body.strip().splitlines() or ["it printed nothing"])[-1]
            raise PocketmatteError(f"on the phone {self.serial}: {command.split()[0]} failed: {said}")
        return body

    def push(self, local: Path, remote: str) -> None:
        """Copy a file to the phone."""
        self._adb("push", str(local), remote)

    def pull(self, remote: str, local: Path) -> None:
        """Copy a file from the phone."""
        self._adb("pull", remote, str(local))

    def name(self) -> str:
        """Maker, model, chip and Android version, as the phone states them."""
        names = ("ro.product.manufacturer", "ro.product.model", "ro.soc.model", "ro.build.version.release")
        maker, model, chip, release = (self.shell(f"getprop {n}").strip() for n in names)
        parts = [f"{maker} {model}".strip(), chip, f"Android {release}" if release else ""]
        return ", ".join(p for p in parts if p) or self.serial

    def _adb(self, *arguments: str, timeout: float = _TIMEOUT) -> str:
        return _run(self.adb, "-s", self.serial, *arguments, timeout=timeout)


def find_phone(device: str) -> Phone:
    """The phone that ``adb:SERIAL`` names; ``adb:`` is the only one connected. Raises :class:`PocketmatteError`."""
    adb = shutil.which("adb")
    if adb is None:
        raise PocketmatteError(
            "adb is not installed: get Android's platform tools (apt-get install adb, or developer.android.com)"
        )
    found: dict[str, str] = {}
    for line in _run(adb, "devices").splitlines()[1:]:
        serial, _, state = line.partition("\t")
        if state:
            found[serial.strip()] = state.strip()
    wanted = device.removeprefix(PREFIX)
    if wanted and wanted not in found:
        raise PocketmatteError(f"no phone {wanted}; connected: {', '.join(found) or 'none'}")
    if not found:
        raise PocketmatteError("no phone is connected: switch on USB debugging and see what `adb devices` says")
    if not wanted and len(found) > 1:
        raise PocketmatteError(f"several phones are connected ({', '.join(found)}): name one as adb:SERIAL")
    serial = wanted or next(iter(found))
    if found[serial] != "device":
        raise PocketmatteError(
            f"phone {serial} is {found[serial]}, expected it ready: unlock it and allow USB debugging"
        )
    return Phone(adb, serial)


def _run(*command: str, timeout: float = _TIMEOUT) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise PocketmatteError(f"adb {command[-1].split(';')[0]} took longer than {timeout:.0f} s; gave up") from error
    if done.returncode != 0:
        said = (f"{done.stdout}\n{done.stderr}".strip().splitlines() or ["no reason given"])[-1]
        raise PocketmatteError(f"{' '.join(command[1:])[:120]}: {said}")
    return done.stdout
