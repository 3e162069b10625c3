"""The figures of docs/export.md are those of the certificates, and no shipped certificate needed an exception."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CERTIFICATES = sorted((ROOT / "results" / "certificates").glob("*.json"))


def test_page_comes_from_the_certificates():
    command = [sys.executable, "-m", "benchmarks.certificate_tables", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_shipped_certificates_allow_nothing_and_give_reasons():
    assert CERTIFICATES
    for path in CERTIFICATES:
        certificate = json.loads(path.read_text())
        assert certificate["allow_drop"] is None, path.name
        assert certificate["pictures"]["set"].startswith("held-out-"), path.name
        for row in certificate["files"]:
            assert row["verdict"] == ("refused" if row["reasons"] else "passed"), row["file"]
