"""Well-known networks with stems for small grey input, to compare with and to be taught by.

Parameter names are torchvision's, so that weights trained elsewhere load with `--pretrained`.
"""

from __future__ import annotations

import torch
from torch import nn


class LeNet5(nn.Module):
    """LeNet-5 (LeCun et al. 1998), with ReLU and max pooling as is usual today."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        side = (size // 2 - 4) // 2
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * side * side, 120),
            nn.ReLU(inplace=True),
            nn.Linear(120, 84),
            nn.ReLU(inplace=True),
            nn.Linear(84, classes),
        )

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify floats `[n, 1, size, size]` in 0 to 1."""
        logits: torch.Tensor = self.classifier(self.features(glyphs).flatten(1))
        return logits


class _Basic(nn.Module):
    """Two convolutions around which the input is carried (He et al. 2016, basic block)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(maps)))
        summed: torch.Tensor = self.relu(self.bn2(self.conv2(out)) + self.downsample(maps))
        return summed


class ResNet18(nn.Module):
    """ResNet-18 (He et al. 2016) without the pooling after its stem, for small input."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(_Basic(64, 64, 1), _Basic(64, 64, 1))
        self.layer2 = nn.Sequential(_Basic(64, 128, 2), _Basic(128, 128, 1))
        self.layer3 = nn.Sequential(_Basic(128, 256, 2), _Basic(256, 256, 1))
        self.layer4 = nn.Sequential(_Basic(256, 512, 2), _Basic(512, 512, 1))
        self.fc = nn.Linear(512, classes)

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify floats `[n, 1, size, size]` in 0 to 1."""
        maps = self.relu(self.bn1(self.conv1(glyphs)))
        maps = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        logits: torch.Tensor = self.fc(maps.mean((2, 3)))
        return logits


class Vgg11(nn.Module):
    """VGG-11 with batch norm (Simonyan & Zisserman 2015), ending in one linear layer."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        # Small input leaves room for four halvings rather than five.
        for outputs in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512):
            if outputs == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(512, classes)

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify floats `[n, 1, size, size]` in 0 to 1."""
        logits: torch.Tensor = self.classifier(self.features(glyphs).mean((2, 3)))
        return logits
