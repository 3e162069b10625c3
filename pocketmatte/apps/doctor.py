"""The ``doctor`` verb: what works on this machine, and what to do about what does not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import re
import sys
from dataclasses import asdict

from pocketmatte.apps.doctor_camera import camera_findings
from pocketmatte.apps.findings import Finding, State
from pocketmatte.core import PocketmatteError
from pocketmatte.runtime.base import RUNTIMES, installed
from pocketmatte.spec import ModelSpec, sha256_of
from pocketmatte.zoo.find import list_models

# The extras of pyproject.toml that nothing below speaks of, and what each is for.
EXTRAS = {
    "window": "live pictures in a window",
    "virtual": "a virtual camera for video calls",
    "server": "pocketmatte serve",
    "train": "pocketmatte train, data",
    "export": "pocketmatte export",
}


def examine(as_json: bool) -> int:
    """Print the findings; 0 unless something that is needed is broken."""
    findings = [_platform(), *_runtimes(), *_formats(), *_codecs(), *_extras(), *camera_findings()]
    findings += [_model(spec) for spec in list_models()]
    if as_json:
        print(json.dumps([asdict(f) for f in findings], indent=1))
    else:
        for f in findings:
            print(f"{f.state:8}{f.what}: {f.detail}" + (f"\n        -> {f.advice}" if f.advice else ""))
    return 1 if any(f.state == "broken" for f in findings) else 0


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _platform() -> Finding:
    detail = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    good = sys.version_info >= (3, 11)
    return Finding("platform", "ok" if good else "broken", detail, "" if good else "install Python 3.11 or newer")


def _runtimes() -> list[Finding]:
    findings = []
    for entry in RUNTIMES.values():
        if not installed(entry):
            state: State = "broken" if entry.name == "litert" else "missing"
            findings.append(Finding(f"runtime {entry.name}", state, "not installed", entry.install))
            continue
        version = _version(entry.package.replace("_", "-")) or "unknown version"
        remark = " (this project had no such hardware to run it on)" if entry.untested else ""
        findings.append(Finding(f"runtime {entry.name}", "ok", version + remark))
    if _version("onnxruntime") and _version("onnxruntime-gpu"):
        findings.append(
            Finding(
                "onnxruntime packages",
                "broken",
                "onnxruntime and onnxruntime-gpu are both installed and overwrite each other",
                "pip uninstall onnxruntime onnxruntime-gpu, then install the one you want",
            )
        )
    ort = _version("onnxruntime") or ""
    if platform.machine().lower() in ("aarch64", "arm64") and ort.startswith(("1.24.", "1.25.", "1.26.")):
        findings.append(
            Finding(
                "onnxruntime on ARM", "broken", f"{ort} leaks memory on every new frame", "pip install -U onnxruntime"
            )
        )
    return findings


def _formats() -> list[Finding]:
    from PIL import features

    heic = importlib.util.find_spec("pillow_heif") is not None
    return [
        Finding(
            "HEIC photos",
            "ok" if heic else "missing",
            "pillow-heif" if heic else "cannot be read",
            "" if heic else "pip install 'pocketmatte[heic]'",
        ),
        Finding(
            "AVIF photos",
            "ok" if features.check("avif") else "missing",
            "Pillow" if features.check("avif") else "this Pillow was built without AVIF",
        ),
    ]


def _codecs() -> list[Finding]:
    import av

    wanted = {"libx264": "MP4 video", "libvpx-vp9": "transparent WebM", "prores_ks": "transparent MOV"}
    findings = []
    for codec, use in wanted.items():
        good = codec in av.codecs_available
        findings.append(
            Finding(
                use,
                "ok" if good else "missing",
                f"PyAV {av.__version__} with{'' if good else 'out'} {codec}",
                "" if good else "pip install --force-reinstall av",
            )
        )
    return findings


def _extras() -> list[Finding]:
    """Whether the packages of each extra are there, as the installed package's own description lists them."""
    wanted: dict[str, list[str]] = {name: [] for name in EXTRAS}
    try:
        requirements = importlib.metadata.requires("pocketmatte") or []
    except importlib.metadata.PackageNotFoundError:  # a bare copy of the sources says nothing of extras
        return []
    for requirement in requirements:
        package, extra = re.match(r"[\w.-]+", requirement), re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if package and extra and extra[1] in wanted:
            wanted[extra[1]].append(package[0])
    return [extra_finding(name, packages) for name, packages in wanted.items()]


def extra_finding(name: str, packages: list[str]) -> Finding:
    """The row of the extra ``name``, which consists of ``packages``."""
    versions = {package: _version(package) for package in packages}
    absent = [package for package, version in versions.items() if version is None]
    what, advice = f"extra {name} ({EXTRAS[name]})", f"pip install 'pocketmatte[{name}]'"
    if not packages:
        return Finding(what, "missing", "the pocketmatte that is installed has no such extra", advice)
    if absent:
        return Finding(what, "missing", f"not installed: {', '.join(absent)}", advice)
    return Finding(what, "ok", ", ".join(f"{package} {version}" for package, version in versions.items()))


def _model(spec: ModelSpec) -> Finding:
    """The file is the one described, loads, and repeats its golden vector."""
    from pocketmatte.pipeline.golden import check_golden
    from pocketmatte.pipeline.pipeline import load

    name = f"model {spec.name}"
    try:
        for entry in spec.files:
            if sha256_of(spec.path_of(entry)) != entry.sha256:
                return Finding(name, "broken", f"{entry.file} is not the file described", "reinstall pocketmatte")
        with load(spec.name) as pipeline:
            worst, bound = check_golden(pipeline)
            placement = pipeline.session.describe()
    except (PocketmatteError, OSError) as error:
        return Finding(name, "broken", str(error), "reinstall pocketmatte")
    state: State = "ok" if worst <= bound else "broken"
    return Finding(
        name,
        state,
        f"{placement.runtime} on {placement.device}, {placement.nodes}; off its golden vector by {worst:.1e}",
    )
