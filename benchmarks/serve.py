"""A server under load: 200 requests of mixed sizes at 16 at a time, then 100 malformed ones; writes results/serve.json.

    python -m benchmarks.serve [--requests 200] [--concurrency 16] [--soak 2000] [--warm-up 7]

The server is a process of its own with default settings. The warm-up sends every size with every look, ``--warm-up``
times in a new order and as many at a time as later: buffers, pools and the allocator grow to what the load needs before
the memory is called warm. ``--soak`` adds requests of the mixed load before the malformed ones; the resident memory is
noted after every hundred requests.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

import pocketmatte
from benchmarks.command import launch
from pocketmatte.bench.rows import commit_of_code

ROOT = Path(__file__).parent.parent
PORTRAIT = Path(pocketmatte.__file__).parent / "assets" / "astronaut.jpg"
SIDES = (160, 320, 512, 720, 1080, 1600, 2160)
LOOKS = ("rgba", "alpha", "blur", "color:#336699")
MALFORMED = 100
ROUTES = {"/v1/cutout": "image", "/v1/matte": "image", "/v1/batch": "images", "/v1.0/removebg": "image_file"}
EVERY = 100  # requests between two looks at the memory
Job = tuple[bytes, str]  # a picture and the look it shall get


def main() -> None:
    """Start a server, load it, write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--soak", type=int, default=0, help="further requests, in hundreds, while memory is watched")
    parser.add_argument("--warm-up", type=int, default=7, help="times every size and look is sent before counting")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "serve.json")
    arguments = parser.parse_args()
    busy = os.getloadavg()[0]
    command = [sys.executable, "-m", "pocketmatte", "serve", "--port", "0", "--workers", str(arguments.workers)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[0]
        try:
            report = measure(address, process.pid, arguments)
        finally:
            process.terminate()
    setting: dict[str, Any] = {
        "date": date.today().isoformat(),
        "version": pocketmatte.__version__,
        "commit": commit_of_code(),
    }
    setting |= {"model": report["after"]["model"], "command": sys.argv[1:]}
    busy_after = round(os.getloadavg()[0], 1)
    report = {**setting, "load_average": round(busy, 1), "load_average_after": busy_after, **report}
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def measure(address: str, pid: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of one server."""
    pictures = [_picture(side) for side in SIDES]
    limits = httpx.Limits(max_connections=arguments.concurrency)
    with httpx.Client(base_url=address, timeout=120, limits=limits) as client:
        warm = load(client, every_job(pictures, arguments.warm_up), arguments.concurrency)
        sent, series = 0, [{"after": "warm", "requests": 0, "mib": _rss(pid)}]

        def note(after: str, count: int) -> None:
            nonlocal sent
            sent += count
            series.append({"after": after, "requests": sent, "mib": _rss(pid)})

        row = load(client, mixed_jobs(pictures, arguments.requests, seed=1), arguments.concurrency)
        note("load", arguments.requests)
        for k in range(arguments.soak // EVERY):
            load(client, mixed_jobs(pictures, EVERY, seed=2 + k), arguments.concurrency)
            note("soak", EVERY)
        bad = malformed(client)
        note("malformed", MALFORMED)
        alive = client.get("/healthz").json()
        count = min(EVERY, arguments.requests)
        load(client, mixed_jobs(pictures, count, seed=1), arguments.concurrency)
        note(f"next {count} good", count)
    return {"warm_up": warm["requests"], "load": row, "rss": series, "malformed": bad, "after": alive}


def every_job(pictures: list[bytes], rounds: int) -> list[Job]:
    """Every picture with every look, ``rounds`` times, each time in another order."""
    rng = random.Random(0)
    jobs = [(picture, look) for picture in pictures for look in LOOKS]
    return [job for _ in range(rounds) for job in rng.sample(jobs, len(jobs))]


def mixed_jobs(pictures: list[bytes], count: int, seed: int) -> list[Job]:
    """``count`` requests by lot."""
    rng = random.Random(seed)
    return [(rng.choice(pictures), rng.choice(LOOKS)) for _ in range(count)]


def load(client: httpx.Client, jobs: list[Job], concurrency: int) -> dict[str, Any]:
    """Send the requests; those told to come back come back, as clients should."""
    statuses: Counter[int] = Counter()

    def ask(job: Job) -> float:
        started = time.perf_counter()
        while True:
            answer = client.post("/v1/cutout", files={"image": job[0]}, data={"look": job[1]})
            statuses[answer.status_code] += 1
            if answer.status_code not in (429, 503):
                return time.perf_counter() - started
            time.sleep(float(answer.headers["retry-after"]) / 4)

    started = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        seconds = sorted(pool.map(ask, jobs))
    return {
        "requests": len(jobs),
        "concurrency": concurrency,
        "statuses": dict(sorted(statuses.items())),
        "per_second": round(len(jobs) / (time.perf_counter() - started), 2),
        "p50_ms": round(1000 * statistics.median(seconds)),
        "p95_ms": round(1000 * seconds[int(0.95 * (len(jobs) - 1))]),
    }


def malformed(client: httpx.Client) -> dict[str, int]:
    """Truncated, mutilated, huge, wrong or inflating bodies, to every route; counts of the statuses they got."""
    rng = random.Random(7)
    whole = PORTRAIT.read_bytes()
    pictures = (None, None, _claiming(100_000, 100_000), _inflating(2**28), _inflating(2**28, b"iCCP"))
    statuses: Counter[str] = Counter()
    for k in range(MALFORMED):
        route, name = list(ROUTES.items())[k % len(ROUTES)]
        kind = k // len(ROUTES) % 7
        body: dict[str, Any]
        if kind == 0:
            body = {"files": {name: whole[: rng.randrange(len(whole) // 2)]}}
        elif kind == 1:
            body = {"files": {name: rng.randbytes(2000)}}
        elif kind < len(pictures):
            body = {"files": {name: pictures[kind]}}
        elif kind == 5:
            body = {"content": b"{}", "headers": {"content-type": "application/json"}}
        else:
            body = {"content": whole[:999], "headers": {"content-type": "multipart/form-data; boundary=z"}}
        statuses[str(client.post(route, **body).status_code)] += 1
    return dict(sorted(statuses.items()))


def _picture(side: int) -> bytes:
    file = BytesIO()
    with Image.open(PORTRAIT) as picture:
        picture.resize((side, side * 3 // 4)).save(file, "JPEG", quality=90)
    return file.getvalue()


def _claiming(width: int, height: int) -> bytes:
    """A small PNG whose header claims another size."""
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def _inflating(size: int, kind: bytes = b"zTXt") -> bytes:
    """A good PNG with a chunk beside its pixels that inflates to ``size`` bytes."""
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    data = file.getvalue()
    body = kind + b"name\0\0" + zlib.compress(bytes(size))
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return data[:33] + chunk + data[33:]  # behind the header


def _rss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("no VmRSS: the benchmark needs Linux")


if __name__ == "__main__":
    launch(main)
