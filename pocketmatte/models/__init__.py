"""Network architectures (needs torch). Every file registers its constructors; the import lines below fill the registry."""

from pocketmatte.models import matte_unet as _matte_unet
from pocketmatte.models.registry import create_model, list_architectures, register

__all__ = ["create_model", "list_architectures", "register"]
_ = _matte_unet
