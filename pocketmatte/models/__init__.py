"""Network architectures (needs torch). The import lines below fill the registry."""

from pocketmatte.models import tiers as _tiers
from pocketmatte.models.output import TrainOutput
from pocketmatte.models.registry import create_model, list_architectures, register

__all__ = ["TrainOutput", "create_model", "list_architectures", "register"]
_ = _tiers
