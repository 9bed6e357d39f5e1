"""The network of the ESRGAN family, under the names that src/model/esrgan.c knows, and its file."""
import json
import struct

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, GROWTH, BLOCKS = 16, 8, 1
BORDER = "8"  # pixels to repeat around a picture: edges are not trained on (train.py, EDGE)


def leaky(x):
    return F.leaky_relu(x, 0.2)


def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        for k in range(5):
            self.add_module(f"conv{k + 1}", conv(WIDTH + k * GROWTH, GROWTH if k < 4 else WIDTH))

    def forward(self, x):
        seen = x
        for k in range(1, 5):
            seen = torch.cat((seen, leaky(self._modules[f"conv{k}"](seen))), 1)
        return x + 0.2 * self.conv5(seen)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = Dense(), Dense(), Dense()

    def forward(self, x):
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_first = conv(3, WIDTH)
        self.body = nn.Sequential(*[Block() for _ in range(BLOCKS)])
        self.conv_body, self.conv_up1 = conv(WIDTH, WIDTH), conv(WIDTH, WIDTH)
        self.conv_hr = conv(WIDTH, WIDTH)
        self.conv_last = conv(WIDTH, 3)
        self.begin_with_interpolation()

    @torch.no_grad()
    def begin_with_interpolation(self):
        """Three channels carry the picture through: what interpolation lacks is left to learn."""
        one, tent = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.25, 0.5, 0.25])
        layers = (self.conv_first, self.conv_up1, self.conv_hr, self.conv_last)
        for layer, line in zip(layers, (one, tent, one, one)):
            layer.weight[:3] = 0
            layer.bias[:3] = 0
            for i in range(3):
                layer.weight[i, i] = torch.outer(line, line)
        self.conv_last.weight[:, 3:] = 0.01 * torch.randn(3, WIDTH - 3, 3, 3)
        self.conv_body.weight.mul_(0.3)

    def forward(self, x):
        first = self.conv_first(x)
        x = first + self.conv_body(self.body(first))
        x = leaky(self.conv_up1(F.interpolate(x, scale_factor=2, mode="nearest")))
        return self.conv_last(leaky(self.conv_hr(x)))


def write_safetensors(path, net):
    header, data = {"__metadata__": {"format": "pt", "licence": "MIT", "fooocus.border": BORDER}}, b""
    for name, tensor in net.state_dict().items():
        bytes_ = tensor.half().contiguous().numpy().tobytes()
        place = [len(data), len(data) + len(bytes_)]
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": place}
        data += bytes_
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header, data = json.loads(file.read(size)), file.read()
    header.pop("__metadata__", None)
    state = {}
    for name, t in header.items():
        half = torch.frombuffer(bytearray(data[slice(*t["data_offsets"])]), dtype=torch.float16)
        state[name] = half.float().reshape(t["shape"])
    return state
