"""The networks of experiments/networks in PyTorch, as one writes them there."""

import torch
from torch import nn
from torch.nn import functional


def convolution(inputs, outputs, size, stride=1):
    return nn.Conv2d(inputs, outputs, size, stride, padding=(size - 1) // 2, bias=False)


class Block(nn.Module):
    """A pre-activation block, whose shortcut is a convolution where the channels change."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = convolution(inputs, outputs, 3, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = convolution(outputs, outputs, 3)
        self.shortcut = None if inputs == outputs else convolution(inputs, outputs, 1, stride)

    def forward(self, x):
        active = functional.relu(self.bn1(x), inplace=True)
        inner = functional.relu(self.bn2(self.conv1(active)), inplace=True)
        return self.conv2(inner) + (x if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    def __init__(self, depth, width, classes):
        super().__init__()
        blocks = (depth - 4) // 6
        layers = [convolution(3, 16, 3)]
        inputs = 16
        for outputs, stride in ((16 * width, 1), (32 * width, 2), (64 * width, 2)):
            for i in range(blocks):
                layers.append(Block(inputs, outputs, stride if i == 0 else 1))
                inputs = outputs
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, images):
        return self.classifier(self.layers(images).mean((2, 3)))


class Bottleneck(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = convolution(inputs, 4 * growth, 1)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = convolution(4 * growth, growth, 3)

    def forward(self, x):
        narrow = self.conv1(functional.relu(self.bn1(x), inplace=True))
        new = self.conv2(functional.relu(self.bn2(narrow), inplace=True))
        return torch.cat([x, new], 1)


class DenseNet(nn.Module):
    """DenseNet-BC."""

    def __init__(self, depth, growth, classes):
        super().__init__()
        channels = 2 * growth
        layers = [convolution(3, channels, 3)]
        for block in range(3):
            for _ in range((depth - 4) // 6):
                layers.append(Bottleneck(channels, growth))
                channels += growth
            if block < 2:
                layers += [
                    nn.BatchNorm2d(channels),
                    nn.ReLU(inplace=True),
                    convolution(channels, channels // 2, 1),
                    nn.AvgPool2d(2),
                ]
                channels //= 2
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(channels, classes, bias=False)

    def forward(self, images):
        return self.classifier(self.layers(images).mean((2, 3)))


class SentencePairClassifier(nn.Module):
    """Bidirectional LSTM with maximum pooling over the time, padding included, as InferSent's."""

    def __init__(self, embedding, units, hidden):
        super().__init__()
        self.lstm = nn.LSTM(embedding, units, bidirectional=True, batch_first=True)
        self.classifier = nn.Sequential(
            nn.Linear(8 * units, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 3)
        )

    def encode(self, words, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            words, lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return states.max(1).values

    def forward(self, premises, premise_lengths, hypotheses, hypothesis_lengths):
        u = self.encode(premises, premise_lengths)
        v = self.encode(hypotheses, hypothesis_lengths)
        return self.classifier(torch.cat([u, v, (u - v).abs(), u * v], 1))
