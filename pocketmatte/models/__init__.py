"""Network architectures (needs torch). The import lines below fill the registry."""

from pocketmatte.models import (
    deeplab,
    mobile_unet,
    mobilenetv3_add,
    mobilenetv3_unet,
    portrait_net,
    prisma_net,
    sinet,
    slim_net,
    tiers,
)
from pocketmatte.models.output import TrainOutput
from pocketmatte.models.registry import create_model, list_architectures, register

__all__ = ["TrainOutput", "create_model", "list_architectures", "register"]
_ = (
    *(tiers, mobile_unet, mobilenetv3_unet, mobilenetv3_add, prisma_net),
    *(slim_net, portrait_net, deeplab, sinet),
)
