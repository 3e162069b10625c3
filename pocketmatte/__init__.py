"""pocketmatte: real-time portrait matting that fits a phone.

>>> import pocketmatte
>>> pocketmatte.cut_out("photo.jpg")  # doctest: +SKIP
PosixPath('photo-cutout.png')
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pocketmatte.apps.api import cut_out
    from pocketmatte.core import Frame, Matte, PocketmatteError
    from pocketmatte.pipeline.pipeline import Pipeline, load
    from pocketmatte.zoo.find import list_models

__version__ = "0.1.0"
__all__ = ["Frame", "Matte", "Pipeline", "PocketmatteError", "cut_out", "list_models", "load"]

# resolved on first use, so that `import pocketmatte` stays instant and pulls in no runtime
_HOMES = {
    "Frame": "pocketmatte.core",
    "Matte": "pocketmatte.core",
    "PocketmatteError": "pocketmatte.core",
    "Pipeline": "pocketmatte.pipeline.pipeline",
    "load": "pocketmatte.pipeline.pipeline",
    "list_models": "pocketmatte.zoo.find",
    "cut_out": "pocketmatte.apps.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pocketmatte' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
