"""A DeepStream graph and the configuration of nvinfer, from ``spec.json``.

    python generate.py two/spec.json --source rtsp://camera/1 --source rtsp://camera/2 --sink egl -o jetson
    sh jetson/run.sh

Not run on a Jetson by the project; see README.md.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from math import ceil, sqrt
from pathlib import Path

from pocketmatte.core import PocketmatteError, Size
from pocketmatte.spec import ModelSpec, WeightFile, read_spec

FORMATS = {"rgb": 0, "bgr": 1}  # model-color-format
PRECISIONS = {"fp32": 0, "fp16": 2}  # network-mode
RAW = "video/x-raw(memory:NVMM),format=NV12"


def check(spec: ModelSpec, sources: int) -> WeightFile:
    """The ONNX file that nvinfer builds its engine from. Raises :class:`PocketmatteError` for what it cannot run."""
    entry = spec.file_for("onnx")
    source = spec.input
    if spec.states:
        raise PocketmatteError(f"{spec.name} carries a memory from frame to frame, which nvinfer does not: use another")
    if source.channels != 3:
        raise PocketmatteError(f"{spec.name} has {source.channels} input channels, nvinfer gives 3: --variant plain")
    if len(set(source.std)) > 1:
        raise PocketmatteError(f"{spec.name} scales its channels differently ({source.std}), nvinfer has one scale")
    if spec.output.kind == "two-logits":
        raise PocketmatteError(f"{spec.name} answers with two logits, nvinfer expects alpha or one logit")
    if source.batch != sources:
        raise PocketmatteError(
            f"{spec.name} was exported for {source.batch} pictures, found {sources} sources: "
            f"pocketmatte export NAME --batch {sources} --to onnx"
        )
    return entry


def nvinfer_config(spec: ModelSpec, entry: WeightFile, precision: str) -> str:
    """What nvinfer reads. It computes ``net-scale-factor * (x - offset)`` with x in 0..255; the spec says
    ``(x / 255 - mean) / std``, which is the same with scale ``1 / (255 std)`` and offset ``255 mean``."""
    source, channels_last = spec.input, entry.layout == "nhwc"
    height, width = source.size
    onnx = spec.path_of(entry).absolute()
    fitted = int(source.resize == "letterbox")
    values = {
        "gpu-id": 0,
        "onnx-file": onnx,
        "model-engine-file": f"{onnx}_b{source.batch}_gpu0_{precision}.engine",
        "batch-size": source.batch,
        "network-mode": PRECISIONS[precision],
        "network-type": 2,  # segmentation
        "process-mode": 1,  # whole frames
        "gie-unique-id": 1,
        "interval": 0,
        "net-scale-factor": f"{1 / (255 * source.std[0]):.10f}",
        "offsets": ";".join(f"{255 * mean:.6f}" for mean in source.mean),
        "model-color-format": FORMATS[source.color],
        "network-input-order": int(channels_last),
        "infer-dims": f"{height};{width};3" if channels_last else f"3;{height};{width}",
        "maintain-aspect-ratio": fitted,
        "symmetric-padding": fitted,
        "output-blob-names": spec.output.name,
        "segmentation-output-order": int(channels_last),
        "num-detected-classes": 1,
        "segmentation-threshold": 0.5 if spec.output.kind == "alpha" else 0.0,  # a logit of 0 is an alpha of 0.5
    }
    return "[property]\n" + "".join(f"{key}={value}\n" for key, value in values.items())


def sink_graph(sink: str) -> str:
    """The end of the graph: ``egl`` is a window on a Jetson, ``rtsp://...`` a server that takes streams."""
    if sink == "egl":
        return "nvegltransform ! nveglglessink sync=false"
    if sink.startswith("rtsp://"):
        encoder = "nvv4l2h264enc bitrate=4000000 insert-sps-pps=true idrinterval=50"
        return f'nvvideoconvert ! {RAW} ! {encoder} ! h264parse ! rtspclientsink location="{sink}" protocols=tcp'
    raise PocketmatteError(f"{sink}: expected egl or rtsp://HOST/PATH")


def graph(config: Path, sources: list[str], sink: str, size: Size) -> str:
    """The graph for ``gst-launch-1.0``. ``size`` is that of one tile; the batch is the number of sources."""
    count = len(sources)
    columns = ceil(sqrt(count))
    rows = ceil(count / columns)
    picture = f"width={size.width} height={size.height}"
    live = int(any(source.startswith(("rtsp://", "rtmp://")) for source in sources))
    parts = [
        f"nvstreammux name=mux batch-size={count} {picture} live-source={live} batched-push-timeout=40000",
        f'nvinfer config-file-path="{config}" batch-size={count}',
        f"nvsegvisual batch-size={count} {picture} original-background=1 alpha=0.5",
        f"nvmultistreamtiler rows={rows} columns={columns} width={columns * size.width} height={rows * size.height}",
        sink_graph(sink),
    ]
    lines = [" !\n  ".join(parts)]
    for number, source in enumerate(sources):
        uri = source if "://" in source else Path(source).absolute().as_uri()
        lines.append(f'uridecodebin uri="{uri}" ! queue ! nvvideoconvert ! {RAW} ! mux.sink_{number}')
    return "\n".join(lines) + "\n"


def generate(spec_path: Path, sources: list[str], sink: str, out: Path, size: Size, precision: str) -> None:
    """Write ``nvinfer.txt``, ``graph.txt`` and ``run.sh`` into the folder ``out``."""
    spec = read_spec(spec_path)
    entry = check(spec, len(sources))
    out.mkdir(parents=True, exist_ok=True)
    config = (out / "nvinfer.txt").absolute()
    text = graph(config, sources, sink, size)
    config.write_text(nvinfer_config(spec, entry, precision))
    (out / "graph.txt").write_text(text)
    words = shlex.split(text)  # gst-launch takes the words; the shell must see the brackets in quotes
    (out / "run.sh").write_text("#!/bin/sh\nexec gst-launch-1.0 -e " + shlex.join(words) + "\n")


def main() -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=Path, help="spec.json of an export with --batch N --to onnx")
    parser.add_argument("--source", action="append", required=True, help="file or address; repeatable")
    parser.add_argument("--sink", default="egl", help="egl, or rtsp://HOST/PATH of a server that takes streams")
    parser.add_argument("--size", default="720x1280", help="HEIGHTxWIDTH of one tile")
    parser.add_argument("--precision", choices=sorted(PRECISIONS), default="fp16")
    parser.add_argument("-o", "--output", type=Path, default=Path("deepstream"))
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    try:
        generate(options.spec, options.source, options.sink, options.output, Size(height, width), options.precision)
    except PocketmatteError as error:
        print(f"generate: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
