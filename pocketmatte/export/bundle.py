"""One trained network -> a folder with its files, ``spec.json``, golden vectors and certificate, checked before it is
kept.

The folder is what the run side needs and all it needs.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pocketmatte.core import PocketmatteError, Size, UInt8Image
from pocketmatte.export.bounds import HALF_MAX, bounds_for, judge
from pocketmatte.export.candidate import Candidate, TorchSession
from pocketmatte.export.certificate import head, table, verdict
from pocketmatte.export.certify import Reference, compare, largest_activation, refer, summary
from pocketmatte.export.convert import Workshop, source_spec
from pocketmatte.export.coreml_check import MilSession
from pocketmatte.export.describe import draft_spec
from pocketmatte.export.edgetpu import compile_for_edgetpu
from pocketmatte.export.metadata import add_metadata
from pocketmatte.export.pictures import PORTRAIT, load_pictures
from pocketmatte.export.request import TARGETS, Job, Request
from pocketmatte.export.wrap import check_size, for_variant
from pocketmatte.io.images import read_image
from pocketmatte.models.checkpoint import load_weights
from pocketmatte.ops.resize import resize
from pocketmatte.pipeline.golden import write_golden
from pocketmatte.pipeline.tensors import prepare
from pocketmatte.runtime.base import Session, open_session
from pocketmatte.spec import ModelSpec, WeightFile, sha256_of

# largest alpha difference from the golden vector; what is stored in 8 bits is judged by its certificate instead
BOUND = {"fp32": 1e-4, "fp16": 2e-2, "dynamic": 0.3, "int8": 0.3}
MIXES = (0.75, 0.5, 0.25)  # shares of int8's error that mixed precision aims at, one after the other


@dataclass(frozen=True)
class Report:
    """What became of a request: the certificate, and remarks. ``refused`` names each file that was not kept and why."""

    name: str
    certificate: dict[str, Any]
    notes: tuple[str, ...]
    refused: tuple[str, ...]


def write_bundle(weights: Path, out: Path, request: Request, tell: Callable[[str], None] = lambda _: None) -> Report:
    """Export ``weights`` into ``out`` as ``request`` says; ``tell`` hears each step.

    A file that misses a bound is not kept, and the report says why; ``certificate.json`` tells of it all the same.
    Raises :class:`PocketmatteError` when a file exists and the request does not force, or on an impossible request;
    nothing is changed in ``out`` then.
    """
    request.check()
    network, training = load_weights(weights)
    name = training["name"]
    size = request.size or network_size(network)
    check_size(network, size, request.variant)
    for_variant(network, request.variant)
    jobs, notes = request.jobs(name)
    names = [*(job.file for job in jobs), "golden.npz", "spec.json", "certificate.json"]
    if taken := [n for n in names if (out / n).exists() and not request.force]:
        raise PocketmatteError(f"{out} already holds {', '.join(taken)}; choose another folder or add --force")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temporary:
        folder = Path(temporary)
        draft = draft_spec(network, training, size, request)
        shop = Workshop(network, size, request, draft, folder, tell)
        certificate, kept = _certified(shop, jobs, notes)
        refused = tuple(f"{r['file']} {'; '.join(r['reasons'])}" for r in certificate["files"] if r["reasons"])
        made = ["certificate.json", "certificate.txt"]
        (folder / made[0]).write_text(json.dumps(certificate, indent=1) + "\n")
        (folder / made[1]).write_text(table(certificate) + "\n")
        if kept:
            spec = replace(draft, files=tuple(entry for entry, _ in kept), folder=folder)
            (folder / "spec.json").write_text(spec.to_json())
            _write_vectors(network, draft, folder, [entry.precision for entry, _ in kept])
            made += ["spec.json", "golden.npz", *(p.name for _, parts in kept for p in parts)]
        for file in made:
            _put(folder / file, out / file)
    return Report(name, certificate, tuple(notes), refused)


def network_size(network: nn.Module) -> Size:
    """The size of pictures that a network is made for: its ``size``, else 256x256."""
    side = getattr(network, "size", 256)
    return Size(*side) if isinstance(side, Sequence) else Size(int(side), int(side))


def _certified(shop: Workshop, jobs: list[Job], notes: list[str]) -> tuple[dict[str, Any], list[Any]]:
    """Make every file and measure it; the certificate, and the files that kept their bounds with all their parts."""
    network, request, draft = shop.network, shop.request, shop.draft
    source = Candidate(TorchSession(network, shop.size), source_spec(draft))
    shop.tell("source")
    reference = refer(source, load_pictures("certification"), request.steps)
    largest, layer = largest_activation(network, source, reference)
    rows, kept = [], []
    for job in jobs:
        parts = shop.make(job)
        entry, row = _examined(shop, job, parts, reference, largest)
        for share in MIXES if job.precision == "int8" and job.format == "litert" else ():
            if not row["reasons"]:
                break
            layers = shop.mix(job, share)  # before giving up: the layers that lose most stay in float
            entry, row = _examined(shop, job, parts, reference, largest)
            row["kept_in_float"] = layers
        rows.append(row)
        if not row["reasons"]:
            kept.append((entry, parts))
            if job.format == "edgetpu":
                kept += _compiled(parts[0], notes)
    calibration = shop.calibration.describe() if any(j.precision == "int8" for j in jobs) else None
    certificate = {
        **head(draft.name, draft.version, shop.size, reference.pictures.describe(), calibration),
        "batch": request.batch,
        "variant": request.variant,
        "allow_drop": request.allow_drop,
        "half_precision_range": {"largest": round(largest, 2), "layer": layer, "limit": HALF_MAX},
        "source": summary(reference, reference.mattes, reference.scores),
        "files": rows,
    }
    return certificate, kept


def _examined(
    shop: Workshop, job: Job, parts: list[Path], reference: Reference, largest: float
) -> tuple[WeightFile, dict[str, Any]]:
    """The file's entry for the spec and its row of the certificate; a .tflite gets its metadata first."""
    path, draft, request = parts[0], shop.draft, shop.request
    if path.suffix == ".tflite":
        add_metadata(path, draft)
    session, spec = _open(path, job, draft)
    shop.tell(f"certify {job.file}")
    found = compare(Candidate(session, spec), reference)
    placement = session.describe()
    session.close()
    if job.precision == "fp16":
        found["range"] = largest
    tolerant = request.allow_drop if job.precision in ("dynamic", "int8") else None
    reasons, strictly = (judge(found, bounds_for(job.precision, drop)) for drop in (tolerant, None))
    entry = WeightFile(job.file, job.format, sha256_of(path), job.precision, TARGETS[job.format].layout)
    row = {
        "file": job.file,
        "format": job.format,
        "precision": job.precision,
        "bytes": sum(p.stat().st_size for p in _files(parts)),
        "sha256": entry.sha256,
        "computed_by": f"{placement.runtime} {placement.version}",
        "verdict": verdict(reasons, strictly),
        "reasons": reasons,
        **found,
    }
    return entry, row


