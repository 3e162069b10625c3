"""Coral Edge TPU: an int8 .tflite, compiled where ``edgetpu_compiler`` is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from pocketmatte.core import PocketmatteError

COMPILER = "edgetpu_compiler"


def compile_for_edgetpu(path: Path) -> Path | None:
    """Compile the int8 ``X.tflite`` to ``X_edgetpu.tflite`` beside it; ``None`` when the compiler is not on PATH.

    Raises :class:`PocketmatteError` with the compiler's last words when it refuses the file.
    """
    program = shutil.which(COMPILER)
    if program is None:
        return None
    done = subprocess.run(
        [program, "--show_operations", "--out_dir", str(path.parent), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    made = path.with_name(f"{path.stem}_edgetpu.tflite")
    if done.returncode or not made.is_file():
        words = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise PocketmatteError(
            f"{COMPILER} refuses {path.name}: {words[-1] if words else f'exit code {done.returncode}'}"
        )
    return made
