"""A LoRA for the UNet: small trained additions to its linear layers and 3x3 convolutions, in kohya's file format."""
import torch
import torch.nn as nn
import torch.nn.functional as F

RANK_LINEAR, RANK_CONV = 4, 2


class Patch(nn.Module):
    """y = layer(x) + up(down(x)); alpha equals the rank, so the factor is 1."""

    def __init__(self, layer, rank):
        super().__init__()
        if isinstance(layer, nn.Conv2d):
            self.down = nn.Parameter(
                torch.randn(rank, layer.in_channels, *layer.kernel_size) * (layer.in_channels * 9) ** -0.5
            )
            self.up = nn.Parameter(torch.zeros(layer.out_channels, rank, 1, 1))
        else:
            self.down = nn.Parameter(torch.randn(rank, layer.in_features) * layer.in_features**-0.5)
            self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        self.conv = isinstance(layer, nn.Conv2d)
        self.padding = layer.padding if self.conv else 0
        self.strength = 1.0
        layer.register_forward_hook(self.hook)

    def hook(self, layer, args, out):
        if self.strength == 0:
            return out
        x = args[0]
        if self.conv:
            return out + self.strength * F.conv2d(F.conv2d(x, self.down, padding=self.padding), self.up)
        return out + self.strength * F.linear(F.linear(x, self.down), self.up)


def wanted(name, layer):
    """Which layers get a patch, and of what rank."""
    if isinstance(layer, nn.Linear) and ("attn" in name or "ff.net" in name or "proj_" in name):
        return RANK_LINEAR
    if isinstance(layer, nn.Conv2d) and (name.endswith("out_layers.3") or name == "out.2"):
        return RANK_CONV
    return 0


def attach(unet):
    """Patches the UNet in place; returns the patches as a module, keyed by layer name with '.' as '_'."""
    out = nn.ModuleDict()
    for name, layer in list(unet.named_modules()):
        rank = wanted(name, layer)
        if rank:
            out[name.replace(".", "_")] = Patch(layer, rank)
    return out


def kohya(patches):
    """Tensors under kohya's names."""
    out = {}
    for name, p in patches.items():
        out[f"lora_unet_{name}.lora_down.weight"] = p.down
        out[f"lora_unet_{name}.lora_up.weight"] = p.up
        out[f"lora_unet_{name}.alpha"] = torch.tensor(float(p.down.shape[0]))
    return out
