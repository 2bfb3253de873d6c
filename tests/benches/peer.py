"""The jobs of `cargo xtask bench` in PyTorch: the same networks, losses and loader made of torch's own layers.

    peer.py JOB [--runs N] [--threads N] [--data DIR]    times one job and prints one line of JSON
    peer.py --list                                       the jobs
    peer.py --check [--state-dicts DIR]                  holds names and shapes of parameters to the reference's lists

The networks are written after the crate `mde-models`, with the reference's parameter names. Needs torch, numpy and, for
the loader, Pillow. Layouts and kernels are torch's defaults, so that the times are what a user of the reference sees.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import resource
import statistics
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# ---- layers ----


def conv(
    cin: int, out: int, k: int, stride: int = 1, groups: int = 1, dilation: int = 1, bias: bool = False
) -> nn.Conv2d:
    """A convolution with the padding that keeps an odd kernel's input size at stride 1."""
    return nn.Conv2d(cin, out, k, stride, dilation * (k - 1) // 2, dilation, groups, bias)


def relu() -> nn.ReLU:
    return nn.ReLU(inplace=True)


class Named(nn.Sequential):
    def __init__(self, **modules: nn.Module) -> None:
        super().__init__(OrderedDict(modules))


def resize_to(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def initialise(net: nn.Module) -> nn.Module:
    """As the Rust networks begin: uniform in ± sqrt(6 / fan-in), biases 0, so that activations keep their scale."""
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net


# ---- encoders ----


class Pyramid(Named):
    """A chain of layers; gives the maps behind the `kept` ones, at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size."""

    def __init__(self, *kept: str, **modules: nn.Module) -> None:
        super().__init__(**modules)
        self.kept = kept

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for name, module in self.named_children():
            x = module(x)
            if name in self.kept:
                maps.append(x)
        return maps


class Excitation(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = conv(channels, channels // reduction, 1, bias=True)
        self.fc2 = conv(channels // reduction, channels, 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = F.relu(self.fc1(x.mean((2, 3), keepdim=True)), inplace=True)
        return x * torch.sigmoid(self.fc2(squeezed))


class Bottleneck(nn.Module):
    """1x1, 3x3 (which takes the stride), 1x1: of ResNet, and with groups and excitation of SENet."""

    def __init__(self, cin: int, narrow: int, wide: int, out: int, stride: int, senet: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(cin, narrow, 1), nn.BatchNorm2d(narrow)
        self.conv2, self.bn2 = conv(narrow, wide, 3, stride, groups=64 if senet else 1), nn.BatchNorm2d(wide)
        self.conv3, self.bn3 = conv(wide, out, 1), nn.BatchNorm2d(out)
        self.se_module = Excitation(out) if senet else nn.Identity()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or cin != out:
            kernel = 3 if senet and stride != 1 else 1
            self.downsample = nn.Sequential(conv(cin, out, kernel, stride), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.se_module(self.bn3(self.conv3(y)))
        return F.relu(y + self.downsample(x), inplace=True)


def stages(cin: int, blocks: tuple[int, ...], senet: bool) -> Iterator[nn.Sequential]:
    for index, count in enumerate(blocks):
        out = 256 << index
        narrow, wide = (out // 2, out) if senet else (out // 4, out // 4)
        strides = [2 if index > 0 else 1] + [1] * (count - 1)
        inputs = [cin] + [out] * (count - 1)
        yield nn.Sequential(*(Bottleneck(c, narrow, wide, out, stride, senet) for c, stride in zip(inputs, strides)))
        cin = out


def resnet50() -> Pyramid:
    names = ("layer1", "layer2", "layer3", "layer4")
    stem = {"conv1": conv(3, 64, 7, stride=2), "bn1": nn.BatchNorm2d(64), "relu": relu()}
    layers = dict(zip(names, stages(64, (3, 4, 6, 3), senet=False)))
    return Pyramid("relu", *names, **stem, maxpool=nn.MaxPool2d(3, stride=2, padding=1), **layers)


def senet154() -> Named:
    stem = Named(
        conv1=conv(3, 64, 3, stride=2), bn1=nn.BatchNorm2d(64), relu1=relu(),
        conv2=conv(64, 64, 3), bn2=nn.BatchNorm2d(64), relu2=relu(),
        conv3=conv(64, 128, 3), bn3=nn.BatchNorm2d(128), relu3=relu(),
    )  # fmt: skip
    layers = dict(zip("1234", stages(128, (3, 8, 36, 3), senet=True)))
    pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    return Named(base=Pyramid("0", *layers, **{"0": stem}, maxpool=pool, **layers))


class DenseLayer(Named):
    def __init__(self, cin: int, growth: int) -> None:
        super().__init__(
            norm1=nn.BatchNorm2d(cin), relu1=relu(), conv1=conv(cin, 4 * growth, 1),
            norm2=nn.BatchNorm2d(4 * growth), relu2=relu(), conv2=conv(4 * growth, growth, 3),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, super().forward(x)], 1)


def densenet161() -> Pyramid:
    channels, growth = 96, 48
    modules: dict[str, nn.Module] = {"conv0": conv(3, channels, 7, stride=2), "norm0": nn.BatchNorm2d(channels)}
    modules |= {"relu0": relu(), "pool0": nn.MaxPool2d(3, stride=2, padding=1)}
    for number, count in enumerate((6, 12, 36, 24), start=1):
        layers = {f"denselayer{i + 1}": DenseLayer(channels + i * growth, growth) for i in range(count)}
        modules[f"denseblock{number}"] = Named(**layers)
        channels += count * growth
        if number < 4:
            halve = {"conv": conv(channels, channels // 2, 1), "pool": nn.AvgPool2d(2)}
            modules[f"transition{number}"] = Named(norm=nn.BatchNorm2d(channels), relu=relu(), **halve)
            channels //= 2
    modules |= {"norm5": nn.BatchNorm2d(channels), "relu5": relu()}
    return Pyramid("relu0", "pool0", "transition1", "transition2", "relu5", **modules)


# ---- MFF ----


class UpProjection(nn.Module):
    def __init__(self, cin: int, out: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(cin, out, 5), nn.BatchNorm2d(out)
        self.conv1_2, self.bn1_2 = conv(out, out, 3), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = conv(cin, out, 5), nn.BatchNorm2d(out)

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        x = resize_to(x, like)
        first = self.bn1_2(self.conv1_2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        return F.relu(first + self.bn2(self.conv2(x)), inplace=True)


class Decoder(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels >> shift for shift in range(1, 6)]
        self.conv, self.bn = conv(channels, widths[0], 1), nn.BatchNorm2d(widths[0])
        self.up1, self.up2, self.up3, self.up4 = map(UpProjection, widths[:4], widths[1:])

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = F.relu(self.bn(self.conv(maps[4])), inplace=True)
        for up, like in zip((self.up1, self.up2, self.up3, self.up4), reversed(maps[:4])):
            x = up(x, like)
        return x


class Fusion(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up1, self.up2, self.up3, self.up4 = (UpProjection(channels >> shift, 16) for shift in (3, 2, 1, 0))
        self.conv, self.bn = conv(64, 64, 5), nn.BatchNorm2d(64)

    def forward(self, maps: list[Tensor]) -> Tensor:
        ups = (self.up1, self.up2, self.up3, self.up4)
        fused = torch.cat([up(block, maps[0]) for up, block in zip(ups, maps[1:])], 1)
        return F.relu(self.bn(self.conv(fused)), inplace=True)


class Mff(nn.Module):
    def __init__(self, encoder: nn.Module, channels: int = 2048) -> None:
        super().__init__()
        units = channels // 32 + 64
        self.E, self.D, self.MFF = encoder, Decoder(channels), Fusion(channels)
        self.R = Named(
            conv0=conv(units, units, 5), bn0=nn.BatchNorm2d(units), relu0=relu(),
            conv1=conv(units, units, 5), bn1=nn.BatchNorm2d(units), relu1=relu(),
            conv2=conv(units, 1, 5, bias=True),
        )  # fmt: skip

    def features(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The layers D and MFF."""
        maps = self.E(image)
        return self.D(maps), self.MFF(maps)

    def forward(self, image: Tensor) -> Tensor:
        return self.R(torch.cat(self.features(image), 1))


# ---- BTS ----


def bts_norm(channels: int, eps: float = 1.1e-5) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps, momentum=0.01)


def conv_elu(cin: int, out: int, k: int = 3) -> nn.Sequential:
    return nn.Sequential(conv(cin, out, k), nn.ELU(inplace=True))


def up_conv(cin: int, out: int) -> Named:
    return Named(up=nn.Upsample(scale_factor=2), conv=conv(cin, out, 3), elu=nn.ELU(inplace=True))


def atrous(cin: int, out: int, dilation: int, norm: bool) -> Named:
    # The first ReLU may not write over its input: without a norm before it, that is a map which others read too.
    sequence = nn.Sequential(
        nn.ReLU(), conv(cin, 2 * out, 1), bts_norm(2 * out, 1e-5), relu(), conv(2 * out, out, 3, dilation=dilation)
    )
    return Named(atrous_conv=Named(**({"first_bn": bts_norm(cin)} if norm else {}), aconv_sequence=sequence))


def reduction(cin: int, first: int, **last: nn.Module) -> Named:
    """1x1 convolutions that halve the channels down to 8, then the last one."""
    modules: dict[str, nn.Module] = {}
    while first >= 8:
        modules[f"inter_{cin}_{first}"] = conv_elu(cin, first, 1)
        cin, first = first, first // 2
    return Named(**modules, **last)


class Planes(Named):
    """A plane per pixel, and its depth at the ratio x ratio pixels that it covers (equation 2 of the paper)."""

    def __init__(self, cin: int, first: int, ratio: int) -> None:
        super().__init__(reduc=reduction(cin, first, plane_params=conv(8, 3, 1)))
        self.ratio = ratio

    def forward(self, x: Tensor) -> Tensor:
        theta, phi, distance = torch.sigmoid(super().forward(x)).split(1, dim=1)
        theta, phi = theta * (math.pi / 3), phi * (2 * math.pi)
        along = (torch.arange(self.ratio) - 0.5 * (self.ratio - 1)) / self.ratio
        v, u = (grid.reshape(1, -1, 1, 1) for grid in torch.meshgrid(along, along, indexing="ij"))
        sin = theta.sin()
        rays = u * (sin * phi.cos()) + v * (sin * phi.sin()) + theta.cos()
        return F.pixel_shuffle(distance / rays, self.ratio)


class BtsDecoder(nn.Module):
    dilations = (3, 6, 12, 18, 24)

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth, last = channels
        self.upconv5, self.bn5, self.conv5 = up_conv(last, 512), bts_norm(512), conv_elu(512 + sixteenth, 512)
        self.upconv4, self.bn4, self.conv4 = up_conv(512, 256), bts_norm(256), conv_elu(256 + eighth, 256)
        self.bn4_2 = bts_norm(256)
        for index, dilation in enumerate(self.dilations):
            seen = 256 + eighth + 128 * index if index else 256
            self.add_module(f"daspp_{dilation}", atrous(seen, 128, dilation, norm=index > 0))
        self.daspp_conv = conv_elu(256 + 5 * 128, 128)
        self.reduc8x8 = Planes(128, 128, 8)
        self.upconv3, self.bn3, self.conv3 = up_conv(128, 128), bts_norm(128), conv_elu(128 + quarter + 1, 128)
        self.reduc4x4 = Planes(128, 64, 4)
        self.upconv2, self.bn2, self.conv2 = up_conv(128, 64), bts_norm(64), conv_elu(64 + half + 1, 64)
        self.reduc2x2 = Planes(64, 32, 2)
        self.upconv1 = up_conv(64, 32)
        self.reduc1x1 = Named(reduc=reduction(32, 16, final=nn.Sequential(conv(8, 1, 1), nn.Sigmoid())))
        self.conv1 = conv_elu(32 + 4, 32)
        self.get_depth = nn.Sequential(conv(32, 1, 3), nn.Sigmoid())

    def aspp(self, x: Tensor, concat: Tensor) -> Tensor:
        """The first branch sees `x`, the others `concat` and what the branches before them gave."""
        outputs: list[Tensor] = []
        for dilation in self.dilations:
            seen = torch.cat([concat, *outputs], 1) if outputs else x
            outputs.append(self.get_submodule(f"daspp_{dilation}")(seen))
        return self.daspp_conv(torch.cat([x, *outputs], 1))

    def forward(self, maps: list[Tensor]) -> Tensor:
        half, quarter, eighth, sixteenth, last = maps
        x = self.conv5(torch.cat([self.bn5(self.upconv5(last)), sixteenth], 1))
        concat = torch.cat([self.bn4(self.upconv4(x)), eighth], 1)
        x = self.aspp(self.bn4_2(self.conv4(concat)), concat)
        depth8 = self.reduc8x8(x)
        x = self.conv3(torch.cat([self.bn3(self.upconv3(x)), quarter, depth8[..., ::4, ::4]], 1))
        depth4 = self.reduc4x4(x)
        x = self.conv2(torch.cat([self.bn2(self.upconv2(x)), half, depth4[..., ::2, ::2]], 1))
        depth2 = self.reduc2x2(x)
        x = self.upconv1(x)
        x = self.conv1(torch.cat([x, self.reduc1x1(x), depth2, depth4, depth8], 1))
        return 10.0 * self.get_depth(x)


def bts() -> Named:
    return Named(encoder=Named(base_model=densenet161()), decoder=BtsDecoder((96, 96, 192, 384, 2208)))


# ---- METER XXS ----


def double_conv(cin: int, out: int, stride: int = 1) -> Named:
    """What METER calls separable; its 3x3 convolution has one group."""
    return Named(depthwise=conv(cin, out, 3, stride), pointwise=conv(out, out, 1))


def normed(module: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(module, nn.BatchNorm2d(channels), relu())


class InvertedResidual(nn.Module):
    def __init__(self, cin: int, out: int, stride: int) -> None:
        super().__init__()
        wide = 2 * cin
        self.residual = stride == 1 and cin == out
        self.conv = nn.Sequential(
            *normed(conv(cin, wide, 1), wide), *normed(conv(wide, wide, 3, stride, groups=wide), wide),
            conv(wide, out, 1), nn.BatchNorm2d(out),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class Attention(nn.Module):
    heads, head = 4, 8

    def __init__(self, token: int) -> None:
        super().__init__()
        self.to_qkv = nn.Linear(token, 3 * self.heads * self.head, bias=False)
        self.to_out = nn.Sequential(nn.Linear(self.heads * self.head, token))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.to_qkv(x).unflatten(-1, (3, self.heads, self.head)).permute(2, 0, 3, 1, 4)
        return self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def feed_forward(token: int, hidden: int) -> Named:
    # The identity stands where the reference has a dropout of 0.
    return Named(net=nn.Sequential(nn.Linear(token, hidden), relu(), nn.Identity(), nn.Linear(hidden, token)))


class Residual(nn.Module):
    def __init__(self, token: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(token), fn

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fn(self.norm(x))


class MobileVitBlock(nn.Module):
    def __init__(self, channels: int, token: int, hidden: int) -> None:
        super().__init__()
        layer = nn.Sequential(Residual(token, Attention(token)), Residual(token, feed_forward(token, hidden)))
        self.conv1 = normed(double_conv(channels, channels), channels)
        self.conv2 = normed(conv(channels, token, 1), token)
        self.transformer = Named(layers=nn.Sequential(layer))
        self.conv3 = normed(conv(token, channels, 1), channels)
        self.conv4 = normed(double_conv(2 * channels, channels), channels)

    def forward(self, image: Tensor) -> Tensor:
        x = self.conv2(self.conv1(image))
        b, c, h, w = x.shape
        # The pixels at one place of their 2x2 patches see each other: [B, 4, H W / 4, C] as 4 B sequences.
        x = x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 2, 4, 1).reshape(4 * b, h * w // 4, c)
        x = self.transformer(x)
        x = x.reshape(b, 2, 2, h // 2, w // 2, c).permute(0, 5, 3, 1, 4, 2).reshape(b, c, h, w)
        return self.conv4(torch.cat([self.conv3(x), image], 1))


class MobileVit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        plan = [(16, 16, 1), (16, 24, 2), (24, 24, 1), (24, 24, 1), (24, 48, 2), (48, 64, 2), (64, 80, 2)]
        self.conv1 = normed(double_conv(3, 16, stride=2), 16)
        self.mv2 = nn.ModuleList(InvertedResidual(*shape) for shape in plan)
        blocks = [(48, 64, 128), (64, 80, 320), (80, 96, 384)]
        self.mvit = nn.ModuleList(MobileVitBlock(*shape) for shape in blocks)
        self.conv2 = normed(conv(80, 160, 1), 160)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last map, and the skip connections at 1/4, 1/8 and 1/16."""
        x = self.mv2[1](self.mv2[0](self.conv1(image)))
        skips = [x]
        x = self.mv2[3](self.mv2[2](x))
        for residual, block in zip(self.mv2[4:], self.mvit):
            x = residual(x)
            skips.append(x)
            x = block(x)
        return self.conv2(x), skips[:3]


class UpBlock(nn.Module):
    def __init__(self, cin: int, out: int, skip: int) -> None:
        super().__init__()
        self.conv2d_transpose = nn.ConvTranspose2d(cin, out, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.end_up_layer = nn.Sequential(double_conv(out + skip, out), relu())

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.end_up_layer(torch.cat([self.conv2d_transpose(x), skip], 1))


class Meter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = MobileVit()
        self.decoder = Named(
            conv2d_in=conv(160, 64, 1),
            ups_block_1=UpBlock(64, 32, 64), ups_block_2=UpBlock(32, 16, 48), ups_block_3=UpBlock(16, 8, 24),
            conv2d_out=conv(8, 1, 3),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        x, skips = self.encoder(image)
        first, *ups, last = self.decoder
        x = first(x)
        for up, skip in zip(ups, reversed(skips)):
            x = up(x, skip)
        return last(x) / 100.0  # centimetres


# ---- the method: docs/method.md ----


def sid_edges(alpha: float = 0.75, beta: float = 10.0, k: int = 64) -> Tensor:
    edges = [math.exp(i * math.log(beta + 1 - alpha) / (k - 1)) - (1 - alpha) for i in range(1, k - 1)]
    return torch.tensor([0.0, alpha, *edges, beta])


def bin_sums(features: Tensor, depth: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Sums [N, K] of `features` [N, ...] over the pixels of each bin of `depth` [...], and pixels per bin [K]."""
    k = len(edges) - 1
    slot = torch.bucketize(depth, edges) - 1
    slot = torch.where(slot == k, 0, slot)  # as the reference: depth beyond the last edge counts in bin 0
    sums, counts = [], []
    # Picking the pixels takes torch less time than multiplying all of them with each mask.
    for index in range(k):
        mask = slot == index
        sums.append(features[:, mask].sum(1))
        counts.append(mask.sum())
    return torch.stack(sums, 1), torch.stack(counts)


def assigned_selectivity(features: Tensor, gt: Tensor, edges: Tensor) -> Tensor:
    resized = resize_to(features.abs(), gt)
    sums, counts = bin_sums(resized.transpose(0, 1), gt[:, 0], edges)
    response = sums / counts.clamp(min=1)
    units, k = response.shape
    owner = torch.arange(units) * k // units
    own = response[torch.arange(units), owner]
    rest = (response.sum(1) - own) / (k - 1)
    return ((own - rest) / (own + rest + 1e-15) * (counts[owner] > 0)).mean()


def log_loss(error: Tensor) -> Tensor:
    return (error.abs() + 0.5).log().mean()


def mff_loss(pred: Tensor, gt: Tensor) -> Tensor:
    """Without the masks of unmeasured pixels: the bench's targets have none."""
    x = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    sobel = torch.stack([x, x.T]).unsqueeze(1)
    slopes, gt_slopes = (F.conv2d(depth, sobel, padding=1) for depth in (pred, gt))
    normal, gt_normal = (torch.cat([-slope, torch.ones_like(gt)], 1) for slope in (slopes, gt_slopes))
    steps = sum(log_loss(slopes[:, axis] - gt_slopes[:, axis]) for axis in (0, 1))
    return log_loss(pred - gt) + steps + (1 - F.cosine_similarity(normal, gt_normal, dim=1)).abs().mean()


# ---- jobs: each function builds what its job needs and returns what is timed ----

Run = Callable[[], Tensor]
NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "mff-resnet50": (lambda: Mff(resnet50()), "mff_resnet50.txt"),
    "mff-senet154": (lambda: Mff(senet154()), "mff_senet154.txt"),
    "bts-densenet161": (bts, "bts_densenet161.txt"),
    "meter-xxs": (Meter, "meter_xxs.txt"),
}


def build(name: str) -> nn.Module:
    return initialise(NETWORKS[name][0]())


def random_depth(*shape: int) -> Tensor:
    return 0.5 + 9.0 * torch.rand(shape)


def forward_job(name: str, *shape: int) -> Run:
    net, image = build(name).eval(), torch.randn(shape)
    return torch.no_grad()(lambda: net(image))


def step_job(net: nn.Module, lr: float, loss_of: Callable[[], Tensor]) -> Run:
    net.train()
    adam = torch.optim.Adam(net.parameters(), lr=lr, weight_decay=1e-4)

    def run() -> Tensor:
        adam.zero_grad()
        loss = loss_of()
        loss.backward()
        adam.step()
        return loss.detach()

    return run


def meter_step() -> Run:
    net, image, gt = build("meter-xxs"), torch.rand(8, 3, 192, 256), random_depth(8, 1, 96, 128)
    return step_job(net, 3e-4, lambda: log_loss(resize_to(net(image), gt) - gt))


def mff_step() -> Run:
    net, image, gt = Mff(resnet50()), torch.randn(2, 3, 228, 304), random_depth(2, 1, 114, 152)
    initialise(net)
    edges = sid_edges()

    def loss_of() -> Tensor:
        assigned = net.features(image)
        selectivity = sum(assigned_selectivity(layer, gt, edges) for layer in assigned)
        return mff_loss(net.R(torch.cat(assigned, 1)), gt) - 0.1 * selectivity

    return step_job(net, 1e-4, loss_of)


def room_depth(height: int, width: int) -> Tensor:
    """A floor seen from 1.4 m above it, before a wall that is not square to the view."""
    wall = 3 + 4 * torch.arange(width) / width
    floor = 1.4 * 260 / (torch.arange(height) - height // 2).clamp(min=1e-3)
    return torch.minimum(wall, floor[:, None])


def dissect_tally(depth: Tensor) -> Run:
    layers, edges = torch.randn(2, 64, 114, 152), sid_edges()
    sums, counts = torch.zeros(2, 64, 64, dtype=torch.float64), torch.zeros(2, 64, dtype=torch.float64)

    @torch.no_grad()
    def run() -> Tensor:
        for layer, features in enumerate(layers):
            resized = resize_to(features[None], depth)[0]
            image_sums, image_counts = bin_sums(resized, depth, edges)
            sums[layer] += image_sums
            counts[layer] += image_counts
        return sums

    return run


def load_pair(rgb: Path, depth: Path) -> tuple[Tensor, Tensor]:
    """As `mde_datasets::MffEval`: the shorter side to 240, the middle 228x304, ImageNet's normalisation, metres."""
    from PIL import Image

    arrays = []
    for path, method in ((rgb, Image.Resampling.BILINEAR), (depth, Image.Resampling.NEAREST)):
        with Image.open(path) as image:
            scale = 240 / min(image.size)
            small = image.resize((int(image.width * scale), int(image.height * scale)), method)
        left, top = (small.width - 304) // 2, (small.height - 228) // 2
        arrays.append(np.array(small.crop((left, top, left + 304, top + 228)), dtype=np.float32))
    colours = torch.from_numpy(arrays[0]).permute(2, 0, 1).contiguous() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (colours - mean) / std, torch.from_numpy(arrays[1])[None] / 1000


PAIRS = 100


def eval_loader(data: Path) -> Run:
    lines = (data / "nyuv2_test.csv").read_text().splitlines()[:PAIRS]
    if len(lines) < PAIRS:
        raise ValueError(f"{data}/nyuv2_test.csv lists {len(lines)} pairs; the job takes {PAIRS}")
    pairs = [[data / name for name in line.split(",")[:2]] for line in lines]

    def run() -> Tensor:
        image = torch.empty(0)
        for rgb, depth in pairs:
            image, _ = load_pair(rgb, depth)
        return image

    return run


CONV = re.compile(r"conv-(\d+)x(\d+)-k(\d+)-s(\d+)-d(\d+)-g(\d+)-(\d+)x(\d+)-(forward|backward)")
CONV_NAMES = "conv-<cin>x<cout>-k<k>-s<stride>-d<dilation>-g<groups>-<h>x<w>-<forward|backward>"


def conv_job(match: re.Match[str]) -> Run:
    *numbers, way = match.groups()
    cin, cout, k, stride, dilation, groups, h, w = map(int, numbers)
    layer, x = conv(cin, cout, k, stride, groups, dilation), torch.randn(1, cin, h, w)
    if way == "forward":
        return torch.no_grad()(lambda: layer(x))
    out = layer(x.requires_grad_())
    gradient = torch.randn_like(out)
    return lambda: torch.autograd.grad(out, (x, layer.weight), gradient, retain_graph=True)[0]


JOBS: dict[str, Callable[[], Run]] = {
    "mff-resnet50-forward": lambda: forward_job("mff-resnet50", 1, 3, 228, 304),
    "mff-senet154-forward": lambda: forward_job("mff-senet154", 1, 3, 228, 304),
    "bts-densenet161-forward": lambda: forward_job("bts-densenet161", 1, 3, 480, 640),
    "meter-xxs-forward": lambda: forward_job("meter-xxs", 8, 3, 192, 256),
    "meter-xxs-step": meter_step,
    "mff-resnet50-step": mff_step,
    "dissect-tally": lambda: dissect_tally(random_depth(228, 304)),
    "dissect-tally-room": lambda: dissect_tally(room_depth(228, 304)),
}
LOADER = "nyu-eval-loader"


# ---- command line ----


def check(folder: Path) -> bool:
    """Whether names and shapes of all networks are those of the lists in `folder`."""
    agree = True
    for name, (network, file) in NETWORKS.items():
        with torch.device("meta"):
            net = network()
        found = {key: "x".join(map(str, value.shape)) or "scalar" for key, value in net.state_dict().items()}
        expected = dict(line.split()[:2] for line in (folder / file).read_text().splitlines())
        wrong = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
        for key in sorted(wrong):
            print(f"{name}: {key}: {found.get(key, 'missing')}, expected {expected.get(key, 'none')}")
        count = sum(parameter.numel() for parameter in net.parameters())
        print(f"{name}: {len(found)} entries, {len(wrong)} wrong, {count} parameters")
        agree &= not wrong
    return agree


# Seconds of runs that are not timed, as in jobs.rs.
WARM_UP = 0.5


def measure(run: Run, runs: int) -> list[float]:
    # Numbers that ran away would be timed as something else than what they stand for.
    if not run().isfinite().all():
        raise ValueError("the job's output is not finite")
    begin = time.perf_counter()
    while time.perf_counter() - begin < WARM_UP:
        run()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description="Times a job of the bench in PyTorch.")
    parser.add_argument("job", nargs="?")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help=f"folder with nyuv2_test.csv, for {LOADER}")
    parser.add_argument("--list", action="store_true", help="print the jobs")
    parser.add_argument("--check", action="store_true", help="compare parameters with the reference's lists")
    goldens = Path(__file__).resolve().parent.parent / "goldens"
    parser.add_argument("--state-dicts", type=Path, default=goldens / "state_dicts")
    options = parser.parse_args()
    names = "\n".join([*JOBS, LOADER, CONV_NAMES])
    if options.list:
        print(names)
        return 0
    if options.check:
        return 0 if check(options.state_dicts) else 1
    job = options.job or ""
    shape = CONV.fullmatch(job)
    if job not in (*JOBS, LOADER) and not shape:
        print(f"no job {job!r}; there are\n{names}", file=sys.stderr)
        return 2
    if job == LOADER and options.data is None:
        parser.error(f"{LOADER} needs --data")
    if options.runs < 1:
        parser.error("--runs must be at least 1")

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    run = conv_job(shape) if shape else eval_loader(options.data) if job == LOADER else JOBS[job]()
    images = PAIRS if job == LOADER else 1
    runs = [seconds / images for seconds in measure(run, options.runs)]
    result = {
        "job": job,
        "seconds": statistics.median(runs),
        "runs": runs,
        # Linux counts kibibytes, macOS bytes.
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "torch": torch.__version__,
        "threads": options.threads,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
