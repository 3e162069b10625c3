"""Write pocketmatte/zoo/architectures.json (and with --weights fetchable.json) from the networks and files themselves.

Run:  python -m benchmarks.architectures [--weights weights]
``--weights`` is the folder with one exported folder per trained network of the reference zoo; of other folders there
nothing is registered.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import cast

from benchmarks.command import launch
from pocketmatte.export.wrap import count_macs, count_parameters, input_names
from pocketmatte.models import create_model
from pocketmatte.models.portrait_model import PortraitModel
from pocketmatte.spec import sha256_of

ZOO = Path(__file__).parent.parent / "pocketmatte" / "zoo"
SUMMARIES = {
    "mobile-unet-deconv": "MobileNetV2 x0.5, transposed convolutions, concatenated skips",
    "mobile-unet-bilinear": "MobileNetV2 x0.5, convolutions and bilinear resizes, concatenated skips",
    "mobilenetv3-unet": "minimalistic MobileNetV3-small, transposed convolutions, concatenated skips",
    "mobilenetv3-unet-050": "mobilenetv3-unet at width 0.5",
    "mobilenetv3-add": "minimalistic MobileNetV3-small, transition blocks, added skips",
    "prisma-net": "residual separable U-Net with added skips, no batch norm",
    "slim-net": "4x down-sampling at once, dilated bottlenecks, PReLU",
    "portrait-net": "MobileNetV2 x1.0, d-blocks, transposed convolutions, added skips",
    "portrait-net-video": "portrait-net with the previous matte as fourth channel",
    "deeplab-mnv2": "MobileNetV2 x0.5 at output stride 8, image pooling",
    "sinet": "spatial-squeeze modules, information-blocking decoder",
}


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    cards = []
    for name, summary in SUMMARIES.items():
        network = cast(PortraitModel, create_model(name))
        size = network.size
        card = {"name": name, "summary": summary, "parameters": count_parameters(network)}
        card |= {"macs": count_macs(network, (size, size)), "input": [size, size, 2 + len(input_names(network))]}
        cards.append({**card, "config": f"configs/{name}.yaml"})
    (ZOO / "architectures.json").write_text(json.dumps(cards, indent=1) + "\n")
    if options.weights:
        entries = {}
        for name in SUMMARIES:
            files = sorted(p for p in (options.weights / name).glob("*") if p.is_file() and p.suffix != ".pt")
            if files:
                entries[name] = [{"name": p.name, "sha256": sha256_of(p), "bytes": p.stat().st_size} for p in files]
        (ZOO / "fetchable.json").write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    launch(main)