def _compiled(path: Path, notes: list[str]) -> list[Any]:
    made = compile_for_edgetpu(path)
    if made is None:
        notes.append(f"edgetpu_compiler is not on PATH: {path.name} is ready for it, and runs on a CPU as it is")
        return []
    return [(WeightFile(made.name, "edgetpu", sha256_of(made), "int8", "nhwc"), [made])]


def _open(path: Path, job: Job, draft: ModelSpec) -> tuple[Session, ModelSpec]:
    """What computes the file on this machine, and how pictures are prepared for it."""
    runtime = TARGETS[job.format].checked_by
    if runtime != "coreml-check":
        return open_session(path, runtime), draft
    grey = replace(draft.input, mean=(0.0,) * 3, std=(1 / 255,) * 3)  # the normalisation is part of a Core ML file
    return MilSession(path), replace(draft, input=grey)


def _files(parts: list[Path]) -> list[Path]:
    return [p for part in parts for p in ([part] if part.is_file() else part.rglob("*")) if p.is_file()]


def _put(made: Path, place: Path) -> None:
    """Move a file or folder into place; an old folder steps aside until the new one stands."""
    if not place.is_dir():
        made.replace(place)
        return
    old = place.with_name(f".old-{place.name}")
    shutil.rmtree(old, ignore_errors=True)
    place.rename(old)
    made.rename(place)
    shutil.rmtree(old)


def golden_picture() -> UInt8Image:
    """The sample portrait that ships with the package, uint8 ``[240,320,3]``: like what the network is made for."""
    portrait = read_image(PORTRAIT).image
    return resize(portrait[64:448], Size(240, 320))


def _write_vectors(network: nn.Module, draft: ModelSpec, folder: Path, precisions: list[str]) -> None:
    """The vectors of the network itself, bounded by the roughest file that is not stored in 8 bits."""
    image, single = golden_picture(), source_spec(draft)
    tensor = prepare(image, single, "nhwc").tensor
    with torch.no_grad():
        (alpha,) = Candidate(TorchSession(network, draft.input.size), single).answer([image], [None])
    smooth = [p for p in precisions if p in ("fp32", "fp16")] or precisions
    write_golden(folder / "golden.npz", image, tensor, alpha, max(BOUND[p] for p in smooth))
