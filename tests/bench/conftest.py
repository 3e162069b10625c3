"""A pretended ``adb``: a real program on PATH that keeps a phone's files in a folder and answers like Google's tool."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_ADB = """#!{python}
import json, os, re, shutil, sys
from pathlib import Path

root = Path({root!r})
state = json.loads((root / "state.json").read_text())
arguments = sys.argv[1:]
with (root / "calls.txt").open("a") as file:
    file.write(" ".join(arguments) + "\\n")


def local(path):
    return root / "files" / path.lstrip("/")


if arguments == ["devices"]:
    print("List of devices attached")
    for serial, how in state["devices"].items():
        print(f"{{serial}}\\t{{how}}")
    print()
    sys.exit(0)
assert arguments[0] == "-s" and state["devices"][arguments[1]] == "device", arguments
verb, *rest = arguments[2:]
if verb == "push":
    local(rest[1]).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(rest[0], local(rest[1]))
    print(f"{{rest[0]}}: 1 file pushed")
elif verb == "pull":
    if not local(rest[0]).exists():
        sys.exit(f"adb: error: failed to stat remote object '{{rest[0]}}': No such file or directory")
    shutil.copy(local(rest[0]), rest[1])
elif verb == "shell":
    command = rest[0].removesuffix("; echo exit:$?")
    code = 0
    words = command.split()
    if words[0] == "getprop":
        print(state["props"].get(words[1], ""))
    elif words[0] == "chmod":
        code = 0 if local(words[2]).exists() else 1
        if code:
            print(f"chmod: {{words[2]}}: No such file or directory")
    elif words[0] == "rm":
        for path in words[2:]:
            local(path).unlink(missing_ok=True)
    else:
        assert local(words[0]).exists(), words[0]
        graph = re.search(r"--graph=(\\S+)", command)[1]
        assert local(graph).exists(), graph
        answers = state["answers"]
        number = state["asked"]
        state["asked"] = number + 1
        (root / "state.json").write_text(json.dumps(state))
        answer = answers[min(number, len(answers) - 1)]
        code = answer["code"]
        local(re.search(r"> (\\S+) 2>&1", command)[1]).write_text(answer["log"])
    print(f"exit:{{code}}")
else:
    sys.exit(f"adb: unknown command {{verb}}")
"""


def log(average: int = 14575, deviation: int = 90, percentiles: bool = True) -> str:
    """What ``benchmark_model`` prints, times in microseconds."""
    late = f" p5={average - 50} median={average - 10} p95={average + 200}" if percentiles else ""
    return f"""INFO: STARTING!
INFO: Loaded model
INFO: Running benchmark for at least 5 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=35 first=18535 curr=14000 min=13900 max=18535 avg=14462.3 std=700

INFO: Running benchmark for at least 60 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=69 first=14500 curr=14510 min={average - 100} max={average + 400} avg={average} std={deviation}{late}

INFO: Inference timings in us: Init: 5685, First inference: 18535, Warmup (avg): 14462.3, Inference (avg): {average}
INFO: Memory footprint delta from the start of the tool (MB): init=3.1 overall=11.4
"""


class FakePhone:
    """The pretended phone: what it was asked, what it holds, what it will answer."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.answer(log())

    def answer(self, *logs: str, code: int = 0, devices: dict[str, str] | None = None) -> None:
        """Answer the calls of the tool with these logs, the last one again and again."""
        import json

        state = {
            "devices": {"R5CT": "device"} if devices is None else devices,
            "props": {"ro.product.manufacturer": "Acme", "ro.product.model": "One", "ro.build.version.release": "15"},
            "answers": [{"log": text, "code": code} for text in logs],
            "asked": 0,
        }
        (self.root / "state.json").write_text(json.dumps(state))

    @property
    def calls(self) -> list[str]:
        """Every command line adb was called with."""
        return (self.root / "calls.txt").read_text().splitlines()

    @property
    def runs(self) -> list[str]:
        """Those that ran the tool."""
        return [c for c in self.calls if "--graph=" in c]

    def holds(self, path: str) -> bool:
        """Whether a file lies on the phone."""
        return (self.root / "files" / path.lstrip("/")).exists()


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePhone:
    """A pretended phone with ``benchmark_model`` on it, and ``adb`` on PATH."""
    root, folder = tmp_path / "phone", tmp_path / "bin"
    (root / "files/data/local/tmp").mkdir(parents=True)
    (root / "files/data/local/tmp/benchmark_model").write_text("tool")
    folder.mkdir()
    program = folder / "adb"
    program.write_text(_ADB.format(python=sys.executable, root=str(root)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return FakePhone(root)
